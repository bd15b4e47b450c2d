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
    // Bytes that Windows-1252 leaves open come out as control characters; reading again must not make more of them.
    let controls = |text: &str| text.chars().filter(|c| c.is_control()).count();
    if controls(decoded) > controls(text) {
        return None;
    }
    (oddness(decoded) < oddness(text)).then(|| decoded.to_owned())
}

/// How little a text looks like words of one language; only differences of the result mean something.
fn oddness(text: &str) -> u32 {
    let has_ascii_letter = text.bytes().any(|byte| byte.is_ascii_alphabetic());
    let characters: Vec<char> = text.chars().collect();
    let (mut sum, mut at, mut in_other_script) = (0, 0, false);
    while at < characters.len() {
        let length = sequence(&characters[at..]);
        if length > 1 {
            // "Société »" with a space that does not break has the form of a sequence by chance, "çŽ‹" has not.
            let has_letter = characters[at + 1..at + length].iter().any(|c| matches!(c, 'Š' | 'Œ' | 'Ž' | 'š' | 'œ' | 'ž' | 'Ÿ' | 'ƒ'));
            sum += if length > 2 && has_letter { 5 } else { 3 };
            at += length;
            continue;
        }
        let character = characters[at];
        at += 1;
        let continues = std::mem::replace(&mut in_other_script, character > '\u{24f}' && !('\u{1e00}'..='\u{1eff}').contains(&character));
        sum += match character {
            '\u{80}'..='\u{9f}' | '\u{fffd}' | '\u{300}'..='\u{36f}' => 3,
            'ª' | 'º' | 'µ' => 0,
            '\u{a0}'..='\u{bf}' | '€' | '‚' | '„' | '…' | '†' | '‡' | 'ˆ' | '‰' | '‹' | '›' | '•' | '˜' | '™' => 2,
            '‘' | '’' | '“' | '”' | '–' | '—' => 1,
            // Romanian, Vietnamese and Pinyin letters; the others of this stretch are in hardly any name.
            'ơ' | 'Ơ' | 'ư' | 'Ư' | 'Ș' | 'ș' | 'Ț' | 'ț' | '\u{1cd}'..='\u{1dc}' => 0,
            '\u{180}'..='\u{24f}' => 3,
            // Letters of another script beside Latin ones: "MÚŽ" is a word, its bytes read as UTF-8 are not.
            // A whole word of theirs ("Иван Kowalski") is less odd than a single letter.
            _ if has_ascii_letter && in_other_script => {
                if continues {
                    1
                } else {
                    3
                }
            }
            _ => 0,
        };
    }
    sum
}

/// How many characters at the start are, as bytes of Windows-1252, one character of UTF-8 of more than one byte; none counts as zero.
fn sequence(characters: &[char]) -> usize {
    let length = match characters.first().map(|first| u32::from(*first)) {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return 0,
    };
    let follows = characters.get(1..length).is_some_and(|rest| rest.iter().all(|c| is_continuation(*c)));
    if follows { length } else { 0 }
}

/// Whether a character is one of the bytes 80 to BF in Windows-1252.
fn is_continuation(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{bf}') || "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ".contains(character)
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
            ("Al çŽ‹", "Al 王"),
            ("Ð˜Ð²Ð°Ð½ Kowalski", "Иван Kowalski"),
            ("ÄŒapek", "Čapek"),
            ("ÃƒËœrsted", "Ørsted"),
            ("Ã…Â\u{81}ukasz", "Łukasz"),
            ("Ã¦Â\u{9d}Â±Ã¤ÂºÂ¬", "東京"),
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
            "Société\u{a0}»",
            "«\u{a0}café\u{a0}»…",
            "NÍŽ",
            "MÉŠ",
            "ÀÉŽ",
            "Straß»",
            "Îles €",
        ] {
            assert_eq!(repair(name), None, "{name}");
        }
    }
}
