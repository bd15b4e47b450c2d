//! A contract: what may happen to a table when its source changes, stream by stream and field by field.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use aqueduct_schema::{ChangeKind, Error, FieldDescription, Result, SchemaChange, StreamDescription, ValueType, Visibility, codes, yaml};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::drift::diff_stream;

/// What a contract file calls itself, where it says so.
const KIND: &str = "contract";
/// The version of the words in a contract file.
const VERSION: u32 = 1;

/// What happens when a source changes which fields it has, or a field's type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// The table follows: columns are added and widened, one that is gone at the source stays and is null from then on.
    #[default]
    Evolve,
    /// The table stays as it is: new fields are not stored, and records whose value does not fit the accepted type go to quarantine.
    Quarantine,
    /// The stream is not read until somebody has accepted the change.
    Freeze,
}

/// A contract as its file says it.
#[derive(Clone, Debug, Default)]
pub struct Contract {
    file: String,
    on_change: OnChange,
    streams: Vec<(Spanned<String>, StreamContract)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractFile {
    #[serde(default)]
    kind: Option<Spanned<String>>,
    #[serde(default)]
    version: Option<Spanned<u32>>,
    #[serde(default)]
    on_change: OnChange,
    #[serde(default)]
    streams: Named<StreamContract>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamContract {
    #[serde(default)]
    on_change: Option<OnChange>,
    #[serde(default)]
    fields: Named<FieldContract>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldContract {
    on_change: OnChange,
}

/// A map that keeps the places of its keys.
#[derive(Clone, Debug)]
struct Named<T>(Vec<(Spanned<String>, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("names, each with what holds for it")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// A name in a contract, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'c> {
    /// The stream.
    pub stream: &'c str,
    /// The field, where it is one.
    pub field: Option<&'c str>,
    line: u64,
    column: u64,
}

impl Contract {
    /// Reads a contract. `file` is its name as the person knows it.
    ///
    /// # Errors
    /// `AQ1002` and `AQ1003` for what is not a contract's form, `AQ1015` for another kind or version, each with line and column.
    pub fn read(file: &str, text: &str) -> Result<Self> {
        let content: ContractFile = yaml::read(file, text)?;
        let wrong = |message: String, line, column| Err(Error::new(codes::BAD_CONTRACT, message).at(file, line, column));
        if let Some(kind) = content.kind.filter(|kind| kind.value != KIND) {
            return wrong(format!("this is a `{}` and not a `{KIND}`", kind.value), kind.referenced.line(), kind.referenced.column());
        }
        if let Some(version) = content.version.filter(|version| version.value != VERSION) {
            let message = format!("version {} of contracts is not known, only {VERSION}", version.value);
            return wrong(message, version.referenced.line(), version.referenced.column());
        }
        Ok(Self { file: file.to_owned(), on_change: content.on_change, streams: content.streams.0 })
    }

    /// Every stream and every field that the contract names, in its order.
    pub fn names(&self) -> Vec<Name<'_>> {
        let mut names = Vec::new();
        for (stream, of_stream) in &self.streams {
            let mut add = |name: &Spanned<String>, field| {
                let place = name.referenced;
                names.push(Name { stream: stream.value.as_str(), field, line: place.line(), column: place.column() });
            };
            add(stream, None);
            of_stream.fields.0.iter().for_each(|(field, _)| add(field, Some(field.value.as_str())));
        }
        names
    }

    /// An error about a name in the contract, with its place.
    pub fn wrong(&self, name: &Name<'_>, code: aqueduct_schema::Code, message: impl Into<String>) -> Error {
        Error::new(code, message).at(&self.file, name.line, name.column)
    }

    /// What holds for a field: as it is named itself, else as its stream is, else as the contract says on top.
    pub fn of(&self, stream: &str, field: &FieldDescription) -> OnChange {
        let Some((_, of_stream)) = self.streams.iter().find(|(name, _)| name.value == stream) else { return self.on_change };
        let named = of_stream.fields.0.iter().find(|(name, _)| is_named(&name.value, &field.path, &field.column));
        named.map(|(_, field)| field.on_change).or(of_stream.on_change).unwrap_or(self.on_change)
    }
}

/// Whether a name in a contract means a field: its path, its column, or the last part of its path.
pub fn is_named(name: &str, path: &str, column: &str) -> bool {
    name == path || name == column || path.rsplit('.').next() == Some(name)
}

/// What a contract says of one stream as it is described now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The changes for which the stream must not be read.
    pub frozen: Vec<SchemaChange>,
    /// Paths of the fields that are not stored.
    pub left_out: Vec<String>,
    /// Fields whose type must stay, by path: a record with a value that does not fit goes to quarantine.
    pub rigid: HashMap<String, ValueType>,
    /// What counts as accepted from now on.
    pub accepted: StreamDescription,
}

impl Contract {
    /// Judges a stream: `accepted` is what was accepted last, if anything was, and `current` what the source says now.
    ///
    /// Only fields that are read, or were read, are looked at. A field that the source had and that is selected now for the first time
    /// is the wish of whoever writes the pipeline file, and no change at the source.
    pub fn judge(&self, stream: &str, accepted: Option<&StreamDescription>, current: &StreamDescription) -> Judgement {
        let accepted = accepted.unwrap_or(current);
        let mut judgement = Judgement { frozen: Vec::new(), left_out: Vec::new(), rigid: HashMap::new(), accepted: accepted.clone() };
        let is_read = |path: &str| [accepted, current].iter().any(|side| side.field(path).is_some_and(|field| field.selected));
        let mut held: Vec<&str> = Vec::new();
        let changes = diff_stream(stream, accepted, current);
        for change in changes.iter().filter(|change| change.kind.is_structural()) {
            let Some(path) = change.field.as_deref() else { continue };
            let former = change.before.as_deref().filter(|_| change.kind == ChangeKind::Renamed);
            if !is_read(path) && !former.is_some_and(is_read) {
                continue;
            }
            let sides = [current.field(path), accepted.field(former.unwrap_or(path))];
            match sides.into_iter().flatten().map(|field| self.of(stream, field)).max().unwrap_or_default() {
                OnChange::Evolve => {}
                OnChange::Freeze => judgement.frozen.push(change.clone()),
                OnChange::Quarantine => {
                    held.push(path);
                    held.extend(former);
                    if matches!(change.kind, ChangeKind::Added | ChangeKind::Visible | ChangeKind::Renamed) {
                        judgement.left_out.push(path.to_owned());
                    }
                }
            }
        }
        for field in current.fields.iter().filter(|field| field.visibility == Visibility::Visible) {
            if self.of(stream, field) != OnChange::Evolve {
                let known = accepted.field(&field.path).map_or(field.value_type, |accepted| accepted.value_type);
                judgement.rigid.insert(field.path.clone(), known);
            }
        }
        if judgement.frozen.is_empty() {
            judgement.accepted = follow(accepted, current, &held);
        }
        judgement
    }
}

/// The current description, but for the fields that are held as they were accepted.
fn follow(accepted: &StreamDescription, current: &StreamDescription, held: &[&str]) -> StreamDescription {
    let is_held = |field: &FieldDescription| held.contains(&field.path.as_str());
    let mut fields: Vec<FieldDescription> = Vec::new();
    for field in &current.fields {
        match accepted.field(&field.path) {
            _ if !is_held(field) => fields.push(field.clone()),
            Some(known) => fields.push(FieldDescription { selected: field.selected, ..known.clone() }),
            None => {}
        }
    }
    let gone = accepted.fields.iter().filter(|field| is_held(field) && current.field(&field.path).is_none());
    fields.extend(gone.cloned());
    StreamDescription { fields }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod tests;
