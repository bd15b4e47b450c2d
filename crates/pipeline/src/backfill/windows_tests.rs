//! Laws of cutting and halving, for any span, length and source.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

/// Whether windows follow each other without gap or overlap, from the one end to the other.
fn cover(windows: &[TimeSpan], from: Timestamp, until: Timestamp) -> bool {
    let edges: Vec<_> = windows.iter().map(|window| (window.from.unwrap(), window.until.unwrap())).collect();
    edges.first().map(|edge| edge.0) == Some(from)
        && edges.last().map(|edge| edge.1) == Some(until)
        && edges.iter().all(|(start, end)| start < end)
        && edges.windows(2).all(|pair| pair[0].1 == pair[1].0)
}

const LENGTHS: [&str; 8] = ["P1D", "PT1H", "PT17M", "P7D", "P1M", "P3M", "P1Y", "P2DT3H"];

proptest! {
    #[test]
    fn windows_cover_the_span_exactly(start in 0_i64..2_000_000_000_000_000, seconds in 1_i64..300_000, length in 0_usize..8, odd in 0_i64..1_000_000) {
        let (from, until) = (Timestamp::from_microseconds(start), Timestamp::from_microseconds(start + seconds * 1_000_000 + odd));
        let windows = cut(from, until, &LENGTHS[length].parse().unwrap()).unwrap();
        prop_assert!(cover(&windows, from, until), "{windows:?}");
    }

    /// A source with records at these seconds; whoever halves finds as many as there are, in windows that cover the span.
    #[test]
    fn halving_counts_what_is_there(records in prop::collection::vec(0_i64..40 * 86_400, 0..60), most in 0_usize..40) {
        let (from, until) = (day("2026-03-01"), day("2026-04-10"));
        let at = |second: i64| from.plus(std::time::Duration::from_secs(second as u64));
        let count = |span: TimeSpan| {
            records.iter().filter(|second| span.from.is_none_or(|from| at(**second) >= from) && span.until.is_none_or(|until| at(**second) < until)).count() as u64
        };
        let windows = cut(from, until, &WindowLength::day()).unwrap();
        let mut halving = Halving::new(&windows, records.len() as u64);
        let mut asked = 0;
        while asked < most && let Some(span) = halving.next() {
            halving.counted(count(span));
            asked += 1;
        }
        let (complete, pieces) = (halving.next().is_none(), halving.pieces());
        let spans: Vec<TimeSpan> = pieces.iter().map(|piece| piece.span).collect();
        prop_assert!(cover(&spans, from, until), "{spans:?}");
        for piece in &pieces {
            // Never taken for empty when it is not; exact when all is counted.
            prop_assert!(!piece.empty || count(piece.span) == 0);
            prop_assert!(!complete || piece.records == Some(count(piece.span)), "{piece:?}");
        }
        let thought: u64 = pieces.iter().filter_map(|piece| piece.records).sum();
        prop_assert_eq!(thought, records.len() as u64, "together as many as were counted");
        let holding = pieces.iter().filter(|piece| !piece.empty).count();
        prop_assert!(!complete || pieces.len() <= 2 * holding + 1, "empty windows in a row are one");
    }
}

#[test]
fn a_day_has_24_hours_also_when_clocks_change() {
    // Clocks in Europe went forward on 2026-03-29 and back on 2026-10-25.
    for (from, until, days) in [("2026-03-28", "2026-03-31", 3), ("2026-10-24", "2026-10-27", 3)] {
        let windows = cut(day(from), day(until), &WindowLength::day()).unwrap();
        assert_eq!(windows.len(), days);
        assert!(windows.iter().all(|window| window.until.unwrap().since(window.from.unwrap()).as_secs() == 86_400));
    }
}

#[test]
fn months_end_where_the_calendar_says() {
    let windows = cut(day("2026-01-31"), day("2026-05-01"), &"P1M".parse().unwrap()).unwrap();
    let ends: Vec<String> = windows.iter().map(|window| window.until.unwrap().to_string()).collect();
    assert_eq!(ends, ["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z", "2026-05-01T00:00:00Z"]);
}

#[test]
fn what_is_no_window_is_refused() {
    for text in ["", "1", "day", "-P1D", "PT0S", "1d", "P"] {
        assert!(text.parse::<WindowLength>().is_err(), "{text}");
    }
    assert_eq!("p7d".parse::<WindowLength>().unwrap().to_string(), "P7D");
    let year = (day("2025-01-01"), day("2026-01-01"));
    assert!(cut(year.0, year.1, &"PT1M".parse().unwrap()).unwrap_err().to_string().contains("more than 20000"));
    assert!(cut(year.1, year.0, &WindowLength::day()).is_err() && cut(year.0, year.0, &WindowLength::day()).is_err());
}
