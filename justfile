# Tasks for work on posterity; `just --list` shows them.

# Format, lints, tests, documentation: all of it must pass before a commit.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --release -- -D warnings
    cargo test --workspace --release
    RUSTDOCFLAGS="-D warnings" cargo doc --package posterity --no-deps

# The benches, one after the other; docs/benchmarks.md says what they showed.
bench:
    cargo bench --package posterity --bench imnn
    cargo bench --package posterity --bench network
    cargo bench --package posterity --bench convolution
    cargo bench --package posterity --bench abc
    cargo bench --package posterity --bench pmc
    cargo bench --package posterity --bench simulate
    cargo bench --package posterity --bench store
    cargo bench --package posterity --bench external
    cargo bench --package posterity --bench gravity
    cargo bench --package posterity --bench initial_field
    cargo bench --package posterity --bench engine
    cargo bench --package posterity --bench hmc
    cargo bench --package posterity --bench samplers

# The main job: the Pantheon supernovae, into runs/pantheon.
pantheon:
    cargo run --release -- run examples/pantheon/analysis.toml
