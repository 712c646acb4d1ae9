#!/usr/bin/env bash
# Installs what is missing, and runs every test: the page's, the crates', and the journeys in the
# real window, on a virtual display.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

scripts/setup.sh test
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"

step "The page: types"
npm --prefix ui run check --silent
step "The page: tests"
npm --prefix ui test --silent
step "The page: build"
npm --prefix ui run build --silent

step "Rust: build (about ten minutes the first time)"
cargo test --locked --no-run

step "Rust: tests, and the journeys in the real window"
if [ "$(uname -s)" = Linux ]; then
    # A home, a temporary folder, a display and a session bus of its own, so that nothing of the person at
    # work is touched. What is left in them afterwards was left outside a test's own folder.
    room=$(mktemp -d)
    trap 'rm -rf "$room"' EXIT
    mkdir "$room/home" "$room/tmp"
    CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup} \
        HOME=$room/home TMPDIR=$room/tmp dbus-run-session -- \
        xvfb-run -a -s "-screen 0 1280x900x24 -nolisten tcp" cargo test --locked --no-fail-fast
    left=$(find "$room" -type f -not -path "*/.cache/dconf/*")
    [ -z "$left" ] || fail "Tests left files outside their own folders: $left"
else
    note "The journeys in the window are skipped: WebKit cannot be automated on this system."
    cargo test --locked --no-fail-fast
fi
step "All tests passed."
