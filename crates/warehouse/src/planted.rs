//! A mistake made on purpose, to show that the battery finds it. Never in a build that loads anybody's data.

/// Whether the cursor is committed before the rows that it covers.
pub(crate) fn state_comes_first() -> bool {
    fail::fail_point!("planted::state_first", |_| true);
    false
}
