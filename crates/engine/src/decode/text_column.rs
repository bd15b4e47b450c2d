//! A column of texts under construction: the layout of an Arrow string array, of which the last value can be taken back.

use aqueduct_schema::{Error, Result, codes};
use arrow_array::StringArray;
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};

/// Where each value of a column came from among the ways its path can be spelt; see [`super::plan`].
pub(crate) type Rank = u16;

/// No value yet in the record under way.
const UNSET: Rank = Rank::MAX;

/// The texts of one column.
#[derive(Debug)]
pub(crate) struct TextColumn {
    offsets: Vec<i32>,
    data: Vec<u8>,
    valid: Vec<bool>,
    nulls: usize,
    /// The rank of the value of the record under way, which is then the last value.
    rank: Rank,
}

/// The texts of a finished column.
#[derive(Debug)]
pub(crate) struct Texts {
    pub(crate) offsets: Vec<i32>,
    pub(crate) data: Vec<u8>,
    pub(crate) valid: Vec<bool>,
    pub(crate) nulls: usize,
}

impl TextColumn {
    pub(crate) fn new() -> Self {
        Self { offsets: vec![0], data: Vec::new(), valid: Vec::new(), nulls: 0, rank: UNSET }
    }

    /// Makes room for a value of the record under way; false when a better spelling of the path has set it.
    pub(crate) fn begin(&mut self, rank: Rank) -> bool {
        if self.rank != UNSET {
            if self.rank < rank {
                return false;
            }
            self.pop();
        }
        self.rank = rank;
        true
    }

    /// Whether a further value of this length has room in a column of 32-bit offsets.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        i32::try_from(self.data.len() + length).is_ok()
    }

    pub(crate) fn push(&mut self, value: &str) {
        self.data.extend_from_slice(value.as_bytes());
        self.end();
    }

    /// Appends a value by writing its bytes, which must be UTF-8.
    pub(crate) fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.data);
        self.end();
    }

    fn end(&mut self) {
        self.offsets.push(self.data.len() as i32);
        self.valid.push(true);
    }

    pub(crate) fn push_null(&mut self) {
        self.offsets.push(self.data.len() as i32);
        self.valid.push(false);
        self.nulls += 1;
    }

    /// The length of the last value in bytes.
    pub(crate) fn last_length(&self) -> usize {
        match self.offsets.as_slice() {
            [.., from, to] => (to - from) as usize,
            _ => 0,
        }
    }

    /// Puts a null in place of the last value.
    pub(crate) fn replace_with_null(&mut self) {
        self.pop();
        self.push_null();
    }

    /// Takes the last value back.
    fn pop(&mut self) {
        self.offsets.pop();
        self.data.truncate(self.offsets.last().map_or(0, |end| *end as usize));
        if self.valid.pop() == Some(false) {
            self.nulls -= 1;
        }
    }

    /// Forgets what a spelling has set in the record under way.
    pub(crate) fn unset(&mut self, rank: Rank) {
        if self.rank == rank {
            self.pop();
            self.rank = UNSET;
        }
    }

    /// Ends the record under way: a column without a value gets a null.
    pub(crate) fn end_record(&mut self) {
        if self.rank == UNSET {
            self.push_null();
        }
        self.rank = UNSET;
    }

    /// Forgets the record under way.
    pub(crate) fn abandon_record(&mut self) {
        if self.rank != UNSET {
            self.pop();
            self.rank = UNSET;
        }
    }

    /// The value of the record under way.
    pub(crate) fn current(&self) -> Option<&str> {
        if self.rank == UNSET || self.valid.last() != Some(&true) {
            return None;
        }
        let [.., from, to] = self.offsets.as_slice() else { return None };
        std::str::from_utf8(&self.data[*from as usize..*to as usize]).ok()
    }

    /// Takes the values out and leaves the column empty, with room for as many again.
    pub(crate) fn take(&mut self) -> Texts {
        let mut next = Self {
            offsets: Vec::with_capacity(self.offsets.len() + 8),
            data: Vec::with_capacity(self.data.len() + self.data.len() / 8),
            valid: Vec::with_capacity(self.valid.len() + 8),
            nulls: 0,
            rank: UNSET,
        };
        next.offsets.push(0);
        let full = std::mem::replace(self, next);
        Texts { offsets: full.offsets, data: full.data, valid: full.valid, nulls: full.nulls }
    }

    /// Forgets all values.
    pub(crate) fn clear(&mut self) {
        self.offsets.truncate(1);
        self.data.clear();
        self.valid.clear();
        self.nulls = 0;
        self.rank = UNSET;
    }
}

impl Texts {
    /// The values in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.offsets.windows(2).zip(&self.valid).map(|(ends, valid)| valid.then(|| &self.data[ends[0] as usize..ends[1] as usize]))
    }

    /// The value of a row.
    pub(crate) fn text(&self, row: usize) -> Option<&str> {
        let (true, [from, to]) = (*self.valid.get(row)?, self.offsets.get(row..row + 2)?) else { return None };
        std::str::from_utf8(&self.data[*from as usize..*to as usize]).ok()
    }

    /// Takes the value of a row out.
    pub(crate) fn unset(&mut self, row: usize) {
        if let Some(valid) = self.valid.get_mut(row)
            && std::mem::replace(valid, false)
        {
            self.nulls += 1;
        }
    }

    /// Which values are there; `None` when all are.
    pub(crate) fn nulls(&self) -> Option<NullBuffer> {
        (self.nulls > 0).then(|| NullBuffer::new(BooleanBuffer::from(self.valid.as_slice())))
    }

    /// The values as an Arrow string array.
    ///
    /// # Errors
    /// `AQ9001` when the bytes are not UTF-8, which what appended them rules out.
    pub(crate) fn into_array(self) -> Result<StringArray> {
        let nulls = self.nulls();
        StringArray::try_new(OffsetBuffer::new(self.offsets.into()), Buffer::from_vec(self.data), nulls)
            .map_err(|error| Error::new(codes::BUG, "decoded texts are not UTF-8").caused_by(error))
    }
}
