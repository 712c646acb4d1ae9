#!/usr/bin/env bash
# Type-checks the engine for a Mac, its Metal and NEON parts with it, from any machine: no Mac and
# no linker is needed, and nothing is run. Only the engine: the crates above it build SQLite's C
# code, which wants Apple's own headers.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh
. scripts/cross.sh

target=aarch64-apple-darwin
at=$(realpath -m "${CARGO_TARGET_DIR:-target}")/macos

cross_compiler "$target"
step "The engine, with Metal"
CARGO_TARGET_DIR=$at RUSTFLAGS="-D warnings" \
    cargo check --locked --target "$target" -p ghost-engine --features metal "${library[@]}"
step "It type-checks. Nothing was run."
