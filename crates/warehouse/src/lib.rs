//! Destinations: the contract of a warehouse and one module for each kind.

pub mod warehouse;

pub use warehouse::{Capabilities, Fence, Receipt, RunRecord, RunStart, RunStatus, StreamRecord, TableReceipt, Warehouse};
