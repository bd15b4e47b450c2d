//! Row 12: tokens expire in the middle, refreshing fails once, and a scope is taken away from one stream.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_simulator::{Effect, Fault, Match, RequestClass};

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World};

/// Row 12.
pub(crate) async fn troubled(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    match number % 5 {
        3 => return killed_while_renewing(shared, random, number / 5).await,
        4 => return at_once(shared, random).await,
        _ => {}
    }
    let mut world = World::new(&shared, Vendor::Hubspot, false, random.next(), Size { contacts: 230, deals: 20, archived: true }).await;
    let simulator = world.source.hubspot();
    let credentials = simulator.client_credentials();
    world.section = Some(world.source.section_of_an_app());
    let mut outcome = Outcome::default();
    let scope = number % 5 == 2;
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

/// A refresh token that is good once only, and a process that is killed before the vendor is asked, after it answered, and after the
/// answer is stored.
async fn killed_while_renewing(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let mut world = World::rotating(&shared, random.one_in(3), random.next(), Size { contacts: 60, deals: 6, archived: true }).await;
    let point = ["control::turn_taken", "control::tokens_stored", "control::tokens_renewed"][number as usize % 3];
    let mut outcome = Outcome::default();
    let killed = world.run_binary(&[("AQUEDUCT_KILL", format!("{point}:1"))]).await;
    outcome.add(judge_run(&world, &killed));
    outcome.must(killed.was_killed(), || format!("not killed, and ended with {:?}: {}", killed.code, tail(&killed.words)));
    let mut last = world.run_binary(&[]).await;
    outcome.add(judge_run(&world, &last));
    if point == "control::tokens_renewed" {
        // Nobody but the vendor knew the new token: the one loss that cannot be prevented is told, with what to do.
        let told = last.code == Some(3) && last.words.to_lowercase().contains("reconnect");
        outcome.must(told, || format!("a lost token is not told: {:?} {}", last.code, tail(&last.words)));
        outcome.note("killed before the token could be stored");
        world.section = Some(world.source.section_of_a_user());
        last = world.run_binary(&[]).await;
    } else {
        outcome.note("killed around a renewal, and went on");
    }
    outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    outcome.add(judge(&world, Account::Still).await);
    outcome
}

/// Several processes want a token at once, and its refresh token is good once only: one of them asks, the others wait.
async fn at_once(shared: Arc<Shared>, mut random: Random) -> Outcome {
    let world = World::rotating(&shared, random.one_in(3), random.next(), Size { contacts: 60, deals: 6, archived: true }).await;
    let mut outcome = Outcome::default();
    let others: Vec<World> = (0..random.between(1, 4)).map(|_| world.beside()).collect();
    let mut running = Vec::new();
    for other in others.iter().chain([&world]) {
        // One control store for all.
        let control = format!("control: {{ url: 'sqlite://{}/control.db' }}\n", world.folder.path().display());
        running.push(other.start_with(&other.database, &control));
    }
    for runner in running {
        let ran = runner.end().await;
        outcome.add(judge_run(&world, &ran));
        outcome.must(ran.code == Some(0), || format!("a run ended with {:?}: {}", ran.code, tail(&ran.words)));
    }
    let counters = world.source.counters();
    let renewals = counters.of(RequestClass::Token);
    outcome.must(renewals == 1 && counters.peak_token_in_flight == 1, || {
        format!("{renewals} renewals, {} at once", counters.peak_token_in_flight)
    });
    outcome.note("one renewal for several processes");
    // What the others have learned of the token is in the common store.
    let mut world = world;
    world.more.push_str(&format!("control: {{ url: 'sqlite://{}/control.db' }}\n", world.folder.path().display()));
    outcome.add(judge(&world, Account::Still).await);
    outcome
}
