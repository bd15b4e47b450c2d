//! Cuts a stream of text into pages at the borders of records, with bounded memory however long the stream is.

use std::io;

use crate::text::TextReader;

/// A record longer than this is broken: a quotation mark that is never closed would otherwise take the rest of the file with it.
pub(crate) const LONGEST_RECORD: usize = 16 << 20;

/// Where the first records of a text end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Whole records up to here.
    At(usize),
    /// The first record is not whole yet.
    More,
    /// The first record never ends as it began; its first line stands alone.
    Broken,
}

/// Finds the ends of records.
pub(crate) trait Borders: Send {
    /// Where to cut a text that begins at a record, as soon as it holds `target` bytes of whole records. `ended` tells that no more
    /// text follows. The text is not empty and does not begin with an empty line.
    fn cut(&mut self, text: &[u8], target: usize, ended: bool) -> Cut;
}

/// A page of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextPage {
    /// Whole records.
    pub(crate) body: Vec<u8>,
    /// The line of the first record, from 1.
    pub(crate) first_line: u64,
}

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// The bytes cannot be read.
    Io(io::Error),
    /// A line is longer than [`LONGEST_RECORD`].
    TooLong,
}

impl From<io::Error> for PageError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A text on its way to becoming pages.
pub(crate) struct TextPages {
    reader: TextReader,
    borders: Box<dyn Borders>,
    buffer: Vec<u8>,
    ended: bool,
    offset: u64,
    line: u64,
}

impl TextPages {
    pub(crate) fn new(reader: TextReader, borders: Box<dyn Borders>) -> Self {
        Self { reader, borders, buffer: Vec::new(), ended: false, offset: 0, line: 1 }
    }

    /// Where the next page begins: bytes of UTF-8 text (without a byte order mark) before it, and its line.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.offset, self.line)
    }

    /// Skips to a place that [`TextPages::place`] gave for the same text. `false` when the text ends before it.
    pub(crate) fn skip_to(&mut self, offset: u64, line: u64) -> io::Result<bool> {
        while self.offset < offset {
            if self.buffer.is_empty() && !self.fill()? {
                return Ok(false);
            }
            let step = usize::try_from(offset - self.offset).unwrap_or(usize::MAX).min(self.buffer.len());
            self.buffer.drain(..step);
            self.offset += step as u64;
        }
        self.line = line;
        Ok(true)
    }

    /// Whether no record is left.
    pub(crate) fn at_end(&mut self) -> io::Result<bool> {
        loop {
            let blank = self.buffer.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            if blank > 0 {
                self.take(blank);
            }
            if !self.buffer.is_empty() {
                return Ok(false);
            }
            if !self.fill()? {
                return Ok(true);
            }
        }
    }

    /// The next page, of about `target` bytes; `None` at the end.
    pub(crate) fn next(&mut self, target: usize) -> Result<Option<TextPage>, PageError> {
        if self.at_end()? {
            return Ok(None);
        }
        let first_line = self.line;
        let mut wanted = target;
        loop {
            let failure = loop {
                if self.buffer.len() >= wanted {
                    break None;
                }
                match self.fill() {
                    Ok(true) => {}
                    Ok(false) => break None,
                    Err(error) => break Some(error),
                }
            };
            let end = match (self.borders.cut(&self.buffer, target, self.ended), failure) {
                // Records that were whole before a failure are a page still; the failure is the next page's.
                (Cut::At(end), _) => end,
                (_, Some(failure)) => return Err(failure.into()),
                (Cut::More, None) if self.buffer.len() < LONGEST_RECORD => {
                    wanted = (self.buffer.len() * 2).min(LONGEST_RECORD);
                    continue;
                }
                (Cut::More | Cut::Broken, None) => match self.buffer.iter().position(|byte| *byte == b'\n') {
                    Some(at) => at + 1,
                    None if self.ended => self.buffer.len(),
                    None => return Err(PageError::TooLong),
                },
            };
            return Ok(Some(TextPage { body: self.take(end), first_line }));
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        if !self.ended {
            self.ended = !self.reader.fill(&mut self.buffer)?;
        }
        Ok(!self.ended)
    }

    fn take(&mut self, end: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(end);
        let body = std::mem::replace(&mut self.buffer, rest);
        self.offset += body.len() as u64;
        self.line += lines(&body);
        body
    }
}

/// Line ends; a carriage return counts where there is no line feed at all (files of old Macs).
fn lines(text: &[u8]) -> u64 {
    let count = |wanted: u8| text.iter().filter(|byte| **byte == wanted).count() as u64;
    match count(b'\n') {
        0 => count(b'\r'),
        feeds => feeds,
    }
}
