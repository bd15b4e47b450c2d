//! From bytes to UTF-8: which encoding a file has, how sure that is, and the stream of its text.
//!
//! A file has one encoding. It is decided over the whole file, in one pass before its first record is read, so that a byte in the
//! last line counts as much as one in the first. What cannot be decoded is never replaced in silence: the bytes stay as they are
//! (or, where there is no text for them in another encoding, become one byte that UTF-8 does not have), so that the record is not
//! valid UTF-8 and goes to quarantine by itself.

use std::io::{self, Read};

use aqueduct_connector::schema::{Error, Result, codes};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde::Serialize;

/// A byte that no UTF-8 text has; stands for what an encoding has no text for.
const NOT_TEXT: u8 = 0xff;
/// How much is read at a time.
const CHUNK: usize = 64 << 10;
/// How many bytes of lines that are not all ASCII a guess is made from: about a thousand names.
const GUESS_FROM: usize = 64 << 10;

/// How sure an encoding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sureness {
    /// The config declares it.
    Declared,
    /// The bytes leave no doubt.
    Certain,
    /// All the bytes that were looked at fit; there are more of them.
    SoFar,
    /// A guess from the frequency of characters.
    Guess,
}

/// An encoding and why it was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextEncoding {
    pub(crate) encoding: &'static Encoding,
    pub(crate) sureness: Sureness,
    pub(crate) reason: &'static str,
}

/// Watches a file's bytes go by and tells its encoding.
pub(crate) struct Survey {
    start: Vec<u8>,
    /// The last bytes of a chunk that ends inside a character.
    carry: Vec<u8>,
    /// The first lines that are not all ASCII.
    telling: Vec<u8>,
    characters: u64,
    broken: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
}

impl Survey {
    pub(crate) fn new() -> Self {
        Self { start: Vec::new(), carry: Vec::new(), telling: Vec::new(), characters: 0, broken: 0, bytes: 0, lines: 0 }
    }

    /// Reads everything there is.
    pub(crate) fn read_all(&mut self, reader: &mut dyn Read) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(count) => self.push(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The next bytes of the file.
    pub(crate) fn push(&mut self, chunk: &[u8]) {
        if self.start.len() < 3 {
            self.start.extend(chunk.iter().take(3 - self.start.len()));
        }
        self.bytes += chunk.len() as u64;
        self.lines += chunk.iter().filter(|byte| **byte == b'\n').count() as u64;
        if self.carry.is_empty() && chunk.is_ascii() {
            return;
        }
        for line in chunk.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
            let room = GUESS_FROM - self.telling.len();
            self.telling.extend(line.iter().take(room));
            if room <= line.len() {
                break;
            }
        }
        let joined;
        let mut rest = if self.carry.is_empty() {
            chunk
        } else {
            joined = [self.carry.as_slice(), chunk].concat();
            joined.as_slice()
        };
        let mut carry = Vec::new();
        while !rest.is_empty() {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.characters += leads(text.as_bytes());
                    break;
                }
                Err(error) => {
                    self.characters += leads(&rest[..error.valid_up_to()]);
                    let Some(length) = error.error_len() else {
                        carry = rest[error.valid_up_to()..].to_vec();
                        break;
                    };
                    self.broken += 1;
                    rest = &rest[error.valid_up_to() + length..];
                }
            }
        }
        self.carry = carry;
    }

    /// The encoding. `whole` tells whether the survey has seen the whole file.
    pub(crate) fn encoding(mut self, declared: Option<&'static Encoding>, whole: bool) -> TextEncoding {
        let found = |encoding, sureness, reason| TextEncoding { encoding, sureness, reason };
        let seen = if whole { Sureness::Certain } else { Sureness::SoFar };
        if let Some(encoding) = declared {
            return found(encoding, Sureness::Declared, "the config says so");
        }
        if let Some((encoding, _)) = Encoding::for_bom(&self.start) {
            return found(encoding, Sureness::Certain, "the file begins with a byte order mark");
        }
        if whole && !self.carry.is_empty() {
            self.broken += 1;
        }
        match (self.characters, self.broken) {
            (0, 0) => found(UTF_8, seen, "every byte is ASCII, which all these encodings read alike"),
            (_, 0) => found(UTF_8, seen, "every byte outside ASCII belongs to valid UTF-8"),
            // Another encoding does not happen to look like UTF-8 more often than not: it is UTF-8 with some broken bytes.
            (characters, broken) if characters > broken => found(
                UTF_8,
                Sureness::Guess,
                "most characters outside ASCII are valid UTF-8; records with bytes that are not go to quarantine",
            ),
            _ => {
                let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
                detector.feed(&self.telling, true);
                found(detector.guess(None, Utf8Detection::Deny), Sureness::Guess, "not UTF-8; guessed from the bytes outside ASCII")
            }
        }
    }
}

fn leads(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte >= 0xc0).count() as u64
}

/// A file's text in UTF-8, without a byte order mark.
pub(crate) struct TextReader {
    raw: Box<dyn Read + Send>,
    /// Absent for UTF-8, whose bytes go through as they are.
    decoder: Option<Decoder>,
    chunk: Vec<u8>,
    started: bool,
    ended: bool,
    failed: Option<io::Error>,
}

impl TextReader {
    pub(crate) fn new(raw: Box<dyn Read + Send>, encoding: &'static Encoding) -> Self {
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_with_bom_removal());
        Self { raw, decoder, chunk: vec![0; CHUNK], started: false, ended: false, failed: None }
    }

    /// Appends the next piece of text. `false` when there is none left. Text before a failure is given before the failure is.
    pub(crate) fn fill(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        if let Some(error) = &self.failed {
            return Err(io::Error::new(error.kind(), error.to_string()));
        }
        let (count, failed) = crate::compression::read_full(&mut *self.raw, &mut self.chunk);
        self.ended = failed.is_none() && count < self.chunk.len();
        self.failed = failed;
        let mut bytes = &self.chunk[..count];
        match &mut self.decoder {
            None => {
                if !std::mem::replace(&mut self.started, true) {
                    bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
                }
                out.extend_from_slice(bytes);
            }
            Some(decoder) => decode(decoder, bytes, self.ended, out),
        }
        Ok(true)
    }
}

fn decode(decoder: &mut Decoder, mut bytes: &[u8], last: bool, out: &mut Vec<u8>) {
    loop {
        let start = out.len();
        out.resize(start + bytes.len() * 2 + 64, 0);
        let (result, read, written) = decoder.decode_to_utf8_without_replacement(bytes, &mut out[start..], last);
        out.truncate(start + written);
        bytes = &bytes[read..];
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => out.push(NOT_TEXT),
        }
    }
}

/// The text of some first bytes of a file, for looking at.
pub(crate) fn preview(bytes: &[u8], encoding: &'static Encoding) -> String {
    encoding.decode_with_bom_removal(bytes).0.into_owned()
}

/// Refuses what cannot be read as text at all: zeros in the first line, or as more than one byte in a hundred. A stray one among the records
/// is a matter of its own record.
pub(crate) fn refuse_binary(name: &str, start: &[u8], encoding: TextEncoding) -> Result<()> {
    let utf_16 = encoding.encoding == UTF_16LE || encoding.encoding == UTF_16BE;
    let zeros = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0).count();
    let first_line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if !utf_16 && (zeros(first_line) > 0 || zeros(start) * 100 > start.len()) {
        return Err(Error::new(codes::BAD_CONFIG, format!("`{name}` is not text: it has bytes that are zero"))
            .advise("Give a CSV, JSON Lines or Parquet file. If it is UTF-16 without a byte order mark, set `encoding: utf-16le`."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn surveyed(bytes: &[u8], chunk: usize) -> TextEncoding {
        let mut survey = Survey::new();
        for part in bytes.chunks(chunk) {
            survey.push(part);
        }
        survey.encoding(None, true)
    }

    #[test]
    fn a_stray_zero_makes_no_file_binary() {
        let encoding = surveyed(b"id,name\n", 8);
        let refused = |bytes: &[u8]| refuse_binary("a.csv", bytes, encoding).is_err();
        let rows = "7,Ada Lovelace\n".repeat(20);
        assert!(!refused(format!("id,name\n8,Gr\0ce\n{rows}").as_bytes()));
        assert!(refused(format!("id,na\0me\n{rows}").as_bytes()), "in the first line");
        assert!(refused(b"id,name\n\0\0\0\0\x01\x02"), "more than one in a hundred");
        let without_mark: Vec<u8> = rows.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(refused(&without_mark), "UTF-16 without a mark, of which nothing is declared");
    }

    fn utf_16(text: &str, little: bool) -> Vec<u8> {
        let bom = std::iter::once(0xfeff_u16);
        bom.chain(text.encode_utf16()).flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
    }

    fn read(bytes: &[u8], encoding: &'static Encoding) -> Vec<u8> {
        let mut reader = TextReader::new(Box::new(io::Cursor::new(bytes.to_vec())), encoding);
        let mut out = Vec::new();
        while reader.fill(&mut out).unwrap() {}
        out
    }

    #[test]
    fn encodings_are_told_whatever_the_chunks() {
        let latin = b"id,name\n1,Andr\xe9 M\xfcller\n2,Fran\xe7ois Lef\xe8vre\n".to_vec();
        let mostly = [("é".repeat(50) + "\n").as_bytes(), b"\xe9\n"].concat();
        let cases: [(&[u8], &str, Sureness); 7] = [
            (b"id,name\n1,Ann\n", "UTF-8", Sureness::Certain),
            ("id,name\n1,André\n".as_bytes(), "UTF-8", Sureness::Certain),
            (b"\xef\xbb\xbfid\n", "UTF-8", Sureness::Certain),
            (&latin, "windows-1252", Sureness::Guess),
            (&utf_16("id,é\n", true), "UTF-16LE", Sureness::Certain),
            (&utf_16("id,é\n", false), "UTF-16BE", Sureness::Certain),
            (&mostly, "UTF-8", Sureness::Guess),
        ];
        for (bytes, name, sureness) in cases {
            for chunk in [1, 2, 3, 7, 1_000] {
                let encoding = surveyed(bytes, chunk);
                assert_eq!((encoding.encoding.name(), encoding.sureness), (name, sureness), "{bytes:?} by {chunk}");
            }
        }
    }

    #[test]
    fn text_is_decoded_across_chunks_and_marks_are_dropped() {
        let text = "id,näme 😀\n".repeat(20_000);
        assert_eq!(read(&utf_16(&text, true), UTF_16LE), text.as_bytes());
        assert_eq!(read(&utf_16(&text, false), UTF_16BE), text.as_bytes());
        assert_eq!(read(&[b"\xef\xbb\xbf", text.as_bytes()].concat(), UTF_8), text.as_bytes());
        assert_eq!(read(b"Andr\xe9", encoding_rs::WINDOWS_1252), "André".as_bytes());
    }

    #[test]
    fn what_has_no_text_stays_visible() {
        assert_eq!(read(b"a\xe9b\n", UTF_8), b"a\xe9b\n");
        let half_pair = [b"\xff\xfea\0".as_slice(), b"\x00\xd8", b"b\0"].concat();
        assert_eq!(read(&half_pair, UTF_16LE), b"a\xffb");
    }
}
