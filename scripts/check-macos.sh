#!/usr/bin/env bash
# Type-checks the engine for a Mac, including Metal and NEON, on any machine. It needs no Mac and
# no linker, and runs nothing. The other crates are not checked: they build SQLite's C
# code, which needs Apple's headers.
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
step "The engine type-checks for macOS. Nothing was run."
