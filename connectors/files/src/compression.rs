//! What a file's first bytes say about it, and the way through gzip and zstd.

use std::io::{self, Read};

use serde::Serialize;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952), one or several members.
    Gzip,
    /// Zstandard (RFC 8878), one or several frames.
    Zstd,
}

impl Compression {
    /// The word in reports and errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// What the first bytes of a file say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Magic {
    /// Compressed text, or text.
    Text(Compression),
    /// Parquet: `PAR1`.
    Parquet,
    /// A zip archive, which an Excel workbook is too.
    Zip,
}

/// How many bytes [`magic`] needs.
pub(crate) const MAGIC_LENGTH: usize = 4;

/// Looks at the first bytes. The content counts, not the name: vendors' browsers save `.csv.gz` as `.csv` and the other way round.
pub(crate) fn magic(start: &[u8]) -> Magic {
    match start {
        [b'P', b'A', b'R', b'1', ..] => Magic::Parquet,
        [b'P', b'K', 3, 4, ..] => Magic::Zip,
        [0x1f, 0x8b, ..] => Magic::Text(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Magic::Text(Compression::Zstd),
        _ => Magic::Text(Compression::None),
    }
}

/// The bytes behind the compression. A stream that is cut off ends in an error of kind `UnexpectedEof`, never in silence.
pub(crate) fn decompressed<'a, R: Read + Send + 'a>(reader: R, compression: Compression) -> io::Result<Box<dyn Read + Send + 'a>> {
    Ok(match compression {
        Compression::None => Box::new(reader),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(reader)?),
    })
}

/// Reads until the buffer is full or the reader ends or fails; gives the number of bytes before that, and the failure.
pub(crate) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn text_of(bytes: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        decompressed(bytes, compression)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn both_ways_there_and_back_and_cut_off() {
        let text = "id,name\n1,Ann\n".repeat(5_000).into_bytes();
        for (compression, packed) in [(Compression::Gzip, gzip(&text)), (Compression::Zstd, zstd::encode_all(&text[..], 3).unwrap())] {
            assert_eq!(magic(&packed), Magic::Text(compression));
            assert_eq!(text_of(&packed, compression).unwrap(), text);
            for cut in [5, packed.len() / 2, packed.len() - 1] {
                let error = text_of(&packed[..cut], compression).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{compression:?} {cut} {error}");
            }
            let twice = [packed.clone(), packed].concat();
            assert_eq!(text_of(&twice, compression).unwrap().len(), 2 * text.len());
        }
        assert_eq!(magic(b"PK\x03\x04..."), Magic::Zip);
        assert_eq!(magic(b"id,name"), Magic::Text(Compression::None));
    }
}
