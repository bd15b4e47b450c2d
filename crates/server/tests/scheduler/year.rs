//! A year of a thousand pipelines in three zones, both changes of daylight saving in each among it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aqueduct_server::scheduler::Settings;

use crate::kills::assert_each_once;
use crate::memory::Memory;
use crate::world::{Seen, TestClock, Way, World, at, plans};

const ZONES: [&str; 3] = ["Europe/London", "America/New_York", "Australia/Lord_Howe"];

/// 120 pipelines every day, at every half hour of the night in which clocks change among them; 600 every week, 280 every month.
fn sections() -> Vec<(String, String)> {
    let mut sections = Vec::new();
    for number in 0..1_000_usize {
        let (zone, minute) = (ZONES[number % 3], (number * 7) % 60);
        let cron = match number {
            0..120 => format!("{} {} * * *", if number % 2 == 0 { 30 } else { 0 }, (number / 6) % 5),
            120..720 => format!("{minute} {} * * {}", (number / 3) % 24, number % 7),
            _ => format!("{minute} {} {} * *", (number / 3) % 24, 1 + number % 28),
        };
        sections.push((format!("p{number}"), format!("{{ cron: \"{cron}\", timezone: {zone}, catch_up: all, overlap: queue }}")));
    }
    sections
}

/// Takes longer than other tests do, since every occurrence of the year goes through the scheduler as it would in the year itself.
#[tokio::test]
async fn a_year_of_a_thousand_pipelines_is_run_without_one_missed_or_doubled() {
    let sections = sections();
    let sections: Vec<(&str, &str)> = sections.iter().map(|(name, section)| (name.as_str(), section.as_str())).collect();
    let (from, until) = (at("2025-12-31T12:00:00Z"), at("2026-12-31T12:00:00Z"));
    let clock = TestClock::at(from);
    let store = Arc::new(Memory::new(clock.clone(), false));
    let settings = Settings { concurrency: 100, poll: Duration::from_secs(7 * 86_400), ..Settings::default() };
    let mut world = World::with(clock, store, settings, Way::of(5, 0), plans(&sections)).await;
    world.until("2026-12-31T12:10:00Z").await;
    let count = began_once_as_the_schedules_say(&world, &sections).await;
    assert_eq!(count, 120 * 365 + 600 * 52 + 280 * 12 + weekly_on_the_odd_day(&sections));
    // What is daily is run on 365 days, also where the clock skips its time or shows it twice.
    let mut daily: BTreeMap<String, u32> = BTreeMap::new();
    for (_, seen) in world.machine.seen.lock().unwrap().iter() {
        if let Seen::Began(name, at, _) = seen
            && *at <= until
            && name[1..].parse::<usize>().unwrap() < 120
        {
            *daily.entry(name.clone()).or_default() += 1;
        }
    }
    assert!(daily.len() == 120 && daily.values().all(|runs| *runs == 365), "{daily:?}");
}

async fn began_once_as_the_schedules_say(world: &World, sections: &[(&str, &str)]) -> usize {
    assert_each_once(world, sections, at("2025-12-31T12:00:00Z"), at("2026-12-31T12:00:00Z")).await
}

/// A year has 52 weeks and a day: how many weekly pipelines fall due once more, by the arithmetic of the calendar alone.
fn weekly_on_the_odd_day(sections: &[(&str, &str)]) -> usize {
    let instant = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let (from, until) = (instant("2025-12-31T12:00:00Z"), instant("2026-12-31T12:00:00Z"));
    let mut more = 0;
    for (index, (_, section)) in sections.iter().enumerate().skip(120).take(600) {
        let fields: Vec<&str> = section.split('"').nth(1).unwrap().split(' ').collect();
        let (minute, hour, day): (i8, i8, i8) = (fields[0].parse().unwrap(), fields[1].parse().unwrap(), fields[4].parse().unwrap());
        let zone = jiff::tz::TimeZone::get(ZONES[index % 3]).unwrap();
        let mut date = jiff::civil::date(2025, 12, 30);
        let mut count = 0;
        while date <= jiff::civil::date(2027, 1, 1) {
            let at = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).unwrap().timestamp();
            if date.weekday().to_sunday_zero_offset() == day && at > from && at <= until {
                count += 1;
            }
            date = date.tomorrow().unwrap();
        }
        assert!((52..=53).contains(&count));
        more += count - 52;
    }
    more
}
