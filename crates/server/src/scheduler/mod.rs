//! The scheduler: finds what falls due, claims it, has it run, and says what became of it.
//!
//! [`Scheduler::tick`] is one turn of a machine without a will of its own: what it does follows from the clock, the store and the pipelines,
//! so that a test turns it through a year in seconds. Everything that must outlast the process is in the store before it is acted upon;
//! what is kept here is a copy that a turn can make anew.

mod children;
mod closing;
mod dependencies;
mod entry;
mod faster;
mod logs;
mod looking;
mod plans;
mod polling;
mod process;
mod runner;
mod starting;
mod status;
mod store;
mod turn;

pub use faster::FasterClock;
pub use plans::{Files, Plan, Plans};
pub use process::{ProcessRunner, ProcessSettings};
pub use runner::{Gone, Runner, Signal, Start};
pub use status::Board;
pub use store::Store;
pub use turn::{Parts, Scheduler, Settings};
