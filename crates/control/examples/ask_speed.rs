//! How long a question to a control store takes: `cargo run -p aqueduct-control --example ask_speed [-- URL]`.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::time::{Duration, Instant};

use aqueduct_control::{Acquired, Ask, Control, Holder, Priority};
use aqueduct_schema::{Result, Secret};

const QUESTIONS: u32 = 2_000;

#[tokio::main]
async fn main() -> Result<()> {
    let file = std::env::temp_dir().join(format!("aqueduct-ask-speed-{}/control.db", std::process::id()));
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("sqlite://{}", file.display()));
    let begun = Instant::now();
    let control = Control::open(&Secret::new(url.clone()), None).await?;
    println!("made and opened: {:?}", begun.elapsed());
    let begun = Instant::now();
    let control_again = Control::open(&Secret::new(url), None).await?;
    println!("opened: {:?}", begun.elapsed());
    let begun = Instant::now();
    let acquired = control.acquire("p", &Holder::this("run"), Duration::from_secs(60)).await?;
    control.release("p", "run").await?;
    println!("a lease taken ({}) and given back: {:?}", matches!(acquired, Acquired::Ours(_)), begun.elapsed());
    let ask = Ask {
        class: "default",
        limit: Some((100_000, Duration::from_secs(10))),
        burst: None,
        wanted: 4,
        valid_for: Duration::from_millis(200),
        priority: Priority::Live,
        daily: None,
        time_zone: "UTC",
        returned: None,
    };
    let begun = Instant::now();
    for number in 0..QUESTIONS {
        let control = if number % 2 == 0 { &control } else { &control_again };
        control.take("account", &ask).await?;
    }
    println!("a handful of requests taken: {:?}", begun.elapsed() / QUESTIONS);
    if let Some(folder) = file.parent() {
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(())
}
