//! Ids: three characters of the object, a number in base 62, and three that make up for lost upper and lower case.

/// What the ids of an organisation have between the object's prefix and the number.
const POD: &[u8; 6] = b"5g0000";
/// In the order of their bytes, so that ids sort like their numbers.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// The 18 characters of an id.
pub(crate) type IdText = [u8; 18];

/// The id of a number.
pub(crate) fn id_bytes(prefix: [u8; 3], number: u64) -> IdText {
    let mut id = [b'0'; 18];
    id[..3].copy_from_slice(&prefix);
    id[3..9].copy_from_slice(POD);
    let mut rest = number;
    for place in (9..15).rev() {
        id[place] = DIGITS[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    for chunk in 0..3 {
        let bits = (0..5).filter(|place| id[chunk * 5 + place].is_ascii_uppercase()).map(|place| 1 << place).sum::<usize>();
        id[15 + chunk] = CHECKS[bits];
    }
    id
}

/// The id of a number as text.
pub(crate) fn id_text(prefix: [u8; 3], number: u64) -> String {
    id_bytes(prefix, number).into_iter().map(char::from).collect()
}

/// The number of an id of 15 or 18 characters with that prefix.
pub(crate) fn id_number(prefix: [u8; 3], id: &str) -> Option<u64> {
    let bytes = id.as_bytes();
    if !is_id(id) || bytes[..3] != prefix || &bytes[3..9] != POD {
        return None;
    }
    bytes[9..15].iter().try_fold(0_u64, |number, digit| {
        let value = DIGITS.iter().position(|candidate| candidate == digit)?;
        Some(number * 62 + value as u64)
    })
}

/// Whether a text has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The part of an id that tells it from others.
pub(crate) fn significant(id: &str) -> &str {
    id.get(..15).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_and_sort_like_numbers() {
        let ids: Vec<String> = [0, 1, 9, 10, 35, 36, 61, 62, 4_000, 56_800_235_583].iter().map(|n| id_text(*b"003", *n)).collect();
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(id_number(*b"003", &ids[8]), Some(4_000));
        assert_eq!(id_number(*b"003", &ids[8][..15]), Some(4_000));
        assert_eq!(id_number(*b"001", &ids[8]), None);
        assert_eq!(id_number(*b"003", "003"), None);
    }

    #[test]
    fn the_last_three_characters_tell_the_case() {
        // A published pair of one id in its short and its long form.
        assert_eq!(CHECKS[0b10], b'C');
        let id = id_text(*b"00D", 0);
        assert_eq!(&id[15..], "EAA");
    }
}
