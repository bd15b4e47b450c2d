//! What is kept of who is who: the rows that are told apart, what the next resolving has to know, and the identities themselves.
//!
//! The texts called `content`, `model` and the numbers of blocks are the caller's own. Keys are texts too: a source, `|`, and the id of
//! the row in its table, 32 characters.

pub(crate) mod read;
pub(crate) mod write;

use std::collections::BTreeMap;

use aqueduct_schema::{Result, TableName};
use async_trait::async_trait;

use crate::identifier::literal;
use crate::warehouse::Fence;

/// What loads of identities are recorded under, as if they were a stream.
pub(crate) const STREAM: &str = "identity";
/// Rows in one statement.
pub(crate) const TOGETHER: usize = 500;

/// A row of `contact` or `account`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRow {
    /// Its id.
    pub id: String,
    /// The connector it came through, and the account there.
    pub source: [String; 2],
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// The identity that it is said to belong to.
    pub identity_id: Option<String>,
    /// When it last changed at the source.
    pub updated_at: Option<String>,
    /// The columns that were asked for and are there, as text.
    pub values: BTreeMap<String, String>,
    /// Of contacts, the further ways to reach them: kind and value.
    pub points: Vec<(String, String)>,
}

/// Which rows are meant.
#[derive(Clone, Copy, Debug)]
pub enum IdentityRows<'a> {
    /// The live ones after this id, so many.
    Page(Option<&'a str>, u64),
    /// Those with these ids, live or not.
    Ids(&'a [String]),
    /// The live ones whose own id, or whose identity's, begins so.
    Beginning(&'a str),
}

/// What no resolving has seen yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityPending {
    /// Loads.
    pub loads: Vec<String>,
    /// The rows they wrote.
    pub rows: Vec<String>,
}

/// What a person decided about two rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityVerdict {
    /// One key.
    pub a: String,
    /// The other.
    pub b: String,
    /// Whether they are the same.
    pub is_same: bool,
    /// Who said so.
    pub decided_by: String,
}

/// What is stored of records, blocks and pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityKnown {
    /// The members of blocks.
    pub blocks: BTreeMap<u64, Vec<String>>,
    /// The content of records, and their blocks.
    pub records: BTreeMap<String, (String, Vec<u64>)>,
    /// The pairs of records: both keys and the content.
    pub pairs: BTreeMap<String, Vec<[String; 3]>>,
}

/// A row of `identity` or `identity_link`: its id and its values by column.
pub type IdentityValues = (String, BTreeMap<&'static str, Option<String>>);

/// What a resolving changes.
#[derive(Clone, Debug, Default)]
pub struct IdentityChange {
    /// contact or account.
    pub entity: String,
    /// Everything that is kept for the next resolving goes first, the model too: what follows makes it anew, in several steps.
    pub begins: bool,
    /// The model, with the last step.
    pub model: Option<String>,
    /// Loads that are seen, with the last step.
    pub loads: Vec<String>,
    /// Records with their content and blocks; without content for one that is gone.
    pub records: Vec<(String, Option<String>, Vec<u64>)>,
    /// Every pair with one of these goes.
    pub unpaired: Vec<String>,
    /// Every pair with both among these goes.
    pub within: Vec<String>,
    /// Pairs: both keys and the content.
    pub pairs: Vec<[String; 3]>,
    /// For rows of the entity's table, by id, the identity they belong to; none for one that belongs to nobody.
    pub members: Vec<(String, Option<String>)>,
    /// Rows of `identity`.
    pub identities: Vec<IdentityValues>,
    /// Rows of `identity_link`, by the id of the row that they link.
    pub links: Vec<IdentityValues>,
    /// Identities that nothing belongs to any more, by id.
    pub gone: Vec<String>,
    /// Whether identities and links that no record speaks of any more are looked for and marked as deleted: after everything is made anew.
    pub sweeps: bool,
}

impl IdentityChange {
    /// Whether it writes rows that people read.
    pub(crate) fn writes_rows(&self) -> bool {
        self.sweeps || !(self.identities.is_empty() && self.links.is_empty() && self.gone.is_empty() && self.members.is_empty())
    }
}

/// Keeps identities.
#[async_trait]
pub trait Identities: Send + Sync {
    /// What no resolving has seen: loads, and the rows of the entity's table that they wrote, or whose ways to reach them they wrote.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_pending(&self, entity: &str) -> Result<IdentityPending>;

    /// Rows of the entity's table with some of its columns, by id.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_rows(&self, entity: &str, columns: &[&str], rows: IdentityRows<'_>) -> Result<Vec<IdentityRow>>;

    /// The model that everything is resolved with.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_model(&self, entity: &str) -> Result<Option<String>>;

    /// How many records are stored.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_count(&self, entity: &str) -> Result<u64>;

    /// What people decided, in order of keys.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_verdicts(&self, entity: &str) -> Result<Vec<IdentityVerdict>>;

    /// What is stored of blocks, of records, and of pairs with a record. Of a block that nobody is in, and of a record without pairs, an
    /// empty list; of a record that is not stored, nothing.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_known(&self, entity: &str, blocks: &[u64], records: &[String], pairs: &[String]) -> Result<IdentityKnown>;

    /// Pairs whose content has a text in it, so many at most, in order of keys.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses.
    async fn identity_pairs_with(&self, entity: &str, text: &str, limit: u64) -> Result<Vec<[String; 3]>>;

    /// Stores one step of a resolving in one transaction.
    ///
    /// # Errors
    /// `AQ4002` when the destination refuses, `AQ5001` when the fence is lost.
    async fn store_identities(&self, fence: &Fence, change: &IdentityChange) -> Result<()>;

    /// Stores what people decided; a later word about the same two replaces an earlier one.
    ///
    /// # Errors
    /// As [`Identities::store_identities`].
    async fn decide_identities(&self, fence: &Fence, entity: &str, verdicts: &[IdentityVerdict]) -> Result<()>;
}

fn table(entity: &str) -> TableName {
    TableName::common(entity)
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.map(literal).collect::<Vec<_>>().join(", ")
}

fn block(number: u64) -> String {
    format!("{number:016x}")
}
