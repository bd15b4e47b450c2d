//! Row 12: tokens expire in the middle, refreshing fails once, and a scope is taken away from one stream.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::{Effect, Fault, Match};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// Row 12.
pub(crate) async fn troubled(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let mut world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 230, deals: 20, archived: true }).await;
    let simulator = world.source.hubspot();
    let credentials = simulator.client_credentials();
    world.section = Some(format!(
        "name: battery\nsource:\n  connector: hubspot\n  config: {{ client_id: '{}', client_secret: '{}', refresh_token: '{}', base_url: '{}', \
         requests_per_10_seconds: 10000, search_lag_seconds: 600 }}\n  select: [contacts, deals]\n",
        credentials.client_id,
        credentials.client_secret,
        credentials.refresh_token,
        simulator.base_url()
    ));
    let mut outcome = Outcome::default();
    let scope = number.is_multiple_of(3);
    if scope {
        simulator.revoke_scope("crm.objects.deals.read");
        outcome.note("scope taken away");
    } else {
        let expires = Match::path("/objects/").after(random.between(0, 4));
        // Twice in the run, at different requests.
        simulator.inject(Fault::next(1, Effect::ExpireTokens).when(expires));
        simulator.inject(Fault::next(1, Effect::ExpireTokens).when(Match::path("/objects/deals").after(random.between(1, 3))));
        if random.one_in(2) {
            simulator.inject(Fault::next(1, Effect::status(503)).when(Match::path("/oauth/").after(random.between(0, 2))));
            outcome.note("refreshing failed");
        }
        outcome.note("token expired");
    }
    let ran = world.run_here().await;
    outcome.add(judge_run(&world, &ran));
    for secret in [&credentials.client_secret, &credentials.refresh_token] {
        outcome.must(!ran.words.contains(secret.as_str()), || "the output holds a credential".to_owned());
    }
    let counters = world.source.counters();
    outcome.must(counters.peak_token_in_flight <= 1, || format!("{} refreshes at once", counters.peak_token_in_flight));
    if scope {
        outcome
            .must(matches!(ran.code, Some(3 | 6)), || format!("without a scope the run ended with {:?}: {}", ran.code, tail(&ran.words)));
        let there = tokio::task::block_in_place(|| world.database.dump()).get("contact").map_or(0, Vec::len);
        let finished = ran.code != Some(6) || there >= 200;
        outcome.must(finished, || "the other stream did not finish".to_owned());
        world.source.hubspot().grant_scope("crm.objects.deals.read");
    } else {
        // Both expiries may meet one request of the other stream: refused twice, it says so, and the next run goes on.
        let refused_twice = matches!(ran.code, Some(3 | 6)) && ran.words.contains("AQ2001");
        if refused_twice {
            outcome.note("refused twice, and said so");
        }
        outcome.must(refused_twice || ran.code == Some(0), || format!("the run ended with {:?}: {}", ran.code, tail(&ran.words)));
    }
    world.source.clear_faults();
    world.source.clock.advance(Duration::from_secs(2));
    let last = world.run_here().await;
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge(&world, Account::Still).await);
    outcome
}
