//! Goes through the files of a stream: which are new, page after page of each, and where to go on.
//!
//! Files are read in the order of their names. A file is known by its fingerprint: as long as its bytes hash to the same value they
//! cannot have changed, so a place inside it (a number of bytes or rows) names a value and not a moving offset (`CURSOR-BY-VALUE`).
//! Once the fingerprint is another, the place means nothing and the file starts over; the warehouse suppresses what has not changed.
//! A file that is gone deletes nothing: people move exports away.

use std::collections::VecDeque;

use aqueduct_connector::schema::{Error, Position, Result, codes};
use aqueduct_connector::{Bytes, CsvFormat, Next, Origin, Records, Stream};
use serde::{Deserialize, Serialize};

use crate::compression::{Compression, decompressed};
use crate::config::{Config, Format};
use crate::files::{self, Hashing, Mark, MatchedFile, Stat};
use crate::pages::TextPages;
use crate::parquet::{ParquetFile, ParquetRows};
use crate::shape::FileShape;
use crate::streams::{ROWS_A_PAGE, parquet_columns, still_fits, stream_name};
use crate::text::{Survey, TextEncoding};

/// How often a file may change while it is read before reading it is given up.
const RESTARTS: u32 = 3;

/// What is kept between readings: the files that were read to their ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bookmark {
    files: Vec<Mark>,
}

/// A place inside a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    /// Files that this reading has read to their ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    done: Vec<Mark>,
    /// The file that comes next, or goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<Within>,
}

/// A place inside a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Within {
    file: Mark,
    /// Bytes of UTF-8 text before the place, or rows of Parquet.
    at: u64,
    /// The line there, from 1; of Parquet, the row.
    line: u64,
}

/// A reading under way.
pub(crate) struct Reading {
    bookmark: Bookmark,
    matched: Vec<MatchedFile>,
    remaining: VecDeque<MatchedFile>,
    done: Vec<Mark>,
    open: Option<OpenFile>,
    /// Where to go on in the file that is opened next, if it is the same.
    resume: Option<Within>,
    restarts: u32,
}

struct OpenFile {
    shape: FileShape,
    mark: Mark,
    content: Content,
}

enum Content {
    Text(TextPages),
    Rows(ParquetRows),
}

impl Reading {
    /// Begins a reading, or goes on with one that another process began.
    ///
    /// # Errors
    /// `AQ4003` when the stored state was not made here.
    pub(crate) fn begin(config: &Config, bookmark: Option<&Position>, position: Option<&Position>) -> Result<Self> {
        let bookmark: Bookmark = parsed(bookmark)?;
        let place: Place = parsed(position)?;
        let matched = files::matching(&config.path)?;
        let is_done = |file: &&MatchedFile| !place.done.iter().any(|mark| mark.file == file.name.as_ref());
        let mut remaining: VecDeque<MatchedFile> = matched.iter().filter(is_done).cloned().collect();
        if let Some(within) = &place.within
            && let Some(at) = remaining.iter().position(|file| file.name.as_ref() == within.file.file)
            && let Some(file) = remaining.remove(at)
        {
            remaining.push_front(file);
        }
        Ok(Self { bookmark, matched, remaining, done: place.done, open: None, resume: place.within, restarts: 0 })
    }

    /// The next page and what comes after it.
    pub(crate) fn page(&mut self, config: &Config, stream: &Stream, page_bytes: usize) -> Result<(Records, Next)> {
        self.open_next(config, stream)?;
        self.restart_if_changed(config, stream)?;
        let Some(open) = &mut self.open else {
            return Ok((nothing(stream), Next::End { bookmark: Some(self.bookmark()?) }));
        };
        let records = open.records(page_bytes)?;
        // What fails after this page's records (the file's next bytes, or the next file) is the next page's error.
        if open.at_end().unwrap_or(false) {
            self.finish_file();
            let _ = self.open_next(config, stream);
        }
        let next = if self.open.is_none() && self.remaining.is_empty() {
            Next::End { bookmark: Some(self.bookmark()?) }
        } else {
            Next::Page(self.position()?)
        };
        Ok((records, next))
    }

    /// Opens the next file that is new or has changed, belongs to the stream and has records.
    fn open_next(&mut self, config: &Config, stream: &Stream) -> Result<()> {
        while self.open.is_none() {
            let Some(file) = self.remaining.front().cloned() else { return Ok(()) };
            if let Some(mark) = self.look_at(&file, config, stream)? {
                self.done.push(mark);
            }
            if self.open.is_none() {
                self.remaining.pop_front();
            }
        }
        Ok(())
    }

    /// Opens a file. When there is nothing to read in it, gives its mark if it is to be remembered as read.
    fn look_at(&mut self, file: &MatchedFile, config: &Config, stream: &Stream) -> Result<Option<Mark>> {
        let stat = file.stat()?;
        let known = self.bookmark.files.iter().find(|mark| mark.file == file.name.as_ref());
        if known.is_some_and(|mark| mark.fits(stat)) {
            return Ok(None);
        }
        let shape = FileShape::of(file, config, None)?;
        if shape.empty || stream_name(config, shape.layout) != stream.name {
            // An empty file is looked at again: whoever writes it may not have begun.
            return Ok(None);
        }
        let (mark, encoding) = survey(&shape, stat, config)?;
        if known.is_some_and(|known| known.hash == mark.hash) {
            return Ok(Some(mark));
        }
        let shape = match encoding {
            Some(encoding) if shape.encoding.is_some_and(|before| before.encoding != encoding.encoding) => {
                FileShape::of(file, config, Some(encoding))?
            }
            _ => shape,
        };
        still_fits(stream, &shape)?;
        let resume = self.resume.take().filter(|within| within.file.file == mark.file && within.file.hash == mark.hash);
        let mut open = OpenFile { content: content(&shape, stream, resume.as_ref())?, shape, mark };
        if open.at_end()? {
            return Ok(Some(open.mark));
        }
        self.open = Some(open);
        Ok(None)
    }

    /// Starts a file over that was written to since it was opened.
    fn restart_if_changed(&mut self, config: &Config, stream: &Stream) -> Result<()> {
        while let Some(open) = &self.open {
            let file = open.shape.file.clone();
            if open.mark.fits(file.stat()?) {
                return Ok(());
            }
            self.restarts += 1;
            if self.restarts > RESTARTS {
                return Err(file
                    .error(codes::FILE_UNREADABLE, format!("`{}` keeps changing while it is read", file.name))
                    .advise("Write exports under another name or into another folder, and move them into place when they are whole."));
            }
            let within = open.within();
            self.open = None;
            self.resume = Some(within);
            self.open_next(config, stream)?;
        }
        Ok(())
    }

    fn finish_file(&mut self) {
        if let Some(open) = self.open.take() {
            self.done.push(open.mark);
            self.remaining.pop_front();
            self.restarts = 0;
        }
    }

    /// Every file that has been read, as long as the config still names it.
    fn bookmark(&self) -> Result<Position> {
        let mark = |file: &MatchedFile| {
            let found = |marks: &[Mark]| marks.iter().find(|mark| mark.file == file.name.as_ref()).cloned();
            found(&self.done).or_else(|| found(&self.bookmark.files))
        };
        written(&Bookmark { files: self.matched.iter().filter_map(mark).collect() })
    }

    /// Where the next page begins.
    pub(crate) fn position(&self) -> Result<Position> {
        written(&Place { done: self.done.clone(), within: self.open.as_ref().map(OpenFile::within) })
    }
}

impl OpenFile {
    fn within(&self) -> Within {
        let (at, line) = match &self.content {
            Content::Text(pages) => pages.place(),
            Content::Rows(rows) => (rows.row(), rows.row() + 1),
        };
        Within { file: self.mark.clone(), at, line }
    }

    fn at_end(&mut self) -> Result<bool> {
        match &mut self.content {
            Content::Text(pages) => pages.at_end().map_err(|error| self.shape.page_error(error.into(), pages)),
            Content::Rows(rows) => Ok(rows.at_end()),
        }
    }

    fn records(&mut self, page_bytes: usize) -> Result<Records> {
        let file = self.shape.file.name.clone();
        match &mut self.content {
            Content::Text(pages) => {
                let page = pages.next(page_bytes).map_err(|error| self.shape.page_error(error, pages))?;
                let (body, first_line) = page.map_or((Bytes::new(), 1), |page| (Bytes::from(page.body), page.first_line));
                let origin = Origin { file, first_line };
                Ok(match self.shape.format {
                    Format::JsonLines => Records::JsonLines { body, origin },
                    Format::Csv | Format::Parquet => {
                        let header = self.shape.paths.as_slice().into();
                        Records::Csv {
                            body,
                            format: CsvFormat {
                                delimiter: self.shape.delimiter,
                                quote: self.shape.quote,
                                header,
                                quoted_empty_is_null: false,
                            },
                            origin,
                        }
                    }
                })
            }
            Content::Rows(rows) => {
                let first_line = rows.row() + 1;
                let batch = rows.next()?.ok_or_else(|| Error::new(codes::BUG, "a page was asked for behind the end of a file"))?;
                Ok(Records::Columns { rows: batch, origin: Origin { file, first_line } })
            }
        }
    }
}

fn content(shape: &FileShape, stream: &Stream, resume: Option<&Within>) -> Result<Content> {
    if shape.format == Format::Parquet {
        let file = ParquetFile::open(&shape.file)?;
        let row = resume.map_or(0, |within| within.at);
        return Ok(Content::Rows(file.read(&parquet_columns(stream, &file), row, ROWS_A_PAGE as usize)?));
    }
    let mut pages = shape.records()?;
    if let Some(within) = resume {
        let there = pages.skip_to(within.at, within.line).map_err(|error| shape.page_error(error.into(), &pages))?;
        if !there {
            return Err(Error::new(codes::BAD_STATE, format!("a stored position lies behind the end of `{}`", shape.file.name)));
        }
    }
    Ok(Content::Text(pages))
}

/// Reads a file once from end to end: its fingerprint, its encoding, and whether it is whole. A compressed file that is cut off is
/// found here, before any of its records is read.
fn survey(shape: &FileShape, stat: Stat, config: &Config) -> Result<(Mark, Option<TextEncoding>)> {
    let file = &shape.file;
    let mut hashing = Hashing::new(file.open()?);
    let mut encoding = None;
    if shape.format != Format::Parquet {
        let mut survey = Survey::new();
        let read = decompressed(&mut hashing, shape.compression).and_then(|mut raw| survey.read_all(&mut *raw));
        read.map_err(|error| {
            let error = file.damaged(shape.compression.name(), &error, survey.bytes, survey.lines);
            if shape.compression == Compression::None { error } else { error.data_note("No record of this file was taken.") }
        })?;
        encoding = Some(survey.encoding(config.encoding(), true));
    }
    let hash = hashing.finish().map_err(|error| file.damaged("raw", &error, 0, 0))?;
    Ok((Mark::new(file, stat, &hash), encoding))
}

/// A page without records.
fn nothing(stream: &Stream) -> Records {
    let header: Vec<String> = stream.record.fields.iter().map(|field| field.path.clone()).collect();
    let format = CsvFormat { delimiter: b',', quote: b'"', header: header.into(), quoted_empty_is_null: false };
    Records::Csv { body: Bytes::new(), format, origin: Origin { file: "".into(), first_line: 1 } }
}

fn parsed<T: Default + serde::de::DeserializeOwned>(position: Option<&Position>) -> Result<T> {
    let Some(position) = position else { return Ok(T::default()) };
    serde_json::from_value(position.0.clone())
        .map_err(|error| Error::new(codes::BAD_STATE, "a stored position of connector `files` cannot be read").caused_by(error))
}

fn written<T: Serialize>(state: &T) -> Result<Position> {
    let value = serde_json::to_value(state)
        .map_err(|error| Error::new(codes::BUG, "the state of connector `files` cannot be written").caused_by(error))?;
    Ok(Position(value))
}
