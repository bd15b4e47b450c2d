//! Reads text again that was UTF-8 and had been taken for Windows-1252 ("JosÃ©" for "José").

use encoding_rs::WINDOWS_1252;

/// The text as it was meant, when the bytes of its Windows-1252 form are UTF-8 and the result looks better.
/// Text that was mistaken several times is read again as often.
pub(super) fn repair(text: &str) -> Option<String> {
    let mut best = once(text)?;
    while let Some(better) = once(&best) {
        best = better;
    }
    Some(best)
}

fn once(text: &str) -> Option<String> {
    // The first byte of a sequence of UTF-8 shows as one of these letters.
    if !text.chars().any(|c| ('\u{c2}'..='\u{f4}').contains(&c)) {
        return None;
    }
    let (bytes, _, unmappable) = WINDOWS_1252.encode(text);
    if unmappable {
        return None;
    }
    let decoded = std::str::from_utf8(&bytes).ok()?;
    if decoded.chars().any(char::is_control) && !text.chars().any(|c| c.is_ascii_control()) {
        return None;
    }
    (oddness(decoded) < oddness(text)).then(|| decoded.to_owned())
}

/// How little a text looks like words of one language; only differences of the result mean something.
fn oddness(text: &str) -> u32 {
    let has_ascii_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let mut sum = 0;
    let mut previous = ' ';
    for character in text.chars() {
        sum += match character {
            '\u{80}'..='\u{9f}' | '\u{fffd}' | '\u{300}'..='\u{36f}' => 3,
            'ª' | 'º' | 'µ' => 0,
            '\u{a0}'..='\u{bf}' | '€' | '‚' | '„' | '…' | '†' | '‡' | 'ˆ' | '‰' | '‹' | '›' | '•' | '˜' | '™' => 2,
            '‘' | '’' | '“' | '”' | '–' | '—' => 1,
            // Letters of another script beside Latin ones: "MÚŽ" is a word, its bytes read as UTF-8 are not.
            _ if has_ascii_letter && character > '\u{24f}' && !('\u{1e00}'..='\u{1eff}').contains(&character) => 3,
            _ => 0,
        };
        // "Ã" before "Ÿ", "œ", "Š" … is no word in any language; it is "ß", "Ü", "Ê" in UTF-8.
        if matches!(previous, 'Â' | 'Ã' | 'Å') && matches!(character, 'Š' | 'Œ' | 'Ž' | 'š' | 'œ' | 'ž' | 'Ÿ' | 'ƒ' | 'ª' | 'º' | 'µ')
        {
            sum += 2;
        }
        previous = character;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::repair;

    #[test]
    fn mistaken_text_is_read_again() {
        for (seen, meant) in [
            ("JosÃ© GarcÃ\u{ad}a", "José García"),
            ("MÃ¼ller StraÃŸe", "Müller Straße"),
            ("Ãœmit", "Ümit"),
            ("Oâ€™Brien", "O’Brien"),
            ("Ð˜Ð²Ð°Ð½", "Иван"),
            ("Å½eljko NovÃ¡k", "Željko Novák"),
            ("JosÃƒÂ©", "José"),
            ("å±±ç”°", "山田"),
        ] {
            assert_eq!(repair(seen).as_deref(), Some(meant), "{seen}");
        }
    }

    #[test]
    fn right_text_is_left_alone() {
        for name in [
            "José",
            "KRÍŽ",
            "MÚŽ",
            "SÃO PAULO",
            "Zoë Brontë",
            "Ångström",
            "Ðorđe",
            "Étienne « Le Grand »",
            "Dvořák",
            "Œuvre",
            "Þór",
            "© 2024",
        ] {
            assert_eq!(repair(name), None, "{name}");
        }
    }
}
