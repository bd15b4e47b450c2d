//! Row 15: the connection to PostgreSQL is lost before, during and after COMMIT.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::oracle::{Account, judge, judge_run, tail};
use crate::outcome::Outcome;
use crate::proxy::{Proxy, Toxic};
use crate::random::Random;
use crate::source::{Size, Vendor};
use crate::world::{Shared, World, pause};

/// Row 15.
pub(crate) async fn lost(shared: Arc<Shared>, mut random: Random, number: u64) -> Outcome {
    let world = World::new(&shared, Vendor::Hubspot, true, random.next(), Size { contacts: 230, deals: 40, archived: true }).await;
    let later = random.one_in(2);
    let mut outcome = Outcome::default();
    if later {
        let ran = world.run_here().await;
        outcome.must(ran.code == Some(0), || format!("the first load ended with {:?}: {}", ran.code, ran.words));
        world.source.clock.advance(Duration::from_secs(3_600));
        world.source.change(&mut random, 40);
        world.source.clock.advance(Duration::from_secs(1));
    }
    let server: SocketAddr = ([127, 0, 0, 1], shared.server.port()).into();
    let commit = random.between(1, 7);
    let (toxic, name) = match number % 4 {
        0 => (Toxic::CutAfterCommit { number: commit }, "reply to COMMIT lost"),
        1 => (Toxic::CutBeforeCommit { number: commit }, "COMMIT never arrived"),
        2 => (Toxic::Reset { after: random.between(200, 9_000) }, "connection reset"),
        _ => (Toxic::Latency { each: Duration::from_millis(1) }, "backend ended"),
    };
    let proxy = Proxy::start(server, toxic, 1).await;
    let through = world.database.by_port(proxy.address.port());
    let ender = (number % 4 == 3).then(|| {
        let (database, after) = (world.database.clone(), random.between(1, 400));
        tokio::spawn(async move {
            pause(Duration::from_millis(after)).await;
            let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'aqueduct';";
            let ended = tokio::task::spawn_blocking(move || database.execute(end)).await.expect("psql runs");
            ended.trim().parse::<u64>().unwrap_or(0)
        })
    });
    let ran = world.run_into(&through, aqueduct_pipeline::RunOptions::default()).await;
    let harmed = match ender {
        Some(ender) => ender.await.expect("the connections are ended"),
        None => proxy.hits(),
    };
    if harmed > 0 {
        outcome.note(name);
    }
    outcome.add(judge_run(&world, &ran));
    match ran.code {
        Some(0) => outcome.note("complete in spite of it"),
        Some(5 | 6) => outcome.note("said that it is not complete"),
        other => outcome.complaints.push(format!("the run ended with {other:?}: {}", tail(&ran.words))),
    }
    if ran.code != Some(0) || random.one_in(2) {
        world.source.clock.advance(Duration::from_secs(2));
        let last = world.run_here().await;
        outcome.must(last.code == Some(0), || format!("the plain run ended with {:?}: {}", last.code, tail(&last.words)));
    }
    outcome.add(judge(&world, if later { Account::Changing } else { Account::Still }).await);
    outcome
}
