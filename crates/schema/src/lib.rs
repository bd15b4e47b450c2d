//! What every part of Aqueduct agrees on: entities and semantic types, batches and the stage they have reached,
//! checkpoints, rejected rows, errors and secrets. It knows no network, no database and no vendor.
//!
//! Reading order: [`semantic`] (kinds of value), [`entity`] (the common tables), [`table`] (rows on the way),
//! [`batch`] (the stages), [`checkpoint`] (where a stream stands), [`error`].

pub mod batch;
pub mod checkpoint;
pub mod cleaning;
pub mod codes;
pub mod description;
pub mod entities;
pub mod entity;
pub mod error;
pub mod id;
pub mod locked;
pub mod merges;
pub mod record;
pub mod references;
pub mod reject;
pub mod secret;
pub mod semantic;
pub mod table;
pub mod time;
pub mod traffic;
pub mod yaml;

pub use batch::{Batch, Checked, Counts, Normalised, Protected, Raw, Stage};
pub use checkpoint::{Checkpoint, Cursor, Mode, Position, ReadingState, StreamState};
pub use cleaning::{CleaningCount, CleaningExample};
pub use codes::Code;
pub use description::{ChangeKind, FieldDescription, SchemaChange, StreamDescription};
pub use entity::{Derivation, Entity, Field};
pub use error::{Error, ErrorKind, Location, Result, Retry};
pub use id::{RowIds, Source};
pub use locked::with_sqlite_lock_holder;
pub use record::{MergeForm, MergeSignal, PicklistValue, RecordField, RecordSchema, Visibility};
pub use reject::{Reject, RejectCell};
pub use secret::Secret;
pub use semantic::{Cleaned, CleaningStatus, SemanticType, Sensitivity, ValueType};
pub use table::{Column, Layer, Operation, Table, TableName, TableSchema};
pub use time::Timestamp;
pub use traffic::{Calls, Reading, TimeSpent, Traffic};
