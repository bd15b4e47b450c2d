//! What a connector is to be, before it is written.

use aqueduct_schema::{SemanticType, ValueType};

/// A connector to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The name in pipeline files: the vendor, in snake case.
    pub name: String,
    /// The vendor as people write it.
    pub title: String,
    /// The vendor's documentation.
    pub documentation: String,
    /// The address of the API without a slash at the end; none where each account has its own.
    pub base_url: Noted<Option<String>>,
    /// How requests prove who sends them.
    pub credentials: Noted<Credentials>,
    /// What tells of the account.
    pub account: Noted<Account>,
    /// Headers that every request must have.
    pub headers: Vec<(String, String)>,
    /// The vendor's limit.
    pub limit: Noted<Limit>,
    /// The header in which answers say how many seconds to wait, in lower case, where it is not `Retry-After`.
    pub retry_after_header: Option<Noted<String>>,
    /// The streams, in order.
    pub streams: Vec<Stream>,
    /// Which stream becomes which entity, field by field.
    pub mappings: Vec<Mapping>,
}

/// Something that may be a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted<T> {
    /// What it is.
    pub value: T,
    /// Why it was guessed; none where it is known.
    pub why: Option<String>,
}

impl<T> Noted<T> {
    /// Something known.
    pub fn known(value: T) -> Self {
        Self { value, why: None }
    }

    /// A guess and its reason, in a few words.
    pub fn guessed(value: T, why: impl Into<String>) -> Self {
        Self { value, why: Some(why.into()) }
    }
}

/// So many requests in so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many requests.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
}

/// How requests prove who sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Not at all.
    None,
    /// A bearer token.
    Bearer,
    /// A key in a header, with what stands before it.
    Header {
        /// The header.
        name: String,
        /// What stands before the key, with its space.
        prefix: String,
    },
    /// A key in a query parameter of this name.
    Query(String),
    /// HTTP Basic.
    Basic,
}

/// What tells of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account {
    /// An answer of the vendor.
    Endpoint {
        /// The path below the base URL.
        path: String,
        /// The object in the answer that tells of the account; none for the answer itself.
        inside: Option<String>,
        /// The key of the id.
        id: String,
        /// Whether the id is a number.
        is_number: bool,
    },
    /// Nothing: the config gives the account a name.
    Config,
}

/// A stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its name: a plural in snake case.
    pub name: String,
    /// What one record is, in snake case.
    pub object: String,
    /// The path below the base URL.
    pub path: String,
    /// Object keys from the root of an answer to the array of records.
    pub items: Noted<Vec<String>>,
    /// How one page leads to the next.
    pub paging: Noted<Paging>,
    /// The query parameter for the page size, and how many records to ask for.
    pub page_size: Option<Noted<(String, u32)>>,
    /// Query parameters that every request has.
    pub query: Vec<(String, String)>,
    /// The query parameter that asks for what changed at or after an instant.
    pub since: Option<Noted<String>>,
    /// The query parameter that asks for what changed before an instant.
    pub until: Option<Noted<String>>,
    /// The path of the key.
    pub key: Noted<String>,
    /// The path of the time of creation.
    pub created_at: Option<Noted<String>>,
    /// The path of the time of the last change.
    pub updated_at: Option<Noted<String>>,
    /// The path of the flag that says a record is deleted.
    pub is_deleted: Option<Noted<String>>,
    /// The fields; the key, the times and the flag are among them.
    pub fields: Vec<Field>,
    /// The vendor's page about it.
    pub documentation: String,
}

impl Stream {
    /// Whether it can be asked for what changed.
    pub fn has_changes(&self) -> bool {
        self.since.is_some() && self.updated_at.is_some() && !matches!(self.paging.value, Paging::PageNumber { .. })
    }
}

/// How one page leads to the next; the styles of `aqueduct_connector::Paging`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paging {
    /// One answer holds everything.
    Single,
    /// A token in the body goes into a query parameter.
    NextToken {
        /// Object keys from the root to the token.
        token: Vec<String>,
        /// The query parameter.
        parameter: String,
    },
    /// The body has the address of the next page.
    NextLink {
        /// Object keys from the root to the address.
        link: Vec<String>,
    },
    /// A `Link` header has the address of the next page.
    LinkHeader,
    /// So many records are skipped; each page begins with the last record of the one before.
    AnchoredOffset {
        /// The query parameter.
        parameter: String,
    },
    /// Pages have numbers.
    PageNumber {
        /// The query parameter.
        parameter: String,
        /// The number of the first page.
        first: u64,
    },
    /// The key of the last record goes into a query parameter.
    Keyset {
        /// The query parameter.
        parameter: String,
        /// The key inside a record.
        key: String,
    },
    /// The time of the last record goes into a query parameter, and records are counted inside one instant alone.
    Time {
        /// The query parameter for the earliest time.
        parameter: String,
        /// The path of the time inside a record.
        time: String,
        /// The query parameter for how many records are skipped.
        offset: String,
    },
}

impl Paging {
    /// Whether a page shorter than asked for is the last.
    pub fn ends_short(&self) -> bool {
        matches!(self, Self::AnchoredOffset { .. } | Self::PageNumber { .. } | Self::Keyset { .. } | Self::Time { .. })
    }

    /// The style in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Single => "in one page".to_owned(),
            Self::NextToken { token, parameter } => format!("by the token `{}` in `{parameter}`", token.join(".")),
            Self::NextLink { link } => format!("by the link `{}`", link.join(".")),
            Self::LinkHeader => "by the Link header".to_owned(),
            Self::AnchoredOffset { parameter } => format!("by the offset `{parameter}`"),
            Self::PageNumber { parameter, .. } => format!("by the page number `{parameter}`"),
            Self::Keyset { parameter, key } => format!("by the key `{key}` in `{parameter}`"),
            Self::Time { parameter, time, offset } => format!("by the time `{time}` in `{parameter}`, then the offset `{offset}`"),
        }
    }
}

/// A field of a stream's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Object keys joined by dots.
    pub path: String,
    /// How its values are stored.
    pub value_type: ValueType,
    /// The kind of value, where it is known or guessed.
    pub semantic: Option<SemanticType>,
    /// Why type or kind were guessed.
    pub why: Option<String>,
    /// Whether the vendor writes it as a whole number, whatever it is stored as.
    pub is_number: bool,
    /// For a list of objects of which one is marked as primary: the key of its value.
    pub primary: Option<String>,
}

/// Where the value of an entity's field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// A path of the record.
    Path(String),
    /// A path with seconds since 1970.
    EpochSeconds(String),
    /// A key of the primary element of a list.
    OfPrimary {
        /// The path of the list.
        list: String,
        /// The key.
        key: String,
    },
}

impl Expression {
    /// The path that it reads.
    pub fn path(&self) -> &str {
        match self {
            Self::Path(path) | Self::EpochSeconds(path) | Self::OfPrimary { list: path, .. } => path,
        }
    }
}

/// How a stream becomes an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The entity.
    pub entity: &'static str,
    /// The stream.
    pub stream: String,
    /// Fields of the entity, and where their values come from.
    pub fields: Vec<(String, Expression)>,
    /// Whether the fields were guessed.
    pub is_guessed: bool,
}

impl Plan {
    /// Everything that was guessed: where it stands, and why.
    pub fn guesses(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut note = |place: &str, why: &Option<String>| found.extend(why.iter().map(|why| (place.to_owned(), why.clone())));
        note("base URL", &self.base_url.why);
        note("credentials", &self.credentials.why);
        note("account", &self.account.why);
        note("limit", &self.limit.why);
        note("wait", &self.retry_after_header.as_ref().and_then(|header| header.why.clone()));
        for stream in &self.streams {
            let name = &stream.name;
            note(&format!("{name}: records"), &stream.items.why);
            note(&format!("{name}: paging"), &stream.paging.why);
            note(&format!("{name}: page size"), &stream.page_size.as_ref().and_then(|size| size.why.clone()));
            note(&format!("{name}: changes"), &stream.since.as_ref().and_then(|since| since.why.clone()));
            note(&format!("{name}: windows"), &stream.until.as_ref().and_then(|until| until.why.clone()));
            note(&format!("{name}: deletions"), &stream.is_deleted.as_ref().and_then(|flag| flag.why.clone()));
            note(&format!("{name}: key"), &stream.key.why);
            for time in [&stream.created_at, &stream.updated_at].into_iter().flatten() {
                note(&format!("{name}: time"), &time.why);
            }
            for field in &stream.fields {
                note(&format!("{name}.{}", field.path), &field.why);
            }
        }
        for mapping in self.mappings.iter().filter(|mapping| mapping.is_guessed) {
            let why = format!("{} fields of `{}` by the names they have", mapping.fields.len(), mapping.entity);
            note(&format!("{}: mapping", mapping.stream), &Some(why));
        }
        found
    }
}
