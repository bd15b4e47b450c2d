//! Power cuts: what a program did to its files is written down by `journal.c`, and from that one account any number of moments can be
//! chosen at which the power goes. A process that is killed leaves the system's page cache behind; a machine that loses its power does not.

mod disk;
mod journal;

pub(crate) use disk::{Disk, Survives, read, write};
pub(crate) use journal::{Recorder, Step};
