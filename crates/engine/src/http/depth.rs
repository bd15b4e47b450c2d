//! How deep a JSON text nests, without reading it as JSON.

/// What a byte does outside a string.
const PLAIN: u8 = 0;
const OPENS: u8 = 1;
const CLOSES: u8 = 2;
const QUOTE: u8 = 3;

const KINDS: [u8; 256] = {
    let mut kinds = [PLAIN; 256];
    kinds[b'{' as usize] = OPENS;
    kinds[b'[' as usize] = OPENS;
    kinds[b'}' as usize] = CLOSES;
    kinds[b']' as usize] = CLOSES;
    kinds[b'"' as usize] = QUOTE;
    kinds
};

/// Whether objects and arrays nest deeper than `limit`. What is in strings does not count. For a text that is not JSON the answer
/// means nothing, which does no harm: it fails when it is read.
pub(crate) fn exceeds(text: &[u8], limit: usize) -> bool {
    let mut depth = 0_usize;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match KINDS[usize::from(*byte)] {
            OPENS => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            CLOSES => depth = depth.saturating_sub(1),
            QUOTE => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    false
}

/// Whether a body looks like a JSON object or array.
pub(crate) fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.iter().find(|byte| !byte.is_ascii_whitespace()), Some(b'{' | b'['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_is_counted_outside_strings() {
        assert!(!exceeds(br#"{"a":[{"b":"[[[[{{{{\"[[[["}]}"#, 3));
        assert!(exceeds(br#"{"a":[{"b":1}]}"#, 2));
        assert!(!exceeds(br#"[[],[],[],[]]"#, 2));
        assert!(exceeds(&[b'['; 100_000], 64));
        assert!(!exceeds(b"\"unended [[[[[[ \\", 1));
        assert!(!exceeds(b"]]]][", 1));
    }
}
