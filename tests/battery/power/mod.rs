//! Power cuts: what programs did to their files is written down by `journal.c`, and from that one account any number of moments can be
//! chosen at which the power goes. A process that is killed leaves the system's page cache behind; a machine that loses its power does not.

pub(crate) mod cluster;
mod disk;
mod journal;

pub(crate) use disk::{Disk, Survives, read, write};
pub(crate) use journal::{Recorder, Step, let_others_in};
