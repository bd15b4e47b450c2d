# `just` alone lists the recipes.

# List the recipes.
default:
    @just --list --unsorted

# Start a simulated vendor, load its customers into SQLite, change some, load again.
demo *arguments:
    cargo run -- demo {{arguments}}

# Write a connector that compiles and passes its tests; arguments go to `aqueduct new-connector`.
new-connector name *arguments:
    cargo run -- new-connector {{name}} {{arguments}}

# Run every test; arguments go to `cargo test`.
test *arguments:
    cargo xtask test {{arguments}}

# Check format, lints and dependencies, as CI does.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo deny check --hide-inclusion-graph bans licenses sources

# Measure speed and memory of the release binary on 200,000 contacts.
bench *arguments:
    tests/bench/run.sh {{arguments}}

# Build the documentation of our own crates and open it.
doc:
    cargo doc --workspace --no-deps --open
