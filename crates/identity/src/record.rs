//! What comes in: records of people or companies, as values that the cleaners have already normalised.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What is being told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entity {
    /// People.
    Contact,
    /// Companies.
    Account,
}

impl Entity {
    /// The entity of that name in the common schema.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "contact" => Some(Self::Contact),
            "account" => Some(Self::Account),
            _ => None,
        }
    }

    /// Its name in the common schema.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Account => "account",
        }
    }
}

/// Which record: the source it came from and its id there. Keys are ordered, and that order decides every tie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordKey {
    /// The source: a system and account, or a file's name.
    pub source: Arc<str>,
    /// The record's id in the source.
    pub record: Box<str>,
}

impl RecordKey {
    /// A key of its parts.
    pub fn new(source: impl Into<Arc<str>>, record: impl Into<Box<str>>) -> Self {
        Self { source: source.into(), record: record.into() }
    }
}

/// What a value says about a person or a company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Given name.
    FirstName,
    /// Names between the given name and the surname.
    MiddleName,
    /// Surname.
    LastName,
    /// The whole name of a person, split where the parts are not given.
    FullName,
    /// What tells generations apart: `Jr`, `III`.
    NameSuffix,
    /// E-mail address, as the cleaner's join key (`email_normalized`).
    Email,
    /// The cleaner's matching key of the address (`email_match_key`); the address itself where it is left out.
    EmailMatchKey,
    /// Telephone number in E.164, or its digits where no country is known. May be given several times.
    Phone,
    /// Birth date as `YYYY-MM-DD` or eight digits; digits that make no date are compared all the same, `00` stands for an unknown part.
    BirthDate,
    /// House number, where it is not part of the street.
    HouseNumber,
    /// Street, with or without the number.
    Street,
    /// Town.
    City,
    /// State, province or county.
    Region,
    /// Postal code.
    PostalCode,
    /// Country.
    Country,
    /// An identifier that others gave: social security, VAT or register number. May be given several times.
    ExternalId,
    /// The company's name; of a contact, the employer's.
    Company,
    /// The company's registrable domain; of a contact, the employer's.
    Domain,
}

/// One record to resolve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which record.
    pub key: RecordKey,
    /// Its values. The first of an attribute counts, but for e-mail, telephone and external ids, of which the first few do.
    pub values: Vec<(Attribute, Box<str>)>,
    /// An id by which the source itself tells people apart, such as a customer number that was checked. Two records of one source with
    /// different strong ids are never joined. A list's row number is not one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strong_id: Option<Box<str>>,
    /// The record that the source merged this one into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<RecordKey>,
    /// Whether the source verified the e-mail address or the mobile number.
    #[serde(default)]
    pub is_verified: bool,
}

impl Record {
    /// A record without values.
    pub fn new(source: impl Into<Arc<str>>, record: impl Into<Box<str>>) -> Self {
        Self { key: RecordKey::new(source, record), values: Vec::new(), strong_id: None, merged_into: None, is_verified: false }
    }

    /// Adds a value; nothing where it is blank.
    #[must_use]
    pub fn with(mut self, attribute: Attribute, value: &str) -> Self {
        self.push(attribute, value);
        self
    }

    /// Adds a value; nothing where it is blank.
    pub fn push(&mut self, attribute: Attribute, value: &str) {
        let value = value.trim();
        if !value.is_empty() {
            self.values.push((attribute, value.into()));
        }
    }

    /// The first value of an attribute.
    pub fn get(&self, attribute: Attribute) -> Option<&str> {
        self.all(attribute).next()
    }

    /// Every value of an attribute.
    pub fn all(&self, attribute: Attribute) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(found, _)| *found == attribute).map(|(_, value)| &**value)
    }
}

/// What a person decided about two records. It holds in every later run, whatever the values say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Verdict {
    /// One record.
    pub a: RecordKey,
    /// The other.
    pub b: RecordKey,
    /// Whether they are the same person or company.
    pub is_same: bool,
}

impl Verdict {
    /// `aqueduct merge`: these two are the same.
    pub fn merge(a: RecordKey, b: RecordKey) -> Self {
        Self { a, b, is_same: true }
    }

    /// `aqueduct unmerge`: these two are not the same. To take a record out of an identity, give one for each of the other members.
    pub fn unmerge(a: RecordKey, b: RecordKey) -> Self {
        Self { a, b, is_same: false }
    }
}
