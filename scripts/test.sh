#!/usr/bin/env bash
# Installs what is missing, and runs every test: the page's, the crates', and the journeys in the
# real window, on a display of their own.
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

step "Rust: build (the first time takes some minutes)"
cargo test --locked --no-run

step "Rust: tests, and the journeys in the real window"
if [ "$(uname -s)" = Linux ]; then
    # A display and a session bus of our own, so that no window of the person at work is touched.
    GHOST_TESTS=required dbus-run-session -- \
        xvfb-run -a -s "-screen 0 1280x900x24 -nolisten tcp" cargo test --locked --no-fail-fast
else
    note "WebKit cannot be driven from outside here, so the journeys in the window are skipped."
    cargo test --locked --no-fail-fast
fi
step "All tests passed."
