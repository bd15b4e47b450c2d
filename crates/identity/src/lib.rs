//! Who is the same person or company, with reasons.
//!
//! Records come in with values that the cleaners have normalised ([`Record`]), clusters and pairs come out ([`resolve`], [`Resolution`]).
//! Nothing here knows where records are stored. The answer does not depend on the order of the records or the number of threads.
//!
//! # How two records are weighed
//! They are compared where they share one of some twenty keys (`blocking`). Each field gives a level, from "differs" to "the same"
//! (`levels`, `compare`); each level has a weight in bits, learned from the records themselves (`learn`, `maximise`), more for rare values
//! (`model`). Certain rules go before weights (`rules`). Links make clusters under guards (`cluster`). Every pair has its [`Reason`]s.
//!
//! # Keeping identities in a warehouse
//! 1. The first time, and whenever the model is learned anew: [`resolve`] all records. Store [`Resolution::model`] as JSON, for every record
//!    [`Resolution::block_keys`] (a table of key and record) and its cluster, and every pair as a [`StoredPair`]. A cluster is named by its
//!    first record; an identity's id can be made from that record's id.
//! 2. After a run: make a [`Change`] for every record that the run touched, with the keys stored for it and its present values, and call
//!    [`update`] with what is [`Known`], at first nothing. It answers with what it has to know ([`Asked`]): members of blocks, records,
//!    stored pairs. Add these to what is known, ask again, and in the end carry out the [`Update`], in one transaction with the run.
//! 3. `merge` and `unmerge` by hand are [`Verdict`]s, kept for ever and given to every call; the records they name are changes of that call.
//! 4. [`survivors`] chooses the values of an identity, field by field; of consent the most restrictive.
//!
//! A model of another [`MODEL_VERSION`] is not to be used: learn anew and resolve everything.

mod accelerate;
mod address;
mod births;
mod blocking;
mod cluster;
mod compare;
mod coverage;
mod date;
mod evidence;
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
mod relatives;
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
