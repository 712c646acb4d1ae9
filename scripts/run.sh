#!/usr/bin/env bash
# Installs what is missing, builds, and opens the window. Without a display it runs the tour.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/say.sh

scripts/setup.sh run
[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"

step "Building the page"
npm --prefix ui run build --silent

step "Building the program (the first time takes some minutes)"
cargo build --locked

if [ "$(uname -s)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
    step "No display found. Running the tour in the terminal instead."
    exec cargo run --locked --quiet -- tour
fi
step "Opening the window"
exec cargo run --locked --quiet -- "$@"
