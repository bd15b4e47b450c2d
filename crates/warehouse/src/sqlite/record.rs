//! Rows and numbers in SQLite's file format (<https://www.sqlite.org/fileformat2.html>, sections 1.6 and 2.1).

/// A row in SQLite's record format (section 2.1), reused from row to row.
#[derive(Default)]
pub(crate) struct Record {
    types: Vec<u8>,
    values: Vec<u8>,
    whole: Vec<u8>,
}

impl Record {
    pub(crate) fn clear(&mut self) {
        self.types.clear();
        self.values.clear();
    }

    #[inline]
    pub(crate) fn push_null(&mut self) {
        self.types.push(0);
    }

    #[inline]
    pub(crate) fn push_integer(&mut self, value: i64) {
        let bytes = value.to_be_bytes();
        let (serial, width) = match value {
            0 | 1 => (8 + value as u8, 0),
            -0x80..=0x7f => (1, 1),
            -0x8000..=0x7fff => (2, 2),
            -0x80_0000..=0x7f_ffff => (3, 3),
            -0x8000_0000..=0x7fff_ffff => (4, 4),
            -0x8000_0000_0000..=0x7fff_ffff_ffff => (5, 6),
            _ => (6, 8),
        };
        self.types.push(serial);
        self.values.extend_from_slice(&bytes[8 - width..]);
    }

    pub(crate) fn push_real(&mut self, value: f64) {
        self.types.push(7);
        self.values.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub(crate) fn push_text(&mut self, text: &str) {
        let mut serial = [0; 9];
        let length = put_varint(&mut serial, 13 + 2 * text.len() as u64);
        self.types.extend_from_slice(&serial[..length]);
        self.values.extend_from_slice(text.as_bytes());
    }

    /// The row's bytes.
    pub(crate) fn finish(&mut self) -> &[u8] {
        // The length of the header counts itself: one byte up to 127, else two or three.
        let mut length = self.types.len() + 1;
        let mut bytes = [0; 9];
        let mut width = put_varint(&mut bytes, length as u64);
        while width + self.types.len() != length {
            length = width + self.types.len();
            width = put_varint(&mut bytes, length as u64);
        }
        self.whole.clear();
        self.whole.extend_from_slice(&bytes[..width]);
        self.whole.extend_from_slice(&self.types);
        self.whole.extend_from_slice(&self.values);
        &self.whole
    }
}

/// Writes a number in SQLite's variable length: seven bits a byte, highest first, the ninth byte whole. Gives the length.
#[inline]
pub(crate) fn put_varint(out: &mut [u8], value: u64) -> usize {
    if value < 0x80 {
        out[0] = value as u8;
        return 1;
    }
    if value >> 56 != 0 {
        out[8] = value as u8;
        for (index, byte) in out[..8].iter_mut().enumerate() {
            *byte = (value >> (8 + 7 * (7 - index))) as u8 | 0x80;
        }
        return 9;
    }
    let length = (64 - value.leading_zeros() as usize).div_ceil(7);
    for (index, byte) in out[..length].iter_mut().enumerate() {
        let last = index + 1 == length;
        *byte = (value >> (7 * (length - 1 - index))) as u8 & 0x7f | if last { 0 } else { 0x80 };
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_written() {
        let mut out = [0; 9];
        for (value, expected) in [(0, &[0][..]), (127, &[0x7f]), (128, &[0x81, 0]), (16_384, &[0x81, 0x80, 0])] {
            let length = put_varint(&mut out, value);
            assert_eq!(&out[..length], expected);
        }
        assert_eq!(put_varint(&mut out, u64::MAX), 9);
        assert_eq!(out, [0xff; 9]);
    }
}
