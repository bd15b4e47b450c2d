//! A mistake made on purpose, to show that the battery finds it. Never in a build that runs anybody's schedules.

/// Whether an occurrence is claimed whoever has it, and also when it is over.
pub(crate) fn claims_what_is_another_s() -> bool {
    fail::fail_point!("planted::no_claim", |_| true);
    false
}
