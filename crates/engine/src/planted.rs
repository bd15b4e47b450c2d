//! A mistake made on purpose, to show that the battery finds it. Never in a build that loads anybody's data.

/// Whether an answer that is no page is taken for the end of the stream.
pub(crate) fn ends_on_an_odd_answer() -> bool {
    fail::fail_point!("planted::empty_end", |_| true);
    false
}
