//! Who is the same person or company, with reasons.

mod address;
mod blocking;
mod cluster;
mod compare;
mod coverage;
mod date;
mod explain;
mod increment;
mod learn;
mod levels;
mod maximise;
mod model;
mod names;
mod nicknames;
mod parallel;
mod prepared;
mod record;
mod resolve;
mod rules;
mod score;
mod survivor;
mod text;

pub use address::is_free_mail;
pub use blocking::Skipped;
pub use coverage::{Coverage, KeyCoverage};
pub use date::{DateOrder, date_digits};
pub use explain::{Reason, line};
pub use increment::{Asked, Change, Known, StoredPair, Update, update};
pub use model::{MODEL_VERSION, Model};
pub use record::{Attribute, Entity, Record, RecordKey, Verdict};
pub use resolve::{Decision, Explainer, Options, Pair, Resolution, resolve};
pub use rules::Rule;
pub use survivor::{Member, Survivor, survivors};
