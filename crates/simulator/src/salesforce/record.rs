//! One version of a record, with its values packed as the vendor writes them.

use super::fields::{Field, Kind, Origin, Schema};

/// Values in the order of the schema's fields, each as a Bulk query writes it; an empty one is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    /// Where each value ends.
    ends: Box<[u32]>,
    text: Box<str>,
}

impl Values {
    /// The value of a field by its place.
    pub(crate) fn get(&self, place: usize) -> &str {
        let Some(end) = self.ends.get(place) else { return "" };
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..*end as usize]
    }

    /// Values in the order of the fields.
    pub(crate) fn of(cells: &[String]) -> Self {
        let mut ends = Vec::with_capacity(cells.len());
        let mut text = String::with_capacity(cells.iter().map(String::len).sum());
        for cell in cells {
            text.push_str(cell);
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self { ends: ends.into(), text: text.into() }
    }

    /// The same with other values in some places.
    pub(crate) fn with(&self, changes: &[(usize, String)]) -> Self {
        let fields = changes.iter().map(|(place, _)| place + 1).max().unwrap_or(0).max(self.ends.len());
        let changed = |place: usize| changes.iter().rev().find(|(changed, _)| *changed == place).map(|(_, value)| value.as_str());
        let mut ends = Vec::with_capacity(fields);
        let mut text = String::with_capacity(self.text.len() + 32);
        for place in 0..fields {
            text.push_str(changed(place).unwrap_or_else(|| self.get(place)));
            ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
        }
        Self { ends: ends.into(), text: text.into() }
    }
}

/// One version of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) created_at: i64,
    /// `LastModifiedDate`, by people's changes.
    pub(crate) modified_at: i64,
    /// `SystemModstamp`, by the system's as well.
    pub(crate) stamp: i64,
    /// When it went into the recycle bin.
    pub(crate) deleted_at: Option<i64>,
    pub(crate) values: Values,
}

impl Record {
    /// The time in a field that the vendor keeps itself.
    pub(crate) fn time(&self, origin: Origin) -> Option<i64> {
        match origin {
            Origin::Created => Some(self.created_at),
            Origin::Modified => Some(self.modified_at),
            Origin::Stamp => Some(self.stamp),
            _ => None,
        }
    }

    /// A value as a Bulk query writes it; empty for null.
    pub(crate) fn text(&self, schema: &Schema, place: usize) -> String {
        let field = &schema.fields[place];
        match field.origin {
            Origin::Id => schema.id(self.number),
            Origin::Deleted => self.deleted_at.is_some().to_string(),
            Origin::Stored => self.stored(field, place).to_owned(),
            Origin::Compound => String::new(),
            origin => self.time(origin).map(crate::clock::iso).unwrap_or_default(),
        }
    }

    /// A stored value; a check box that was never touched is false.
    pub(crate) fn stored(&self, field: &Field, place: usize) -> &str {
        let value = self.values.get(place);
        if value.is_empty() && field.kind == Kind::Check { "false" } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_change() {
        let values = Values::default().with(&[(3, "d".to_owned()), (1, "Zoë".to_owned())]);
        assert_eq!((0..6).map(|place| values.get(place)).collect::<Vec<_>>(), ["", "Zoë", "", "d", "", ""]);
        let changed = values.with(&[(1, String::new()), (4, "e".to_owned()), (4, "f".to_owned())]);
        assert_eq!((0..6).map(|place| changed.get(place)).collect::<Vec<_>>(), ["", "", "", "d", "f", ""]);
    }
}
