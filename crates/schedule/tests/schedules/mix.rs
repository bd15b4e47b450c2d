//! A thousand schedules, each with what it means beside it, so that nobody has to read cron to check them.

use fastrand::Rng;
use jiff::Timestamp;

/// The year that is simulated, in UTC.
pub(crate) const YEAR: (&str, &str) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");

/// A zone with its offsets in the year, written down from the laws and not read from a database: minutes east of UTC, and when
/// they change.
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) offset: i64,
    pub(crate) changes: [(&'static str, i64); 2],
}

pub(crate) const PLACES: [Place; 3] = [
    Place { name: "Europe/London", offset: 0, changes: [("2026-03-29T01:00:00Z", 60), ("2026-10-25T01:00:00Z", 0)] },
    Place { name: "America/New_York", offset: -300, changes: [("2026-03-08T07:00:00Z", -240), ("2026-11-01T06:00:00Z", -300)] },
    // Half an hour, in the other half of the year.
    Place { name: "Australia/Lord_Howe", offset: 660, changes: [("2026-04-04T15:00:00Z", 630), ("2026-10-03T15:30:00Z", 660)] },
];

/// Which days are meant.
#[derive(Clone, Debug)]
pub(crate) enum Days {
    Every,
    Weekdays(Vec<u32>),
    OfMonth(Vec<u32>),
    /// Either is enough.
    Both(Vec<u32>, Vec<u32>),
    Last,
    /// A weekday for the n-th time.
    Nth(u32, u32),
    LastWeekday(u32),
}

/// What a schedule repeats.
#[derive(Clone, Debug)]
pub(crate) enum Meaning {
    /// Minutes that pass, from a midnight in the zone on.
    Minutes(i64),
    /// Every midnight.
    Midnights,
    /// What the clock shows.
    Clock { second: i64, minutes: Vec<u32>, hours: Vec<u32>, days: Days, months: Vec<u32>, elapsed: bool },
}

/// A schedule of the mix.
pub(crate) struct Mixed {
    /// `cron: …` or `every: …`, without the zone.
    pub(crate) key: &'static str,
    pub(crate) text: String,
    pub(crate) place: &'static Place,
    pub(crate) meaning: Meaning,
}

impl Mixed {
    pub(crate) fn yaml(&self) -> String {
        format!("{}: \"{}\"\ntimezone: {}\n", self.key, self.text, self.place.name)
    }
}

/// So many schedules, the same every time.
pub(crate) fn mix(count: usize) -> Vec<Mixed> {
    let mut random = Rng::with_seed(20_261_122);
    (0..count).map(|number| mixed(&mut random, &PLACES[number % PLACES.len()], number)).collect()
}

fn mixed(random: &mut Rng, place: &'static Place, number: usize) -> Mixed {
    if number.is_multiple_of(20) {
        let (text, meaning) = match random.u64(..6) {
            0 => ("15m", Meaning::Minutes(15)),
            1 => ("1h", Meaning::Minutes(60)),
            2 => ("6h", Meaning::Minutes(360)),
            3 => ("90m", Meaning::Minutes(90)),
            4 => ("7h", Meaning::Minutes(420)),
            _ => ("1d", Meaning::Midnights),
        };
        return Mixed { key: "every", text: text.to_owned(), place, meaning };
    }
    let (minute, minutes, star_minute) = minutes(random);
    let (hour, hours, star_hour) = hours(random, minutes.len());
    let (day, weekday, days) = days(random);
    let (month, months) = months(random);
    let mut text = format!("{minute} {hour} {day} {month} {weekday}");
    let mut second = 0;
    if random.u64(..8) == 0 {
        second = random.u64(..60).cast_signed();
        text = format!("{second} {text}");
    }
    Mixed { key: "cron", text, place, meaning: Meaning::Clock { second, minutes, hours, days, months, elapsed: star_minute || star_hour } }
}

fn minutes(random: &mut Rng) -> (String, Vec<u32>, bool) {
    let one = random.u32(..60);
    match random.u64(..10) {
        0 => ("*/15".to_owned(), vec![0, 15, 30, 45], true),
        1 => ("*/20".to_owned(), vec![0, 20, 40], true),
        2 => ("*/7".to_owned(), (0..60).step_by(7).collect(), true),
        3 => ("0,30".to_owned(), vec![0, 30], false),
        4 => ("5-55/10".to_owned(), (5..=55).step_by(10).collect(), false),
        5 => ("0".to_owned(), vec![0], false),
        _ => (one.to_string(), vec![one], false),
    }
}

fn hours(random: &mut Rng, minutes: usize) -> (String, Vec<u32>, bool) {
    let one = random.u32(..24);
    match random.u64(..10) {
        0 if minutes < 5 => ("*".to_owned(), (0..24).collect(), true),
        1 => ("*/2".to_owned(), (0..24).step_by(2).collect(), true),
        2 => ("9-17".to_owned(), (9..=17).collect(), false),
        // The hours in which clocks change.
        3 | 4 => ("1".to_owned(), vec![1], false),
        5 | 6 => ("2".to_owned(), vec![2], false),
        7 => ("1-3".to_owned(), vec![1, 2, 3], false),
        _ => (one.to_string(), vec![one], false),
    }
}

fn days(random: &mut Rng) -> (String, String, Days) {
    let day = random.u32(..28) + 1;
    let weekday = random.u32(..7);
    let nth = random.u32(..5) + 1;
    let name = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"][weekday as usize];
    let any = || "*".to_owned();
    match random.u64(..16) {
        0 | 1 => (any(), "1-5".to_owned(), Days::Weekdays((1..=5).collect())),
        2 => (any(), name.to_owned(), Days::Weekdays(vec![weekday])),
        3 => (any(), "SAT-SUN".to_owned(), Days::Weekdays(vec![0, 6])),
        4 => (format!("{day}"), any(), Days::OfMonth(vec![day])),
        5 => (format!("1,{day},31"), any(), Days::OfMonth(vec![1, day, 31])),
        6 => (format!("{day}"), name.to_lowercase(), Days::Both(vec![day], vec![weekday])),
        7 => ("L".to_owned(), any(), Days::Last),
        8 => (any(), format!("{name}#{nth}"), Days::Nth(weekday, nth)),
        9 => (any(), format!("{weekday}L"), Days::LastWeekday(weekday)),
        _ => (any(), any(), Days::Every),
    }
}

fn months(random: &mut Rng) -> (String, Vec<u32>) {
    match random.u64(..8) {
        0 => ("MAR,OCT-NOV".to_owned(), vec![3, 10, 11]),
        1 => ("*/3".to_owned(), vec![1, 4, 7, 10]),
        _ => ("*".to_owned(), (1..=12).collect()),
    }
}

/// The seconds since 1970 of an instant.
pub(crate) fn seconds(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}
