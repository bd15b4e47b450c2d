//! Row ids: the same on every machine, every time.

use serde::{Deserialize, Serialize};

/// Where records come from: the three names that, with the entity and the source's own id, make a row id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// Whose warehouse it is; `default` unless one installation serves several organisations.
    pub tenant: String,
    /// The vendor, by the connector's name, for example `hubspot`.
    pub system: String,
    /// The vendor's account (portal, organisation), for example HubSpot's portal id.
    pub account: String,
}

/// Makes the row ids of one entity or source table of one source account.
///
/// An id is the first 128 bits of BLAKE3 over tenant, source system, source account, entity and source id, each preceded by its
/// length in bytes (8 bytes, little-endian), in lower-case hexadecimal: 32 characters.
#[derive(Clone, Debug)]
pub struct RowIds {
    /// The four parts, each after its length. Hashing them again with every id costs less than copying a hasher that has seen them.
    prefix: Vec<u8>,
}

const HEX: &[u8; 16] = b"0123456789abcdef";
/// Ids up to so many bytes, their prefix included, are put together without touching the heap.
const STACK: usize = 256;

impl RowIds {
    /// The ids of `entity` (an entity's name, or `source.<table>` for a source table) in one source account.
    pub fn new(source: &Source, entity: &str) -> Self {
        let mut prefix = Vec::new();
        for part in [source.tenant.as_str(), source.system.as_str(), source.account.as_str(), entity] {
            prefix.extend_from_slice(&(part.len() as u64).to_le_bytes());
            prefix.extend_from_slice(part.as_bytes());
        }
        Self { prefix }
    }

    /// Appends the id of the record with this source id to `out`: 32 hexadecimal digits.
    pub fn write(&self, source_id: &str, out: &mut String) {
        let length = (source_id.len() as u64).to_le_bytes();
        let parts: [&[u8]; 3] = [&self.prefix, &length, source_id.as_bytes()];
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let hash = if total <= STACK {
            let mut buffer = [0; STACK];
            let mut at = 0;
            for part in parts {
                buffer[at..at + part.len()].copy_from_slice(part);
                at += part.len();
            }
            blake3::hash(&buffer[..total])
        } else {
            blake3::hash(&parts.concat())
        };
        for byte in &hash.as_bytes()[..16] {
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }

    /// The id of the record with this source id.
    pub fn id(&self, source_id: &str) -> String {
        let mut out = String::with_capacity(32);
        self.write(source_id, &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(account: &str) -> Source {
        Source { tenant: "default".into(), system: "hubspot".into(), account: account.into() }
    }

    #[test]
    fn ids_are_stable_across_releases() {
        assert_eq!(RowIds::new(&source("62515"), "contact").id("51"), "470d9e73c1c44b7db8a6b2798fc1b08c");
    }

    #[test]
    fn long_ids_are_like_short_ones() {
        let ids = RowIds::new(&source("1"), "contact");
        let all: std::collections::HashSet<String> = (0..400).map(|length| ids.id(&"x".repeat(length))).collect();
        assert_eq!(all.len(), 400);
    }

    #[test]
    fn boundaries_between_parts_count() {
        let one = RowIds::new(&source("1"), "contact").id("23");
        let other = RowIds::new(&source("12"), "contact").id("3");
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
    }
}
