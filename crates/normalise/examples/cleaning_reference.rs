//! Writes docs/reference/cleaning.md from the cleaners' tables.
//!
//! `cargo run -p aqueduct-normalise --example cleaning_reference`

use std::path::Path;

fn main() -> std::io::Result<()> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cleaning.md");
    std::fs::write(page, aqueduct_normalise::cleaners::reference())
}
