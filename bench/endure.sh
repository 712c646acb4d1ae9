#!/usr/bin/env bash
# Drafting and learning side by side for twenty minutes (MINUTES), each with its memory every half
# minute; then drafting with and without a busy neighbour on one core.
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
echo "beside a busy neighbour:"
taskset -c 0 sh -c 'while :; do :; done' &
trap 'kill $!' EXIT
"$endure" "$base" write 1.1
