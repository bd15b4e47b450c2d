//! `aqueduct replay`.

use std::path::Path;

use aqueduct_pipeline::schema::{Error, Result, codes};
use aqueduct_simulator::replay::Replay;

use crate::commands::{Context, run};

/// Serves a recording until a signal ends it.
pub(crate) async fn replay(context: &Context, folder: &Path, port: u16) -> Result<u8> {
    let unusable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AddrInUse | std::io::ErrorKind::PermissionDenied => {
            Error::new(codes::BAD_USAGE, format!("port {port} cannot be used ({})", error.kind()))
                .advise("Leave --port out to take a free one.")
        }
        _ => Error::new(codes::FILE_UNREADABLE, error.to_string()).advise("Name the folder that `aqueduct record` wrote."),
    };
    let replay = Replay::start_on(folder, port).await.map_err(unusable)?;
    let output = &context.output;
    let (connector, config) = (replay.connector(), replay.config());
    if output.is_json() {
        output.json_line(&serde_json::json!({"base_url": replay.base_url(), "connector": connector, "config": config}));
    } else {
        output.answer(&format!("{} is served on {}", folder.display(), replay.base_url()));
        output.answer(&format!("\nsource:\n  connector: {connector}\n  config: {config}\n"));
        output.words("Ctrl-C ends it.");
    }
    let mut stop = run::Signals::listen().stop;
    // The sender lives as long as the process.
    let _ = stop.wait_for(|stop| *stop).await;
    for miss in replay.misses() {
        output.words(&format!("asked in vain: {miss}"));
    }
    Ok(0)
}
