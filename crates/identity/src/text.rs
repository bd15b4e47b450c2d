//! Texts as they are compared: letters folded, Latin spellings, hashes that are the same on every machine.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer values are cut: nothing that tells people apart is that long, and comparing costs the product of the lengths.
const LONGEST: usize = 120;

/// Lower case, without accents, letters and digits with single spaces between words. Letters of other scripts stay as they are.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len().min(LONGEST));
    let mut space = false;
    let mut push = |letter: char, folded: &mut String| {
        if letter.is_alphanumeric() {
            if space && !folded.is_empty() {
                folded.push(' ');
            }
            space = false;
            folded.push(letter);
        } else if !matches!(letter, '\'' | '’' | 'ʼ' | '`' | '.' | '\u{200c}' | '\u{200d}') && !is_combining_mark(letter) {
            space = true;
        }
    };
    if text.is_ascii() {
        for byte in text.bytes().take(LONGEST) {
            push(byte.to_ascii_lowercase() as char, &mut folded);
        }
        return folded;
    }
    for letter in text.nfkd().take(LONGEST).filter(|letter| !is_combining_mark(*letter)).flat_map(char::to_lowercase) {
        match letter {
            'ß' => "ss".chars().for_each(|letter| push(letter, &mut folded)),
            'æ' => "ae".chars().for_each(|letter| push(letter, &mut folded)),
            'œ' => "oe".chars().for_each(|letter| push(letter, &mut folded)),
            'ø' => push('o', &mut folded),
            'ł' => push('l', &mut folded),
            'đ' | 'ð' => push('d', &mut folded),
            'þ' => "th".chars().for_each(|letter| push(letter, &mut folded)),
            'ı' => push('i', &mut folded),
            letter => push(letter, &mut folded),
        }
    }
    // What was taken apart for its accents (Hangul, for one) is put together again.
    if folded.is_ascii() { folded } else { folded.nfc().collect() }
}

/// The Latin spelling of a folded text: a to z, digits, spaces.
pub(crate) fn latin(folded: &str) -> String {
    if folded.is_ascii() { folded.to_owned() } else { fold(&deunicode::deunicode(folded)) }
}

/// A hash that does not change between machines, versions or runs; never 0.
pub(crate) fn hash(text: &str) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in text.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    mix(state, text.len() as u64)
}

/// Joins two hashes; never 0.
pub(crate) fn mix(left: u64, right: u64) -> u64 {
    let mut state = left ^ right.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state ^ (state >> 31)).max(1)
}

/// Which letters and digits a text has, as bits: two texts with few in common are far apart without looking closer.
pub(crate) fn letters(text: &str) -> u64 {
    text.chars().fold(0, |bits, letter| match letter {
        'a'..='z' => bits | 1 << (letter as u32 - 'a' as u32),
        '0'..='9' => bits | 1 << (letter as u32 - '0' as u32 + 26),
        ' ' => bits,
        letter => bits | 1 << (36 + letter as u32 % 28),
    })
}

/// How a Latin name sounds, roughly and in no language in particular: classes of consonants after the first sound, vowels left out.
pub(crate) fn sound(latin: &str) -> String {
    let letters: Vec<u8> = latin.bytes().filter(u8::is_ascii_lowercase).collect();
    let mut sound = String::new();
    let mut index = 0;
    while index < letters.len() && sound.len() < 7 {
        let rest = &letters[index..];
        let next = rest.get(1).copied().unwrap_or(b' ');
        let soft = matches!(next, b'e' | b'i' | b'y');
        let (class, taken) = match rest {
            [b's', b'c', b'h', ..] => ('s', 3),
            [b't', b'c', b'h', ..] => ('s', 3),
            [b'p', b'h', ..] => ('f', 2),
            [b's' | b'c', b'h', ..] => ('s', 2),
            [b't' | b'd', b'h', ..] => ('t', 2),
            [b'k' | b'g' | b'w', b'n' | b'r', ..] if index == 0 => (if next == b'n' { 'n' } else { 'r' }, 2),
            [b'g' | b'k', b'h', ..] => (if index == 0 { 'k' } else { '-' }, 2),
            [b'c', b'k', ..] => ('k', 2),
            [b'd', b'g', b'e', ..] => ('j', 2),
            [b'c', ..] => (if soft { 's' } else { 'k' }, 1),
            [b'k' | b'q' | b'g', ..] => ('k', 1),
            [b'x', ..] => (if index == 0 { 's' } else { 'k' }, 1),
            [b's' | b'z', ..] => ('s', 1),
            [b'f' | b'v' | b'w', ..] => ('f', 1),
            [b'b' | b'p', ..] => ('p', 1),
            [b'd' | b't', ..] => ('t', 1),
            [b'm' | b'n', ..] => (if rest[0] == b'm' { 'm' } else { 'n' }, 1),
            [b'l', ..] => ('l', 1),
            [b'r', ..] => ('r', 1),
            [b'j', ..] => ('j', 1),
            _ => (if index == 0 { 'a' } else { '-' }, 1),
        };
        if class != '-' && !sound.ends_with(class) {
            sound.push(class);
        }
        index += taken;
    }
    sound
}

/// The edits between two texts (one letter changed, added, lost, or two neighbours exchanged), or 3 where there are more than two.
pub(crate) fn edits(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 2 * 4 { 3 } else { strsim::osa_distance(left, right).min(3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded() {
        for (text, expected) in [
            ("  O'Brien-Smith ", "obrien smith"),
            ("JOSÉ  María", "jose maria"),
            ("Straße", "strasse"),
            ("Łukasz Øster", "lukasz oster"),
            ("王伟", "王伟"),
            ("Иванов", "иванов"),
            ("김철수", "김철수"),
            ("St. John", "st john"),
            ("...", ""),
        ] {
            assert_eq!(fold(text), expected, "{text}");
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
        assert_eq!(latin(&fold("Иванов")), "ivanov");
        assert_eq!(latin(&fold("王伟")), "wang wei");
    }

    #[test]
    fn names_that_sound_alike() {
        for (left, right) in [
            ("smith", "smyth"),
            ("philip", "filip"),
            ("meier", "mayer"),
            ("catherine", "kathryn"),
            ("schmidt", "shmit"),
            ("wright", "rite"),
        ] {
            assert_eq!(sound(left), sound(right), "{left} {right}");
        }
        for (left, right) in [("anna", "maria"), ("smith", "jones"), ("tim", "tom tailor")] {
            assert_ne!(sound(left), sound(right), "{left} {right}");
        }
    }

    #[test]
    fn hashes_are_the_same_everywhere() {
        assert_eq!(hash("anna"), hash("anna"));
        assert_eq!(hash(""), 3_605_356_770_918_843_208);
    }
}
