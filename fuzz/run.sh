#!/usr/bin/env bash
# Runs every fuzz target, or those named, for SECONDS_EACH seconds each. Crashes are saved in
# fuzz/artifacts. Needs a nightly compiler and `cargo install cargo-fuzz`.
set -euo pipefail
cd "$(dirname "$0")/.."

# Traces with lines, whatever the release profile strips.
export CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=line-tables-only

targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(basename -s .rs -a fuzz/fuzz_targets/*.rs)
for target in "${targets[@]}"; do
    options=(-max_total_time="${SECONDS_EACH:-600}" -timeout=10 -rss_limit_mb=1024 -max_len=65536)
    [ ! -f "fuzz/dictionaries/$target.dict" ] || options+=("-dict=fuzz/dictionaries/$target.dict")
    echo "$target, ${SECONDS_EACH:-600} seconds"
    nice -n 19 cargo +nightly fuzz run "$target" -- "${options[@]}" -print_final_stats=1
done
