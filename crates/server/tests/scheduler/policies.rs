//! Overlap, catch-up, retries, black-outs, pauses, dependencies, places and timeouts: what was run when, and what was not and why.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aqueduct_pipeline::Clock;
use aqueduct_pipeline::control_store::standing::Pause;
use aqueduct_pipeline::schema::{Error, codes};
use aqueduct_server::alert::Event;
use aqueduct_server::overview::{Outcome, Overview, PipelineState, Wish};
use aqueduct_server::scheduler::{Plans, Settings};

use crate::memory::Memory;
use crate::world::{TestClock, Way, World, at, plans};

#[tokio::test]
async fn what_falls_due_is_run_once_at_its_time() {
    let mut world = World::new("2026-11-22T11:58:30Z", &[("a", "{ every: 1h }"), ("b", "{ cron: \"*/20 * * * *\" }")]).await;
    world.until("2026-11-22T13:10:00Z").await;
    assert_eq!(world.began(), ["a/12:00", "b/12:00", "b/12:20", "b/12:40", "a/13:00", "b/13:00"]);
    let status = world.status("a").await;
    assert_eq!((status.state, status.next.unwrap().to_string()), (PipelineState::Idle, "2026-11-22T14:00:00Z".to_owned()));
    let last = status.last.unwrap();
    assert_eq!((last.exit_code, last.due_at.unwrap().to_string()), (0, "2026-11-22T13:00:00Z".to_owned()));
    assert_eq!((status.occurrences.started, status.occurrences.lateness_seconds_sum), (2, 0.0));
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn overlap_is_skipped_queued_or_cancels() {
    type Case<'c> = (&'c str, &'c [&'c str], &'c [(&'c str, &'c str)]);
    // The first run takes 50 minutes, the schedule falls due every 20.
    let cases: [Case<'_>; 3] = [
        ("skip", &["12:00 p/12:00 began", "12:50 p/12:00 ended 0", "13:00 p/13:00 began"], &[("12:20", "overlap"), ("12:40", "overlap")]),
        // Of two that wait the later one stays.
        (
            "queue",
            &["12:00 p/12:00 began", "12:50 p/12:00 ended 0", "12:50 p/12:40 began", "12:50:10 p/12:40 ended 0", "13:00 p/13:00 began"],
            &[("12:20", "overlap")],
        ),
        (
            "cancel",
            &[
                "12:00 p/12:00 began",
                "12:20:02 p/12:00 ended 143",
                "12:20:02 p/12:20 began",
                "12:20:12 p/12:20 ended 0",
                "12:40 p/12:40 began",
            ],
            &[],
        ),
    ];
    for (policy, story, skipped) in cases {
        let section = format!("{{ every: 20m, overlap: {policy} }}");
        let mut world = World::new("2026-11-22T11:59:00Z", &[("p", &section)]).await;
        world.machine.expect("p", [Way::of(3_000, 0)]);
        world.until("2026-11-22T13:00:05Z").await;
        assert_eq!(world.story()[..story.len()], *story, "{policy}");
        let told: Vec<_> = world.skipped("p").await;
        let told: Vec<_> = told.iter().map(|(at, why, _)| (at.as_str(), *why)).collect();
        assert_eq!(told, skipped, "{policy}");
        // A run that was cancelled on purpose is no failure.
        assert!(world.events().iter().all(|event| matches!(event, Event::OccurrenceSkipped { .. })), "{:?}", world.events());
    }
}

#[tokio::test]
async fn a_cancelled_run_that_does_not_stop_is_killed() {
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 20m, overlap: cancel }")]).await;
    world.settings.grace = Duration::from_secs(1);
    world.restart(plans(&[("p", "{ every: 20m, overlap: cancel }")])).await;
    world.machine.expect("p", [Way::of(3_000, 0)]);
    world.until("2026-11-22T12:25:00Z").await;
    let expected = ["12:00 p/12:00 began", "12:20:02 p/12:00 died", "12:20:02 p/12:20 began", "12:20:12 p/12:20 ended 0"];
    assert_eq!(world.story(), expected);
}

#[tokio::test]
async fn failed_runs_are_tried_again_with_growing_waits() {
    let section = "{ every: 6h, retries: { attempts: 3, backoff: 1m, most: 3m } }";
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", section)]).await;
    world.machine.expect("p", [Way::of(10, 4), Way::of(10, 6), Way::of(10, 1), Way::of(10, 5)]);
    world.until("2026-11-22T12:01:00Z").await;
    assert_eq!(world.status("p").await.state, PipelineState::Retrying);
    world.until("2026-11-22T13:00:00Z").await;
    let expected = [
        "12:00 p/12:00 began",
        "12:00:10 p/12:00 ended 4",
        "12:01:10 p/12:00 began, attempt 2",
        "12:01:20 p/12:00 ended 6",
        "12:03:20 p/12:00 began, attempt 3",
        "12:03:30 p/12:00 ended 1",
        "12:06:30 p/12:00 began, attempt 4",
        "12:06:40 p/12:00 ended 5",
    ];
    assert_eq!(world.story(), expected);
    let status = world.status("p").await;
    assert_eq!((status.last.map(|last| last.exit_code), status.occurrences.retried), (Some(5), 3));
    let events = world.events();
    assert!(
        matches!(&events[..], [
            Event::RunFailed { exit_code: 4, code: Some(code), attempt: 1, retry_at: Some(_) },
            Event::RunFailed { exit_code: 6, .. },
            Event::RunFailed { exit_code: 1, .. },
            Event::RetriesExhausted { exit_code: 5, attempts: 4, .. },
        ] if code == "AQ3003"),
        "{events:?}"
    );
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_not_tried_again_and_what_another_run_holds_is() {
    for code in [2, 3, 8] {
        let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 6h, retries: { attempts: 3 } }")]).await;
        world.machine.expect("p", [Way::of(10, code)]);
        world.until("2026-11-22T13:00:00Z").await;
        assert_eq!(world.story(), ["12:00 p/12:00 began".to_owned(), format!("12:00:10 p/12:00 ended {code}")]);
    }
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 6h }")]).await;
    world.machine.expect("p", [Way::of(1, 9), Way::of(1, 9), Way::of(5, 0)]);
    world.until("2026-11-22T13:00:00Z").await;
    let began: Vec<String> = world.story().into_iter().filter(|line| line.contains("began")).collect();
    assert_eq!(began, ["12:00 p/12:00 began", "12:00:16 p/12:00 began, attempt 2", "12:00:47 p/12:00 began, attempt 3"]);
    assert!(world.events().is_empty(), "a pipeline that somebody runs by hand is no failure");
}

#[tokio::test]
async fn a_run_that_died_is_tried_again_without_being_asked() {
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 6h }")]).await;
    world.machine.expect("p", [Way { dawdles: 0, takes: 30, code: None }, Way::of(5, 0)]);
    world.until("2026-11-22T13:00:00Z").await;
    let expected = ["12:00 p/12:00 began", "12:00:30 p/12:00 died", "12:01:30 p/12:00 began, attempt 2", "12:01:35 p/12:00 ended 0"];
    assert_eq!(world.story(), expected);
    assert!(matches!(world.events()[..], [Event::RunFailed { exit_code: 137, .. }]), "{:?}", world.events());
}

#[tokio::test]
async fn nothing_starts_in_a_blackout() {
    let section = |then: &str| {
        format!(
            "{{ every: 1h, retries: {{ attempts: 1, backoff: 1m }}, blackout: [{{ from: \"12:30\", until: \"15:30\", then: {then} }}] }}"
        )
    };
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", &section("run"))]).await;
    world.until("2026-11-22T16:30:00Z").await;
    assert_eq!(world.began(), ["p/12:00", "p/15:00", "p/16:00"]);
    assert!(world.story().contains(&"15:30 p/15:00 began".to_owned()), "{:?}", world.story());
    assert_eq!(world.skipped("p").await, [("13:00".to_owned(), "blackout", 1), ("14:00".to_owned(), "blackout", 1)]);

    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", &section("skip"))]).await;
    world.until("2026-11-22T16:30:00Z").await;
    assert_eq!(world.began(), ["p/12:00", "p/16:00"]);

    // Neither does what is tried again.
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", &section("run"))]).await;
    world.machine.expect("p", [Way::of(1_780, 4)]);
    world.until("2026-11-22T15:31:00Z").await;
    assert_eq!(world.story()[1..3], ["12:29:40 p/12:00 ended 4", "15:30 p/12:00 began, attempt 2"]);
}

#[tokio::test]
async fn nothing_falls_due_while_a_pipeline_is_paused() {
    let section = "{ every: 10m }";
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", section)]).await;
    world.machine.expect("p", [Way::of(400, 0)]);
    world.until("2026-11-22T12:03:00Z").await;
    let pause = Pause { since: world.clock.now(), by: "command line".to_owned(), reason: Some("audit".to_owned()) };
    assert!(world.store.pause_schedule("p", &pause).await.unwrap().done);
    world.until("2026-11-22T12:34:00Z").await;
    let status = world.status("p").await;
    assert_eq!((status.state, status.next), (PipelineState::Paused, None));
    // It is resumed while no scheduler runs; the next one knows all the same what fell due in the pause.
    world.away_until("2026-11-22T12:41:00Z").await;
    assert!(world.store.resume_schedule("p", world.clock.now()).await.unwrap().done);
    world.away_until("2026-11-22T12:45:00Z").await;
    world.restart(plans(&[("p", section)])).await;
    world.until("2026-11-22T12:51:00Z").await;
    let expected = ["12:00 p/12:00 began", "12:06:40 p/12:00 ended 0", "12:50 p/12:50 began", "12:50:10 p/12:50 ended 0"];
    assert_eq!(world.story(), expected, "what runs goes on");
    let skipped = world.skipped("p").await;
    assert!(skipped.iter().all(|(_, why, _)| *why == "paused"), "{skipped:?}");
    assert_eq!(skipped.iter().map(|(_, _, count)| count).sum::<u64>(), 4);
    assert!(world.events().is_empty());
}

#[tokio::test]
async fn the_board_pauses_resumes_and_runs() {
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 1h }"), ("q", "{ every: 1h, paused: true }")]).await;
    world.until("2026-11-22T12:10:00Z").await;
    let ask = |wish: Wish| world.board.ask("p", wish);
    assert!(matches!(ask(Wish::Pause).await.unwrap(), Outcome::Done(_)));
    assert!(matches!(ask(Wish::Pause).await.unwrap(), Outcome::Already(_)));
    // Who asks for a run gets it, paused or not.
    assert!(matches!(ask(Wish::Run).await.unwrap(), Outcome::Done(words) if words.contains("p/2026-11-22T12:10:00Z")));
    assert!(matches!(ask(Wish::Run).await.unwrap(), Outcome::Refused(_)));
    assert!(matches!(world.board.ask("q", Wish::Resume).await.unwrap(), Outcome::Refused(_)));
    let unknown = world.board.ask("pp", Wish::Run).await.unwrap();
    assert_eq!(unknown, Outcome::Unknown { nearest: Some("p".to_owned()) });
    world.scheduler.look_again();
    world.until("2026-11-22T13:10:00Z").await;
    assert!(matches!(world.board.ask("p", Wish::Resume).await.unwrap(), Outcome::Done(_)));
    world.until("2026-11-22T14:10:00Z").await;
    assert_eq!(world.began(), ["p/12:00", "p/12:10", "p/14:00"]);
    assert!(world.board.readiness().await.ready);
}

#[tokio::test]
async fn a_pipeline_waits_for_those_it_comes_after() {
    let sections = [("a", "{ every: 1h }"), ("b", "{ every: 1h }"), ("z", "{ every: 2h, after: [a, b] }")];
    let mut world = World::new("2026-11-22T11:59:00Z", &sections).await;
    world.machine.expect("a", [Way::of(600, 0)]);
    world.machine.expect("b", [Way::of(30, 0), Way::of(30, 0), Way::of(30, 4)]);
    world.until("2026-11-22T15:00:00Z").await;
    let story: Vec<String> = world.story().into_iter().filter(|line| line.contains("z/") || line.contains("ended 4")).collect();
    assert_eq!(story, ["12:10 z/12:00 began", "12:10:10 z/12:00 ended 0", "14:00:30 b/14:00 ended 4"]);
    assert_eq!(world.skipped("z").await, [("14:00".to_owned(), "dependency", 1)]);
    let reason = |event: &Event| matches!(event, Event::OccurrenceSkipped { reason, .. } if reason == "dependency");
    assert!(world.events().iter().any(reason));
    // The next one looks at what came since: b has ended well at 15:00 and at 16:00.
    world.until("2026-11-22T16:01:00Z").await;
    assert_eq!(world.began().last().map(String::as_str), Some("z/16:00"));
}

#[tokio::test]
async fn a_chain_skips_what_hangs_on_a_failure_and_waits_for_retries() {
    let sections = [
        ("a", "{ every: 6h, retries: { attempts: 1, backoff: 5m } }"),
        ("b", "{ every: 6h, after: [a] }"),
        ("c", "{ every: 6h, after: [b] }"),
    ];
    let mut world = World::new("2026-11-22T11:59:00Z", &sections).await;
    world.machine.expect("a", [Way::of(10, 4), Way::of(10, 0), Way::of(10, 4), Way::of(10, 4)]);
    world.until("2026-11-22T17:59:00Z").await;
    assert_eq!(world.began(), ["a/12:00", "a/12:00", "b/12:00", "c/12:00"]);
    world.until("2026-11-22T19:00:00Z").await;
    assert_eq!(world.began()[4..], ["a/18:00", "a/18:00"]);
    assert_eq!(world.skipped("b").await, [("18:00".to_owned(), "dependency", 1)]);
    assert_eq!(world.skipped("c").await, [("18:00".to_owned(), "dependency", 1)]);
}

#[tokio::test]
async fn places_are_given_by_priority_and_jitter_spreads() {
    let sections =
        [("a", "{ every: 1h }"), ("b", "{ every: 1h, priority: 5 }"), ("c", "{ every: 1h, priority: -5 }"), ("d", "{ every: 1h }")];
    let mut world = World::new("2026-11-22T11:59:00Z", &sections).await;
    world.settings.concurrency = 1;
    world.restart(plans(&sections)).await;
    world.until("2026-11-22T12:30:00Z").await;
    assert_eq!(world.began(), ["b/12:00", "a/12:00", "d/12:00", "c/12:00"]);
    assert_eq!(world.machine.most_at_once.load(std::sync::atomic::Ordering::Relaxed), 1);

    let names: Vec<String> = (0..20).map(|number| format!("p{number}")).collect();
    let sections: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "{ every: 1h, jitter: 10m }")).collect();
    let mut world = World::new("2026-11-22T11:59:00Z", &sections).await;
    world.until("2026-11-22T12:30:00Z").await;
    let mut starts: Vec<String> =
        world.story().into_iter().filter(|line| line.contains("began")).map(|line| line[..8].to_owned()).collect();
    assert_eq!(starts.len(), 20);
    starts.dedup();
    assert!(starts.len() > 15, "they do not all begin at once: {starts:?}");
    assert!(starts.iter().all(|start| start.as_str() < "12:10"));
}

#[tokio::test]
async fn a_run_that_takes_too_long_is_stopped() {
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 6h, timeout: 10m }")]).await;
    // It stops by itself when its time is up; the scheduler steps in only where it does not.
    world.machine.expect("p", [Way::of(36_000, 6)]);
    world.until("2026-11-22T13:00:00Z").await;
    assert_eq!(world.story(), ["12:00 p/12:00 began", "12:10 p/12:00 ended 6"]);
}

#[tokio::test]
async fn a_broken_file_keeps_its_schedule_and_starts_nothing_until_it_is_mended() {
    let good = || plans(&[("p", "{ every: 10m, overlap: queue }")]);
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 10m, overlap: queue }")]).await;
    world.until("2026-11-22T12:05:00Z").await;
    let mut broken = Plans::default();
    let error = Error::new(codes::BAD_YAML, "the file could not be read").at("p.yaml", 3, 7);
    broken.broken.insert("p".to_owned(), ("p.yaml".into(), error));
    world.scheduler.set_plans(broken).await;
    world.until("2026-11-22T12:35:00Z").await;
    assert_eq!(world.began(), ["p/12:00"]);
    let status = world.status("p").await;
    assert_eq!((status.state, status.queued), (PipelineState::Broken, 1));
    assert_eq!(status.problem.and_then(|problem| problem.line), Some(3));
    assert!(!world.board.readiness().await.ready);
    world.scheduler.set_plans(good()).await;
    world.until("2026-11-22T12:36:00Z").await;
    assert_eq!(world.began(), ["p/12:00", "p/12:30"], "what waited starts");
    let events = world.events();
    let of = |wanted: fn(&Event) -> bool| events.iter().filter(|event| wanted(event)).count();
    assert_eq!((of(|event| matches!(event, Event::FileBroken { line: Some(3), .. })), of(|event| *event == Event::FileMended)), (1, 1));
}

#[tokio::test]
async fn a_scheduler_that_cannot_note_anything_is_not_ready() {
    let clock = TestClock::at(at("2026-11-22T11:59:00Z"));
    let store = Arc::new(Memory::new(clock.clone(), false));
    let sections = plans(&[("p", "{ every: 10m }")]);
    let mut world = World::with(clock, store.clone(), Settings::default(), Way::of(60, 0), sections).await;
    world.until("2026-11-22T12:05:00Z").await;
    assert!(world.board.readiness().await.ready);
    store.is_full.store(true, Ordering::Relaxed);
    world.clock.set(at("2026-11-22T12:10:00Z"));
    world.scheduler.tick().await.unwrap_err();
    // The store answers when it is asked for the time, and the loop goes round.
    let readiness = world.board.readiness().await;
    let wrong: Vec<_> = readiness.checks.iter().filter(|check| !check.ok).collect();
    assert_eq!((readiness.ready, wrong.len(), wrong[0].name.as_str()), (false, 1, "scheduler"));
    assert_eq!(wrong[0].problem.as_ref().map(|problem| problem.code.as_str()), Some("AQ4004"));
    store.is_full.store(false, Ordering::Relaxed);
    world.until("2026-11-22T12:15:00Z").await;
    assert!(world.board.readiness().await.ready);
    assert_eq!(world.began(), ["p/12:00", "p/12:10"], "what fell due meanwhile is run");
}

#[tokio::test]
async fn a_changed_schedule_counts_from_when_it_is_seen() {
    let mut world = World::new("2026-11-22T09:59:00Z", &[("p", "{ cron: \"0 10 * * *\" }")]).await;
    world.until("2026-11-22T12:05:00Z").await;
    world.scheduler.set_plans(plans(&[("p", "{ every: 10m, catch_up: all }")])).await;
    world.until("2026-11-22T12:25:00Z").await;
    assert_eq!(world.began(), ["p/10:00", "p/12:10", "p/12:20"]);
    // What is taken away is forgotten, and what comes back too: nothing is made up for that nobody could know of.
    world.scheduler.set_plans(Plans::default()).await;
    world.until("2026-11-22T12:45:00Z").await;
    assert_eq!(world.began().len(), 3);
}

#[tokio::test]
async fn one_turn_does_what_is_due_and_is_done() {
    let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 1h }"), ("q", "{ every: 1h, paused: true }")]).await;
    world.settings = Settings { tolerance: Duration::from_secs(5), ..world.settings.clone() };
    world.until("2026-11-22T11:59:30Z").await;
    assert_eq!(world.scheduler.unfinished(), 0);
    world.away_until("2026-11-22T12:30:00Z").await;
    world.restart(plans(&[("p", "{ every: 1h }"), ("q", "{ every: 1h, paused: true }")])).await;
    world.scheduler.tick().await.unwrap();
    assert_eq!(world.scheduler.unfinished(), 1);
    world.until("2026-11-22T12:31:00Z").await;
    assert_eq!((world.scheduler.unfinished(), world.scheduler.running(), world.scheduler.failed()), (0, 0, 0));
    assert_eq!(world.began(), ["p/12:00"]);
}

#[tokio::test]
async fn a_scheduler_that_stops_has_cut_what_does_not_come_to_its_end() {
    for (takes, cut) in [(61, false), (600, true)] {
        let mut world = World::new("2026-11-22T11:59:00Z", &[("p", "{ every: 1h }")]).await;
        world.machine.expect("p", [Way::of(takes, 0)]);
        world.until("2026-11-22T12:01:00Z").await;
        world.scheduler.drain();
        world.scheduler.stop_all().await.unwrap();
        assert!(world.scheduler.has_cut(), "nothing is known of its end");
        world.until("2026-11-22T12:02:00Z").await;
        assert_eq!((world.scheduler.running(), world.scheduler.has_cut()), (0, cut), "{takes}");
    }
}
