#!/usr/bin/env bash
# Drafts and trains at the same time for twenty minutes (MINUTES) and prints the memory of each every half
# minute. Then drafts with and without another busy process on one core.
#   bench/endure.sh [BASE.gguf]
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-$(ls .base/*.gguf | head -1)}
cargo build --locked --release --workspace --example endure
endure=target/release/examples/endure
"$endure" "$base" learn "${MINUTES:-20}" &
"$endure" "$base" write "${MINUTES:-20}"
wait
echo "alone:"
"$endure" "$base" write 1.1
echo "with a busy process on one core:"
taskset -c 0 sh -c 'while :; do :; done' &
trap 'kill $!' EXIT
"$endure" "$base" write 1.1
