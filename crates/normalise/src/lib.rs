//! From a vendor's records to the common schema: mappings (data, written in YAML) say where a value comes from, semantic types say how
//! it is cleaned. No network, no SQL, no vendor's name.
//!
//! [`parse_mappings`] reads a connector's files, [`Mappings`] joins them with what the pipeline file says ([`Normalise`]) and holds them
//! against the streams before anything is requested, and a [`Normaliser`] carries them out on Arrow columns. [`cleaners`] are the rules
//! of each semantic type and can be used alone. [`propose`] writes a first mapping for records of unknown layout.
//!
//! # The mapping language
//! One YAML document a stream and entity, `---` between documents:
//!
//! ```yaml
//! entity: contact
//! stream: contacts
//! when: { path: archived, is: ["false"] }           # which records give a row: `is`, `not` or `present`
//! fields:
//!   email: properties.email                         # a path of the record
//!   full_name: { join: [properties.firstname, properties.lastname], with: " " }
//!   phone_e164: { first_of: [properties.phone, properties.mobilephone] }
//!   lifecycle_stage: { from: properties.lifecyclestage, values: { marketingqualifiedlead: mql }, otherwise: other }
//!   source_created_at: { from: createdate, format: epoch_milliseconds }
//!   first_name: { split: properties.name, by: " ", take: first }   # first, last, rest or a number from 0
//!   lead_source: { constant: website }
//! ```
//!
//! `scale: 0.01` beside `from` multiplies exactly; `{ function: NAME, of: [..] }` calls one of [`FUNCTIONS`]. Parts of `join`,
//! `first_of`, `of`, `from` and `split` may be expressions themselves. `each: PATH` gives one row for each element of a JSON array, with
//! paths `each.…` inside the element. `each: [..]` with a list of field sets gives one row for each set that finds a value; its
//! source id is the record's and the set's constant `label`.

pub mod cleaners;

mod choices;
mod column;
mod deletions;
mod derive;
mod editor;
mod elements;
mod evaluate;
mod expression;
mod format;
mod functions;
mod mapping;
mod mappings;
mod memo;
mod normaliser;
mod origins;
mod plan;
mod planner;
mod propose;
mod records;
mod report;
mod rows;
mod settings;
mod space;
mod step_words;
mod steps;
mod suggest;
mod tables;
mod told;
mod value;
mod yaml;

pub use editor::mapping_schema;
pub use functions::{FUNCTIONS, Function};
pub use mapping::{Mapping, parse_mappings};
pub use mappings::Mappings;
pub use normaliser::Normaliser;
pub use origins::Origin;
pub use propose::{guess, propose};
pub use settings::{CleaningSteps, Defaults, MappingList, Normalise, Overrides, Required};
