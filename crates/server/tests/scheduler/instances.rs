//! Several schedulers on one PostgreSQL control store, of which one is killed.

use std::sync::Arc;
use std::time::Duration;

use aqueduct_pipeline::Clock;
use aqueduct_pipeline::control_store::Control;
use aqueduct_pipeline::schema::Secret;
use aqueduct_pipeline::warehouse::private_server::PrivateServer;
use aqueduct_server::scheduler::Settings;

use crate::kills::{Chance, assert_each_once, steps};
use crate::memory::RunSide;
use crate::world::{TestClock, Way, World, at, plans, scheduler};

const SECTIONS: [(&str, &str); 5] = [
    ("a", "{ every: 10m, catch_up: all, overlap: queue }"),
    ("b", "{ every: 15m, catch_up: all, overlap: queue, after: [a] }"),
    ("c", "{ cron: \"*/12 * * * *\", catch_up: all, overlap: queue }"),
    ("d", "{ every: 30m, catch_up: all, overlap: queue, jitter: 4m }"),
    ("e", "{ every: 20m, catch_up: all, overlap: queue }"),
];

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_share_the_work_and_one_survives_the_other() {
    let server = tokio::task::spawn_blocking(|| PrivateServer::start().unwrap()).await.unwrap();
    let (from, until) = (at("2026-11-22T05:59:00Z"), at("2026-11-22T12:00:00Z"));
    let clock = TestClock::at(from);
    let time = clock.clone();
    let key = Some(Secret::new("0123456789abcdef0123456789abcdef"));
    let control = Control::open(&Secret::new(server.url("postgres")), key).await.unwrap().with_time(move || time.now());
    let store: Arc<dyn RunSide> = Arc::new(control);
    // Two places each, so that neither can do it all at a busy hour.
    let settings = Settings { instance: "one".to_owned(), concurrency: 2, poll: Duration::from_secs(30), ..Settings::default() };
    let mut world = World::with(clock, store, settings.clone(), Way { dawdles: 3, takes: 200, code: Some(0) }, plans(&SECTIONS)).await;
    let (mut second, second_board) = scheduler(&world.machine, &world.told, Settings { instance: "two".to_owned(), ..settings }, 99);
    second.set_plans(plans(&SECTIONS)).await;
    let mut chance = Chance(0x5eed);
    let mut killed = false;
    while world.clock.now() < until.plus(Duration::from_secs(3_600)) {
        world.machine.advance().await;
        let next = second.tick().await.unwrap();
        let first = if killed {
            None
        } else if world.clock.now() >= at("2026-11-22T09:00:00Z") && chance.below(4) == 0 {
            // In the middle of a turn, with a question to the database under way.
            killed = steps(2 + chance.below(6), world.scheduler.tick()).await.is_none();
            None
        } else {
            Some(world.scheduler.tick().await.unwrap())
        };
        let next = [Some(next), first, world.machine.next()].into_iter().flatten().min().unwrap();
        world.clock.set(next.max(world.clock.now()));
    }
    assert!(killed, "the first was killed in the middle of a turn");
    let count = assert_each_once(&world, &SECTIONS, from, until).await;
    assert_eq!(count, 37 + 25 + 31 + 13 + 19);
    let started = |status: &aqueduct_server::overview::PipelineStatus| status.occurrences.started;
    let by = |board: Vec<aqueduct_server::overview::PipelineStatus>| board.iter().map(started).sum::<u64>();
    use aqueduct_server::overview::Overview;
    let (one, two) = (by(world.board.pipelines().await.unwrap()), by(second_board.pipelines().await.unwrap()));
    assert!(one > 5 && two > 50, "they share the work: {one} and {two}");
}
