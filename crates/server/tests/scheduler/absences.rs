//! What is made up for: absences of the scheduler, and quotas that are renewed.

use aqueduct_server::alert::Event;

use crate::world::{Seen, Way, World, plans};

#[tokio::test]
async fn what_fell_due_while_nobody_was_there_follows_the_policy() {
    type Case<'c> = (&'c str, &'c [&'c str], &'c [(&'c str, &'c str, u64)]);
    let cases: [Case<'_>; 4] = [
        ("{ every: 10m, catch_up: latest }", &["p/12:50", "p/13:00"], &[("12:10", "catch_up", 4)]),
        ("{ every: 10m, catch_up: all, overlap: queue }", &["p/12:10", "p/12:20", "p/12:30", "p/12:40", "p/12:50", "p/13:00"], &[]),
        ("{ every: 10m, catch_up: all }", &["p/12:10", "p/12:20", "p/12:30", "p/12:40", "p/12:50", "p/13:00"], &[]),
        ("{ every: 10m, catch_up: none }", &["p/13:00"], &[("12:10", "catch_up", 5)]),
    ];
    for (section, began, skipped) in cases {
        let mut world = World::new("2026-11-22T11:59:00Z", &[("p", section)]).await;
        world.until("2026-11-22T12:05:00Z").await;
        world.away_until("2026-11-22T12:55:00Z").await;
        world.restart(plans(&[("p", section)])).await;
        world.until("2026-11-22T13:05:00Z").await;
        assert_eq!(world.began()[0], "p/12:00");
        assert_eq!(world.began()[1..], *began, "{section}");
        let told = world.skipped("p").await;
        assert_eq!(told.iter().map(|(at, why, count)| (at.as_str(), *why, *count)).collect::<Vec<_>>(), skipped, "{section}");
        let missed = world.events().iter().any(|event| matches!(event, Event::OccurrenceMissed { count: 5, .. }));
        assert_eq!(missed, section.contains("none"), "a person is told of what nobody makes up for");
    }
}

#[tokio::test]
async fn the_last_minute_of_an_absence_is_caught_up_as_the_rest() {
    type Case<'c> = (&'c str, usize, &'c str, &'c [(&'c str, &'c str, u64)]);
    // Every 10 seconds, and nobody there from 12:00:05 to 12:10:05: 60 occurrences, the last six of them less than a minute ago.
    let cases: [Case<'_>; 4] = [
        ("latest", 1, "p/12:10", &[("12:00:10", "catch_up", 59)]),
        ("latest, overlap: queue", 1, "p/12:10", &[("12:00:10", "catch_up", 59)]),
        ("none", 1, "p/12:10", &[("12:00:10", "catch_up", 59)]),
        ("all", 60, "p/12:00:10", &[]),
    ];
    for (policy, count, first, skipped) in cases {
        let section = format!("{{ cron: \"*/10 * 12 * * *\", catch_up: {policy} }}");
        let mut world = World::new("2026-11-22T11:59:55Z", &[("p", &section)]).await;
        world.machine.expect("p", std::iter::repeat_n(Way::of(1, 0), 100));
        world.until("2026-11-22T12:00:05Z").await;
        world.away_until("2026-11-22T12:10:05Z").await;
        world.restart(plans(&[("p", &section)])).await;
        world.until("2026-11-22T12:10:09Z").await;
        // What is caught up one by one overlaps with what falls due meanwhile; that is another matter.
        let (earlier, began) = (world.began()[0].clone(), world.began()[1].clone());
        assert_eq!((earlier.as_str(), began.as_str()), ("p/12:00", first), "{policy}");
        let told = world.skipped("p").await;
        assert_eq!(told.iter().map(|(at, why, count)| (at.as_str(), *why, *count)).collect::<Vec<_>>(), skipped, "{policy}");
        world.until("2026-11-22T12:30:00Z").await;
        let caught_up = world.began().iter().filter(|began| began.as_str() <= "p/12:10" && *began != "p/12:00").count();
        assert_eq!(caught_up, count, "{policy}");
    }
}

#[tokio::test]
async fn a_quota_that_is_spent_is_asked_for_again_until_a_day_has_passed() {
    let section = "{ cron: \"0 9 * * MON\", overlap: skip }";
    let began = |world: &World| -> Vec<String> {
        world
            .machine
            .seen
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, seen)| matches!(seen, Seen::Began(..)))
            .map(|(at, _)| at.to_string())
            .collect()
    };
    // The vendor's midnight passes between the fourth run and the fifth.
    let mut world = World::new("2026-11-22T12:00:00Z", &[("p", section)]).await;
    world.machine.expect("p", [Way::of(60, 7), Way::of(1, 7), Way::of(1, 7), Way::of(1, 7), Way::of(60, 0)]);
    world.until("2026-11-25T00:00:00Z").await;
    let times = ["23T09:00:00", "23T10:01:00", "23T12:01:01", "23T16:01:02", "23T22:01:03"];
    assert_eq!(began(&world), times.map(|time| format!("2026-11-{time}Z")));
    let last = world.status("p").await.last.unwrap();
    assert_eq!((last.exit_code, last.due_at.unwrap().to_string().as_str()), (0, "2026-11-23T09:00:00Z"));
    assert!(matches!(&world.events()[..], [Event::RunFailed { exit_code: 7, retry_at: Some(_), .. }, ..]), "{:?}", world.events());

    // A quota that is not renewed within a day and an hour is none of a day's.
    let mut world = World::new("2026-11-22T12:00:00Z", &[("p", section)]).await;
    world.machine.expect("p", std::iter::repeat_n(Way::of(1, 7), 20));
    world.until("2026-11-25T00:00:00Z").await;
    assert_eq!(began(&world).len(), 7);
    assert_eq!(began(&world)[6], "2026-11-24T10:00:06Z");
    assert_eq!(world.status("p").await.last.unwrap().exit_code, 7);
}

#[tokio::test]
async fn a_long_absence_is_caught_up_in_parts_and_nothing_is_lost() {
    // Four weeks of minutes are 40,320 occurrences: one is run, the others are in a few records.
    let section = "{ cron: \"* * * * *\" }";
    let mut world = World::new("2026-01-01T00:00:30Z", &[("p", section)]).await;
    world.until("2026-01-01T00:05:30Z").await;
    world.away_until("2026-01-29T00:05:30Z").await;
    world.restart(plans(&[("p", section)])).await;
    world.until("2026-01-29T00:05:50Z").await;
    assert_eq!(world.status("p").await.occurrences.skipped_catch_up, 28 * 24 * 60 - 1);
    assert!(world.skipped("p").await.len() < 60, "old records are forgotten");
    assert_eq!(world.began().len(), 6);
    assert_eq!(world.began()[5], "p/00:05");
}
