//! `aqueduct-simulator brevo …`, `hubspot …` or `salesforce …`: serves a simulated account until it is killed.
//!
//! One line of JSON on standard output says where it is and how to get in.

use std::io::{self, Write};
use std::process::ExitCode;

use aqueduct_simulator::{brevo, hubspot, salesforce};

mod arguments;

use arguments::{Asked, USAGE, asked};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return report(&mut io::stdout(), USAGE, ExitCode::SUCCESS);
    }
    let asked = match asked(&arguments) {
        Ok(asked) => asked,
        Err(message) => return report(&mut io::stderr(), &format!("{message}\n{USAGE}"), ExitCode::from(2)),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report(&mut io::stderr(), &format!("cannot start: {error}\n"), ExitCode::FAILURE),
    };
    match runtime.block_on(serve(asked)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&mut io::stderr(), &format!("cannot serve: {error}\n"), ExitCode::FAILURE),
    }
}

fn report(out: &mut dyn Write, text: &str, code: ExitCode) -> ExitCode {
    // When even this cannot be written, the exit code still says it.
    let _ = out.write_all(text.as_bytes());
    code
}

async fn serve(asked: Asked) -> io::Result<()> {
    match asked {
        Asked::Brevo(account, options) => {
            let simulator = brevo::Simulator::start(&brevo::description(&account), options).await?;
            say(&serde_json::json!({"base_url": simulator.base_url(), "api_key": simulator.credentials().key}))?;
            std::future::pending::<()>().await;
            simulator.stop().await;
        }
        Asked::HubSpot(options) => {
            let simulator = hubspot::Simulator::start(*options).await?;
            let credentials = simulator.client_credentials();
            say(&serde_json::json!({
                "base_url": simulator.base_url(),
                "access_token": simulator.access_token(),
                "client_id": credentials.client_id,
                "client_secret": credentials.client_secret,
                "refresh_token": credentials.refresh_token,
            }))?;
            std::future::pending::<()>().await;
            simulator.stop().await;
        }
        Asked::Salesforce(options) => {
            let simulator = salesforce::Simulator::start(*options).await?;
            let credentials = simulator.client_credentials();
            say(&serde_json::json!({
                "base_url": simulator.base_url(),
                "login_url": simulator.base_url(),
                "access_token": simulator.access_token(),
                "client_id": credentials.client_id,
                "client_secret": credentials.client_secret,
                "refresh_token": credentials.refresh_token,
                "private_key": credentials.private_key,
                "username": credentials.username,
            }))?;
            std::future::pending::<()>().await;
            simulator.stop().await;
        }
    }
    Ok(())
}

fn say(line: &serde_json::Value) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}
