//! Laws of merges for any sequence of them, and for any order in which a true history is told.

#![allow(clippy::unwrap_used)]
use std::collections::HashMap;

use proptest::prelude::{Just, Strategy, any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;

fn id(number: u8) -> Arc<str> {
    format!("{number}").into()
}

fn told(loser: u8, winner: u8, at: Option<i64>) -> Merged {
    Merged {
        entity: "contact".into(),
        loser: id(loser),
        winner: id(winner),
        loser_source_id: None,
        winner_source_id: None,
        system: String::new(),
        account: String::new(),
        at: at.map(Timestamp::from_seconds),
        evidence: String::new(),
        said_by_loser: true,
    }
}

/// A history in which every row is merged away at most once, into a row that is live then: loser, winner and second, in order of time.
fn history() -> impl Strategy<Value = Vec<(u8, u8, i64)>> {
    prop::collection::vec((any::<u8>(), any::<u8>()), 0..30).prop_map(|pairs| {
        let mut live: Vec<u8> = (0..20).collect();
        let mut merges = Vec::new();
        for (second, (one, other)) in (1_i64..).zip(pairs) {
            let (loser, winner) = (live[usize::from(one) % live.len()], live[usize::from(other) % live.len()]);
            if loser != winner && live.len() > 2 {
                live.retain(|id| *id != loser);
                merges.push((loser, winner, second));
            }
        }
        merges
    })
}

/// What a source shows of a history: each merge by itself, and in the lists of every row that the loser has become part of since, with
/// the time of the merge.
fn shown(history: &[(u8, u8, i64)]) -> Vec<Merged> {
    let mut shown = Vec::new();
    for (place, (loser, winner, at)) in history.iter().enumerate() {
        let mut end = *winner;
        shown.push(told(*loser, end, Some(*at)));
        for (later, next, _) in &history[place + 1..] {
            if *later == end {
                end = *next;
                shown.push(told(*loser, end, Some(*at)));
            }
        }
    }
    shown
}

fn ends(winners: &Winners) -> HashMap<String, String> {
    (0..20).map(id).map(|id| (id.to_string(), winners.resolved(&id).map_or_else(|| id.to_string(), |end| end.to_string()))).collect()
}

proptest! {
    #[test]
    fn chains_end_and_say_the_same_twice(merges in prop::collection::vec((0..12_u8, 0..12_u8, prop::option::of(0..9_i64), any::<bool>()), 0..60)) {
        let mut winners = Winners::default();
        for (loser, winner, at, back) in merges {
            if back {
                winners.finish(&id(loser), Timestamp::from_seconds(at.unwrap_or(0)));
            } else {
                let told = told(loser, winner, at);
                if winners.add(&told) != Added::Nothing {
                    prop_assert_eq!(winners.link(&told.loser).map(|link| &link.winner), Some(&told.winner));
                }
                prop_assert_eq!(winners.add(&told), Added::Nothing, "the same again is no news");
            }
            winners.resolve();
            prop_assert!(winners.resolve().is_empty());
            prop_assert_eq!(winners.active, (0..12).filter(|number| winners.link(&id(*number)).is_some()).count());
            for number in 0..12 {
                let start = id(number);
                let end = winners.resolved(&start).unwrap_or(&start);
                prop_assert!(winners.link(end).is_none(), "{number} leads to {end}, which was merged away itself");
                prop_assert!(winners.link(&start).is_none() || *end != start);
            }
        }
    }

    #[test]
    fn a_true_history_ends_the_same_in_whatever_order_it_is_told(
        (history, shown) in history().prop_flat_map(|history| { let all = shown(&history); (Just(history), Just(all).prop_shuffle()) })
    ) {
        let mut winners = Winners::default();
        for told in &shown {
            winners.add(told);
        }
        winners.resolve();
        let mut true_ends: HashMap<String, String> = (0..20_u8).map(|number| (number.to_string(), number.to_string())).collect();
        for (loser, winner, _) in &history {
            let (loser, winner) = (loser.to_string(), winner.to_string());
            true_ends.values_mut().filter(|end| **end == loser).for_each(|end| end.clone_from(&winner));
        }
        prop_assert_eq!(ends(&winners), true_ends);
    }
}

#[test]
fn a_row_that_is_left_now_was_not_merged_away() {
    let mut winners = Winners::default();
    assert_eq!(winners.add(&told(1, 2, Some(10))), Added::Linked);
    assert_eq!(winners.add(&told(2, 1, Some(5))), Added::Nothing, "the older word");
    assert_eq!(winners.add(&told(2, 1, Some(20))), Added::Freed(id(1)));
    assert_eq!((winners.resolved("2"), winners.resolved("1")), (Some(&id(1)), None));
}

#[test]
fn what_the_source_took_back_is_not_said_again_by_an_old_copy() {
    let mut winners = Winners::default();
    winners.add(&told(1, 2, Some(10)));
    assert!(!winners.is_back("1", Some(Timestamp::from_seconds(10))) && winners.is_back("1", Some(Timestamp::from_seconds(11))));
    assert_eq!(winners.finish("1", Timestamp::from_seconds(11)), Some(id(2)));
    assert!(winners.is_empty() && !winners.is_news(&told(1, 2, Some(10))) && winners.is_news(&told(1, 3, Some(12))));
}
