//! `aqueduct-simulator hubspot …`: serves a simulated account until it is killed.
//!
//! One line of JSON on standard output says where it is and how to get in.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use aqueduct_simulator::hubspot::{Limits, Options, Simulator};

const USAGE: &str = "usage: aqueduct-simulator hubspot [--port N] [--seed N] [--contacts N] [--companies N] [--deals N] [--owners N]
                                  [--index-lag SECONDS] [--limits none|starter|professional|public-app] [--no-gzip]
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return report(&mut io::stdout(), USAGE, ExitCode::SUCCESS);
    }
    let options = match options(&arguments) {
        Ok(options) => options,
        Err(message) => return report(&mut io::stderr(), &format!("{message}\n{USAGE}"), ExitCode::from(2)),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&mut io::stderr(), &format!("cannot start: {error}\n"), ExitCode::FAILURE),
    };
    match runtime.block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&mut io::stderr(), &format!("cannot serve: {error}\n"), ExitCode::FAILURE),
    }
}

fn report(out: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    // When even this cannot be written, the exit code still says it.
    let _ = out.write_all(text.as_bytes());
    code
}

fn options(arguments: &[String]) -> Result<Options, String> {
    let mut arguments = arguments.iter().map(String::as_str);
    match arguments.next() {
        Some("hubspot") => {}
        Some(other) => return Err(format!("there is no simulator of \"{other}\"")),
        None => return Err("which vendor?".to_owned()),
    }
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        if name == "--no-gzip" {
            options.gzip = false;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let wrong = |_| format!("{name} cannot be \"{value}\"");
        match name {
            "--port" => options.port = value.parse().map_err(wrong)?,
            "--seed" => options.seed = value.parse().map_err(wrong)?,
            "--contacts" => options.contacts = value.parse().map_err(wrong)?,
            "--companies" => options.companies = Some(value.parse().map_err(wrong)?),
            "--deals" => options.deals = Some(value.parse().map_err(wrong)?),
            "--owners" => options.owners = value.parse().map_err(wrong)?,
            "--index-lag" => options.index_lag = Duration::from_secs(value.parse().map_err(wrong)?),
            "--limits" => {
                options.limits = match value {
                    "none" => Limits::none(),
                    "starter" => Limits::starter(),
                    "professional" => Limits::professional(),
                    "public-app" => Limits::public_app(),
                    _ => return Err(format!("{name} cannot be \"{value}\"")),
                }
            }
            _ => return Err(format!("unknown option {name}")),
        }
    }
    Ok(options)
}

async fn serve(options: Options) -> io::Result<()> {
    let simulator = Simulator::start(options).await?;
    let credentials = simulator.client_credentials();
    let line = serde_json::json!({
        "base_url": simulator.base_url(),
        "access_token": simulator.access_token(),
        "client_id": credentials.client_id,
        "client_secret": credentials.client_secret,
        "refresh_token": credentials.refresh_token,
    });
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    std::future::pending::<()>().await;
    simulator.stop().await;
    Ok(())
}
