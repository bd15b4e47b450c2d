//! What an object is made of: its fields with their types, read from a short notation.

use std::collections::HashMap;

use super::ids::{IdText, id_bytes, id_number, id_text};

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Id,
    Text,
    Area,
    Email,
    Phone,
    Url,
    Pick,
    Multi,
    Reference,
    Check,
    Date,
    Stamp,
    Int,
    Double,
    Money,
    Percent,
    Address,
    /// A value of whatever type another field of the record says.
    Any,
}

impl Kind {
    fn parse(word: &str) -> Self {
        match word {
            "id" => Self::Id,
            "area" => Self::Area,
            "email" => Self::Email,
            "phone" => Self::Phone,
            "url" => Self::Url,
            "pick" => Self::Pick,
            "multi" => Self::Multi,
            "ref" => Self::Reference,
            "check" => Self::Check,
            "date" => Self::Date,
            "stamp" => Self::Stamp,
            "int" => Self::Int,
            "num" => Self::Double,
            "money" => Self::Money,
            "pct" => Self::Percent,
            "address" => Self::Address,
            "any" => Self::Any,
            _ => Self::Text,
        }
    }

    /// The vendor's names of the type and of its SOAP type.
    pub(crate) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Id => ("id", "tns:ID"),
            Self::Text => ("string", "xsd:string"),
            Self::Area => ("textarea", "xsd:string"),
            Self::Email => ("email", "xsd:string"),
            Self::Phone => ("phone", "xsd:string"),
            Self::Url => ("url", "xsd:string"),
            Self::Pick => ("picklist", "xsd:string"),
            Self::Multi => ("multipicklist", "xsd:string"),
            Self::Reference => ("reference", "tns:ID"),
            Self::Check => ("boolean", "xsd:boolean"),
            Self::Date => ("date", "xsd:date"),
            Self::Stamp => ("datetime", "xsd:dateTime"),
            Self::Int => ("int", "xsd:int"),
            Self::Double => ("double", "xsd:double"),
            Self::Money => ("currency", "xsd:double"),
            Self::Percent => ("percent", "xsd:double"),
            Self::Address => ("address", "urn:address"),
            Self::Any => ("anyType", "xsd:anyType"),
        }
    }

    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Money | Self::Percent)
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Id,
    Created,
    Modified,
    Stamp,
    Deleted,
    Stored,
    /// Put together from other fields.
    Compound,
}

/// A field of an object.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    /// Characters of texts; zero for other types.
    pub(crate) length: u32,
    pub(crate) precision: u32,
    pub(crate) scale: u32,
    pub(crate) nillable: bool,
    pub(crate) calculated: bool,
    pub(crate) custom: bool,
    /// Kept by the vendor itself.
    pub(crate) read_only: bool,
    pub(crate) compound: Option<String>,
    pub(crate) refers_to: Vec<String>,
    pub(crate) relationship: Option<String>,
    pub(crate) values: Vec<String>,
    pub(crate) filterable: bool,
    /// Whether its changes are noted in the object's field history.
    pub(crate) tracked: bool,
    /// Hidden from the integration user by field-level security.
    pub(crate) hidden: bool,
}

impl Field {
    /// A field from its notation: `Name type(length or values) flags…`.
    pub(crate) fn parse(line: &str) -> Self {
        let words = words(line);
        let mut words = words.iter().map(String::as_str);
        let name = words.next().unwrap_or_default().to_owned();
        let (kind_word, inner) = argument(words.next().unwrap_or("text"));
        let kind = Kind::parse(kind_word);
        let numbers: Vec<u32> = inner.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        let list = |of: &str| of.split('|').filter(|value| !value.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let origin = match name.as_str() {
            "Id" => Origin::Id,
            "CreatedDate" => Origin::Created,
            "LastModifiedDate" => Origin::Modified,
            "SystemModstamp" => Origin::Stamp,
            "IsDeleted" => Origin::Deleted,
            _ if kind == Kind::Address => Origin::Compound,
            _ => Origin::Stored,
        };
        let mut field = Self {
            label: label(&name),
            kind,
            origin,
            length: length(kind, &numbers),
            precision: if kind.is_number() { numbers.first().copied().unwrap_or(18) } else { 0 },
            scale: if kind.is_number() { numbers.get(1).copied().unwrap_or(0) } else { 0 },
            nillable: kind != Kind::Check && origin == Origin::Stored || origin == Origin::Compound,
            calculated: false,
            custom: name.ends_with("__c"),
            read_only: !matches!(origin, Origin::Stored),
            compound: None,
            refers_to: if kind == Kind::Reference { list(inner) } else { Vec::new() },
            relationship: None,
            values: if matches!(kind, Kind::Pick | Kind::Multi) { list(inner) } else { Vec::new() },
            filterable: !matches!(kind, Kind::Address | Kind::Any)
                && (kind != Kind::Area || numbers.first().is_none_or(|length| *length <= 255)),
            tracked: false,
            hidden: false,
            name,
        };
        if kind == Kind::Reference {
            field.relationship = match field.name.strip_suffix("__c") {
                Some(custom) => Some(format!("{custom}__r")),
                None => field.name.strip_suffix("Id").map(str::to_owned),
            };
        }
        for word in words {
            match argument(word) {
                ("req", _) => field.nillable = false,
                ("calc", _) => (field.calculated, field.read_only) = (true, true),
                ("ro", _) => field.read_only = true,
                ("track", _) => field.tracked = true,
                ("in", compound) => field.compound = Some(compound.to_owned()),
                ("rel", name) => field.relationship = Some(name.to_owned()),
                ("label", text) => text.clone_into(&mut field.label),
                _ => {}
            }
        }
        field
    }

    pub(crate) fn sortable(&self) -> bool {
        self.kind == Kind::Any || self.filterable && self.kind != Kind::Multi
    }
}

fn length(kind: Kind, numbers: &[u32]) -> u32 {
    let usual = match kind {
        Kind::Id | Kind::Reference => 18,
        Kind::Text | Kind::Area | Kind::Url | Kind::Pick => 255,
        Kind::Email => 80,
        Kind::Phone => 40,
        Kind::Multi => 4099,
        _ => return 0,
    };
    numbers.first().copied().filter(|_| matches!(kind, Kind::Text | Kind::Area | Kind::Url)).unwrap_or(usual)
}

/// The words of a line; white space in parentheses separates none.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut depth) = (Vec::new(), String::new(), 0_u32);
    for letter in line.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter.is_whitespace() && depth == 0 {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
        } else {
            word.push(letter);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// A word and what it has in parentheses.
fn argument(word: &str) -> (&str, &str) {
    word.split_once('(').map_or((word, ""), |(word, inner)| (word, inner.strip_suffix(')').unwrap_or(inner)))
}

/// `MailingPostalCode` as people read it.
fn label(name: &str) -> String {
    let name = name.strip_suffix("__c").unwrap_or(name);
    let mut label = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for letter in name.chars() {
        if letter == '_' {
            label.push(' ');
        } else {
            if letter.is_uppercase() && before.is_lowercase() {
                label.push(' ');
            }
            label.push(letter);
        }
        before = letter;
    }
    label.strip_suffix(" Id").map_or(label.clone(), |start| format!("{start} ID"))
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) plural: String,
    pub(crate) prefix: [u8; 3],
    pub(crate) custom: bool,
    pub(crate) fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    /// Whether the integration user may not see it.
    pub(crate) hidden: bool,
    /// Whether Bulk queries refuse it.
    pub(crate) without_bulk: bool,
    /// Whether it has `IsDeleted`, so that its records lie in the recycle bin for a while.
    pub(crate) has_bin: bool,
    /// Whether deletions and updates can be asked for by time.
    pub(crate) replicateable: bool,
    /// The object whose records it tells of: it is written by the vendor alone, and deleted and restored with them.
    pub(crate) tells_of: Option<String>,
    /// Whether it is the field history of that object.
    pub(crate) is_field_history: bool,
}

const SYSTEM: &str =
    "CreatedDate stamp\nCreatedById ref(User) ro req\nLastModifiedDate stamp\nLastModifiedById ref(User) ro req\nSystemModstamp stamp";
const SYSTEM_OF_FIELD_HISTORY: &str = "DataType pick(Boolean|Currency|DateOnly|DateTime|Double|DynamicEnum|Email|EntityId|MultiEnum|MultiLineText|Percent|Phone|StringPlusClob|Text|Url) ro
OldValue any ro
NewValue any ro
CreatedDate stamp
CreatedById ref(User) ro req";
const SYSTEM_WITHOUT_CHANGES: &str = "CreatedDate stamp\nCreatedById ref(User) ro req\nSystemModstamp stamp";

impl Schema {
    /// An object from its notation: a line `Name prefix Plural flags…`, then one line a field. The fields that every
    /// object has are added.
    pub(crate) fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let head = words(lines.next().unwrap_or_default());
        let word = |place: usize| head.get(place).cloned().unwrap_or_default();
        let flag = |flag: &str| head.iter().any(|word| word == flag);
        let parent = |flag: &str| head.iter().map(|word| argument(word)).find(|(word, _)| *word == flag).map(|(_, name)| name.to_owned());
        let history = parent("history");
        let name = word(0);
        let prefix = <[u8; 3]>::try_from(word(1).as_bytes()).unwrap_or(*b"000");
        let mut schema = Self {
            label: label(&name),
            plural: label(&word(2)),
            prefix,
            custom: name.ends_with("__c"),
            fields: Vec::new(),
            by_name: HashMap::new(),
            hidden: false,
            without_bulk: flag("nobulk"),
            has_bin: !flag("nobin"),
            replicateable: !flag("noreplication"),
            is_field_history: history.is_some(),
            tells_of: history.or_else(|| parent("of")),
            name,
        };
        schema.add(Field::parse("Id id"));
        if schema.has_bin {
            schema.add(Field::parse("IsDeleted check"));
        }
        for line in lines {
            schema.add(Field::parse(line));
        }
        let system = match (schema.is_field_history, flag("unchanging")) {
            (true, _) => SYSTEM_OF_FIELD_HISTORY,
            (false, true) => SYSTEM_WITHOUT_CHANGES,
            (false, false) => SYSTEM,
        };
        for line in system.lines() {
            schema.add(Field::parse(line));
        }
        schema
    }

    /// Whether clients may add and change its records.
    pub(crate) fn is_writable(&self) -> bool {
        self.replicateable && self.tells_of.is_none()
    }

    /// Adds a field, or replaces the one of that name.
    pub(crate) fn add(&mut self, field: Field) {
        let key = field.name.to_lowercase();
        match self.by_name.get(&key) {
            Some(place) => self.fields[*place] = field,
            None => {
                self.by_name.insert(key, self.fields.len());
                self.fields.push(field);
            }
        }
    }

    /// The place of a field, whether or not the user may see it. Names are not told apart by case.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        if let Some(place) = self.by_name.get(name) {
            return Some(*place);
        }
        self.by_name.get(&name.to_lowercase()).copied()
    }

    /// The place of a field that the user may see.
    pub(crate) fn visible(&self, name: &str) -> Option<usize> {
        self.place(name).filter(|place| !self.fields[*place].hidden)
    }

    /// The reference behind the name of a relationship.
    pub(crate) fn relationship(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|field| !field.hidden && field.relationship.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name)))
    }

    pub(crate) fn id(&self, number: u64) -> String {
        id_text(self.prefix, number)
    }

    pub(crate) fn id_bytes(&self, number: u64) -> IdText {
        id_bytes(self.prefix, number)
    }

    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        id_number(self.prefix, id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_schema_comes_from_its_notation() {
        let schema = Schema::parse(
            "Deal__c a0D Deals nobulk\nName text(80) req\nAmount__c money(16,2)\nAccount__c ref(Account)\nStage__c pick(New One|Old) in(X)",
        );
        assert_eq!((schema.plural.as_str(), schema.custom, schema.without_bulk), ("Deals", true, true));
        let amount = &schema.fields[schema.place("amount__C").unwrap()];
        assert_eq!((amount.kind, amount.precision, amount.scale, amount.custom), (Kind::Money, 16, 2, true));
        assert_eq!(schema.relationship("account__r"), schema.place("Account__c"));
        let stage = &schema.fields[schema.place("Stage__c").unwrap()];
        assert_eq!((stage.values.as_slice(), stage.compound.as_deref()), (["New One".to_owned(), "Old".to_owned()].as_slice(), Some("X")));
        assert!(!schema.fields[schema.place("Name").unwrap()].nillable);
        assert_eq!(schema.fields[schema.place("CreatedById").unwrap()].label, "Created By ID");
        assert!(schema.place("IsDeleted").is_some() && schema.place("SystemModstamp").is_some());
    }
}
