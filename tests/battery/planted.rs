//! Mistakes planted on purpose, each asleep in the binary until it is woken: the battery must find every one of them, or it proves nothing.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::random::Random;
use crate::report::Planted;
use crate::rows::{Trial, changes, kills, power, runners, schedules, storms};
use crate::world::Shared;

/// A mistake, how to wake it, and the row that must find it.
struct Mistake {
    name: &'static str,
    words: &'static str,
    waking: &'static str,
    trial: Trial,
    /// Trials within which it must be found.
    within: u64,
}

fn mistakes() -> Vec<Mistake> {
    vec![
        Mistake {
            name: "state-first",
            words: "the cursor is committed before its rows",
            waking: "planted::state_first=return",
            trial: |shared, random, number| Box::pin(kills::before_rows(shared, random, number)),
            within: 12,
        },
        Mistake {
            name: "no-fence",
            words: "a load does not look at the fence",
            waking: "planted::no_fence=return",
            trial: |shared, random, number| Box::pin(runners::at_once(shared, random, number)),
            within: 12,
        },
        Mistake {
            name: "no-lag",
            words: "the cursor is the vendor's time, without the lag",
            waking: "planted::no_lag=return",
            trial: |shared, random, number| Box::pin(changes::late(shared, random, number)),
            within: 6,
        },
        Mistake {
            name: "empty-end",
            words: "an empty or odd answer is taken for the end",
            waking: "planted::empty_end=return",
            trial: |shared, random, number| Box::pin(storms::odd_page(shared, random, number)),
            within: 4,
        },
        Mistake {
            name: "no-dedupe",
            words: "two rows with one key in a load are both taken",
            waking: "planted::no_dedupe=return",
            trial: |shared, random, number| Box::pin(changes::twice_in_a_load(shared, random, number)),
            within: 4,
        },
        Mistake {
            name: "no-sync",
            words: "what is committed is not synced",
            waking: "planted::no_sync=return",
            trial: |shared, random, number| Box::pin(power::cut(shared, random, number)),
            within: 6,
        },
        Mistake {
            name: "strictly-after",
            words: "a search goes on after the last time of a page instead of at it",
            waking: "planted::strictly_after=return",
            trial: |shared, random, number| Box::pin(changes::ties_across_pages(shared, random, number)),
            within: 3,
        },
        Mistake {
            name: "forgotten-place",
            words: "the place inside a reading is forgotten, and the cursor moves on",
            waking: "planted::forgotten_place=return",
            trial: |shared, random, number| Box::pin(kills::before_rows(shared, random, number)),
            within: 12,
        },
        Mistake {
            name: "no-claim",
            words: "an occurrence is claimed whoever has it",
            waking: "planted::no_claim=return",
            trial: |shared, random, number| Box::pin(schedules::one_of_two(shared, random, number)),
            within: 6,
        },
    ]
}

/// Mistakes that are looked for at once.
const AT_ONCE: usize = 3;

/// Wakes each mistake in processes of its own, and tries until it is found.
pub(crate) async fn find_all(shared: &Arc<Shared>, seed: u64, only: Option<&str>) -> Vec<Planted> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let chosen = mistakes().into_iter().filter(|mistake| only.is_none_or(|name| name == mistake.name));
    let searches: Vec<_> = chosen
        .map(|mistake| {
            let (shared, places) = (shared.clone(), places.clone());
            tokio::spawn(async move {
                let _place = places.acquire_owned().await.expect("nobody closes it");
                find(&shared, seed, &mistake).await
            })
        })
        .collect();
    let mut found = Vec::new();
    for search in searches {
        found.push(search.await.expect("the search ends"));
    }
    found
}

async fn find(shared: &Arc<Shared>, seed: u64, mistake: &Mistake) -> Planted {
    let awake = Arc::new(Shared { binary: shared.binary.clone(), server: shared.server.clone(), planted: Some(mistake.waking) });
    let mut planted = Planted { name: mistake.name, words: mistake.words, found_after: None, complaint: String::new() };
    for number in 0..mistake.within {
        let random = Random::of_trial(seed, 200, number);
        let outcome = match tokio::spawn((mistake.trial)(awake.clone(), random, number)).await {
            Ok(outcome) => outcome,
            // The trial itself breaks down where the account of what happened makes no sense to it.
            Err(error) => {
                planted.complaint = format!("the trial broke down: {error}");
                continue;
            }
        };
        if !outcome.holds() {
            planted.found_after = Some(number + 1);
            planted.complaint = outcome.complaints.into_iter().next().unwrap_or_default();
            break;
        }
    }
    crate::say(&format!(
        "planted {}: {}",
        planted.name,
        planted.found_after.map_or("NOT FOUND".to_owned(), |after| format!("found after {after}"))
    ));
    planted
}
