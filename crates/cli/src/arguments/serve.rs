//! What can be typed after `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::duration;

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Folders with pipeline files, or pipeline files; pipelines/ where none is named.
    #[arg(value_name = "FOLDER|FILE")]
    pub(crate) pipelines: Vec<PathBuf>,
    /// Answer health, readiness, metrics and questions about pipelines here; `off` for nowhere.
    #[arg(long, visible_alias = "address", default_value = "127.0.0.1:9321", value_name = "ADDRESS", value_parser = place)]
    pub(crate) http: Place,
    /// The file with the token that callers must bear who change something, and on a network address those who read.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Let everybody read who reaches the address, without a token.
    #[arg(long)]
    pub(crate) http_insecure_no_token: bool,
    /// A further name that the server is called by.
    #[arg(long, value_name = "NAME")]
    pub(crate) http_host: Vec<String>,
    /// How many runs at once.
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,
    /// The name of this scheduler among those that share a control store; the machine's name where it is left out.
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Run what is due now, wait for it, and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// After SIGTERM or SIGINT wait so long for runs to end before they are told to stop with a checkpoint.
    #[arg(long, default_value = "60s", value_name = "TIME", value_parser = duration)]
    pub(crate) grace: Duration,
    /// The file with the section `alerts`; aqueduct.yaml beside the folder pipelines/ where it is left out.
    #[arg(long, value_name = "FILE")]
    pub(crate) alerts: Option<PathBuf>,
}

/// Where the server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nowhere.
    Off,
    /// At an address.
    At(SocketAddr),
}

fn place(text: &str) -> Result<Place, String> {
    if text == "off" {
        return Ok(Place::Off);
    }
    let at = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    at.parse().map(Place::At).map_err(|_| "write an address with its port, as 127.0.0.1:9321, or off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        assert_eq!(place("off"), Ok(Place::Off));
        assert_eq!(place("localhost:80"), Ok(Place::At(SocketAddr::from(([127, 0, 0, 1], 80)))));
        assert!(place("[::1]:80").is_ok() && place("9321").is_err() && place("").is_err());
    }
}
