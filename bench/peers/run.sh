#!/bin/sh
# Compares our speed with llama.cpp and PEFT on one base file, in the same minutes, with the same threads:
#   bench/peers/run.sh [BASE.gguf] [PYTHON]
# Makes a virtual environment in target/peers unless PYTHON has the peers. All results are also saved in
# target/peers.
set -eu
cd "$(dirname "$0")/../.."
base=${1:-$(ls .base/*.gguf | head -1)}
out=target/peers
mkdir -p "$out"
python=${2:-$out/venv/bin/python}
if [ ! -x "$python" ]; then
    echo "Making an environment for the peers (torch, transformers, peft, llama.cpp): some minutes"
    python3 -m venv "$out/venv"
    "$out/venv/bin/pip" install --quiet -r bench/peers/requirements.txt
fi
# The profile that users get.
cargo build --locked --release
: > "$out/peers.jsonl"
adapter=$out/adapter
"$python" bench/peers/lora.py "$base" "$adapter" "$adapter.gguf" --make 16
"$python" bench/peers/llama.py "$base" | tee -a "$out/peers.jsonl"
"$python" bench/peers/llama.py "$base" --adapter "$adapter.gguf" | tee -a "$out/peers.jsonl"
target/release/the-ghost bench --base "$base" --adapter "$adapter" --json > "$out/ours.json"
for way in "--dtype f32" "--dtype bf16" "--dtype bf16 --checkpoint"; do
    # shellcheck disable=SC2086 # a way is several words
    "$python" bench/peers/learn.py "$base" $way 2>> "$out/log.txt" | tee -a "$out/peers.jsonl"
done
"$python" bench/peers/table.py "$out/ours.json" "$out/peers.jsonl" | tee "$out/table.txt"
