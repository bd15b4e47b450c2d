//! Prints how many values a second each cleaner takes on one core, on plausible values of which some are dirty. Time is that of this
//! thread on a core, where the system tells it, so that other processes do not count.
//!
//! `cargo run --release -p aqueduct-normalise --example cleaner_speed`
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aqueduct_normalise::cleaners::{CleaningContext, clean};
use aqueduct_schema::SemanticType;

/// How long each cleaner runs.
const LONG_ENOUGH: Duration = Duration::from_millis(400);
/// Different values of each type, so that nothing is served from one warm line of the cache.
const VALUES: usize = 20_000;

/// Values of a type: mostly clean, then some dirt. `{}` stands for a number that makes each different.
fn samples(semantic: SemanticType) -> &'static [&'static str] {
    match semantic {
        SemanticType::Email => {
            &["ada.{}@acme.com", "bob{}@mail.acme.co.uk", "eve.{}@gmail.com", "Ada{}@Acme.com", " a{}@acme.com", "none{}"]
        }
        SemanticType::PhoneNumber => {
            &["+442079{}", "+44 20 79{}", "+16502{}", "+1 (212) 5{}", "+49 30 {}", "020 79{}", "07400 {}", "+33612{}", "+1 555 1{}"]
        }
        SemanticType::PersonName => &["Ada Lovelace {}", "José García", "Siobhán O'Brien", "LEE WEI", "  Jane   Doe", "MÃ¼ller"],
        SemanticType::CompanyName => &["Acme {} Ltd", "Bücher & Söhne GmbH", "Initech  Inc. {}"],
        SemanticType::Country => &["GB", "US", "DE", "us", "Germany", "United Kingdom", "USA", "Österreich", "Atlantis {}"],
        SemanticType::Region => &["California", "US-CA", "Baden-Württemberg", "Greater London {}"],
        SemanticType::PostalCode => &["10{}", "SW1A 1AA", "k1a 0b1", "9{}-1234"],
        SemanticType::Language => &["en", "de-DE", "EN_us", "fr"],
        SemanticType::TimeZone => &["Europe/London", "America/New_York", "utc", "europe/berlin"],
        SemanticType::CurrencyCode => &["EUR", "USD", "gbp", "€"],
        SemanticType::Money => &["{}.50", "1200", "1,200.50", "$ {}", "1.200,50 €", "-12.5"],
        SemanticType::Ratio => &["0.4", "0.25", "1", "40%", "0,5"],
        SemanticType::Timestamp => &[
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:34:56.789Z",
            "2025-11-02T08:15:30.120Z",
            "2026-01-31T12:00:00.000+0000",
            "2026-01-31 12:00",
        ],
        SemanticType::Date => &["2026-01-31", "2025-02-28", "31/01/2026", "2026-01-31T00:00:00Z"],
        SemanticType::Url => &["https://www.acme.com/", "https://acme.com/team/{}", "acme{}.com", "https://acme.com/?utm_source=x&p={}"],
        SemanticType::Domain => &["acme{}.com", "www.acme.co.uk", "https://acme{}.com/x"],
        SemanticType::Label => &["Head of Sales {}", "London", "Zürich", " Chief  Engineer"],
        SemanticType::FreeText => &["Called about order {}. No answer, try again on Monday.", "Größe {}: passt.", "Two\r\nlines {}"],
        SemanticType::Category => &["customer", "mql", "Marketing Qualified Lead", "closed-won"],
        SemanticType::Flag => &["true", "false", "Yes", "0"],
        SemanticType::Count => &["250", "{}", "12.0", "1,234,567"],
        SemanticType::SourceId => &["{}", "0015g0000{}", " {}"],
    }
}

/// Notes as CRMs keep them: a few lines of HTML.
const HTML: &[&str] =
    &["<div><p>Called about order {}.</p><p>No answer, <b>try again</b> on Monday.</p></div>", "<p>Größe {}: passt &amp; gefällt.<br></p>"];

fn values(samples: &[&str]) -> Vec<String> {
    // A fixed sequence of six digits that looks like chance.
    (0..VALUES).map(|index| samples[index % samples.len()].replace("{}", &format!("{:06}", index * 7_919 % 1_000_000))).collect()
}

/// A watch that counts the time this thread is on a core.
struct Watch {
    wall: Instant,
    on_core: Duration,
}

impl Watch {
    fn start() -> Self {
        Self { wall: Instant::now(), on_core: on_core() }
    }

    fn elapsed(&self) -> Duration {
        let busy = on_core().saturating_sub(self.on_core);
        if busy.is_zero() { self.wall.elapsed() } else { busy }
    }
}

/// The time this thread has been on a core; nothing where the system does not tell.
fn on_core() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0))
}

fn main() {
    let context = CleaningContext { default_country: Some("GB"), time_zone: Some("Europe/London"), ..CleaningContext::default() };
    println!("{:<14} {:>12} {:>14} {:>12}", "type", "first ms", "values/s", "with value");
    let kinds = SemanticType::ALL.map(|semantic| (semantic, semantic.name(), samples(semantic)));
    for (semantic, name, samples) in kinds.into_iter().chain([(SemanticType::FreeText, "free_text:html", HTML)]) {
        let values = values(samples);
        let start = Watch::start();
        let kept = values.iter().filter(|value| clean(semantic, value, &context).value.is_some()).count();
        let first = start.elapsed();
        let start = Watch::start();
        let mut done = 0_u32;
        while start.elapsed() < LONG_ENOUGH {
            for value in &values {
                black_box(clean(semantic, black_box(value), &context));
            }
            done += 1;
        }
        let rate = f64::from(done) * values.len() as f64 / start.elapsed().as_secs_f64();
        let share = 100 * kept / values.len();
        println!("{:<14} {:>12.1} {rate:>14.0} {share:>10} %", name, first.as_secs_f64() * 1000.0);
    }
}
