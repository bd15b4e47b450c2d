//! The property values of one record, packed into one block: an account of hundreds of thousands of records stays small.

/// A property by its place in the schema.
pub(crate) type PropertyId = u16;

const HEAD: usize = size_of::<PropertyId>() + size_of::<u32>();

/// Values that are set, in no particular order. A property that is not here is null at the vendor; one that was
/// cleared is here as an empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    block: Box<[u8]>,
}

impl Values {
    /// The pairs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (PropertyId, &str)> {
        let mut rest: &[u8] = &self.block;
        std::iter::from_fn(move || {
            let (id, tail) = rest.split_first_chunk()?;
            let (length, tail) = tail.split_first_chunk()?;
            let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = tail;
            Some((PropertyId::from_le_bytes(*id), std::str::from_utf8(text).unwrap_or_default()))
        })
    }

    /// One value.
    pub(crate) fn get(&self, id: PropertyId) -> Option<&str> {
        self.iter().find(|(property, _)| *property == id).map(|(_, value)| value)
    }

    /// The same values with these set as well, or instead.
    pub(crate) fn with(&self, changes: &[(PropertyId, String)]) -> Self {
        let mut packer = Packer::default();
        for (id, value) in self.iter().filter(|(id, _)| changes.iter().all(|(changed, _)| changed != id)) {
            packer.push(id, value);
        }
        for (place, (id, value)) in changes.iter().enumerate() {
            // Of several changes to one property the last counts.
            if changes[place + 1..].iter().all(|(later, _)| later != id) {
                packer.push(*id, value);
            }
        }
        packer.finish()
    }
}

/// Builds the values of a record; one packer serves many records.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    block: Vec<u8>,
}

impl Packer {
    /// Sets a property that has not been set before.
    pub(crate) fn push(&mut self, id: PropertyId, value: &str) {
        self.block.reserve(HEAD + value.len());
        self.block.extend_from_slice(&id.to_le_bytes());
        self.block.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.block.extend_from_slice(value.as_bytes());
    }

    /// The values set since the last time.
    pub(crate) fn finish(&mut self) -> Values {
        let values = Values { block: self.block.as_slice().into() };
        self.block.clear();
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back() {
        let mut packer = Packer::default();
        packer.push(7, "Zoë");
        packer.push(2, "");
        let values = packer.finish();
        assert_eq!(values.iter().collect::<Vec<_>>(), [(7, "Zoë"), (2, "")]);
        assert_eq!((values.get(2), values.get(3)), (Some(""), None));
        assert_eq!(packer.finish(), Values::default());
    }

    #[test]
    fn changes_replace_and_add() {
        let mut packer = Packer::default();
        packer.push(1, "a");
        packer.push(2, "b");
        let changed = packer.finish().with(&[(2, "x".into()), (3, "c".into()), (2, "y".into())]);
        assert_eq!(changed.iter().collect::<Vec<_>>(), [(1, "a"), (3, "c"), (2, "y")]);
    }
}
