"""Prints our figures, the peers' and the ratios: `table.py OURS.json PEERS.jsonl`."""

import json
import sys


def main():
    ours = json.load(open(sys.argv[1]))["rows"]
    peers = [json.loads(line) for line in open(sys.argv[2]) if line.startswith("{")]
    print(f"{'what':14} {'tokens/s':>9} {'MB':>7}  {'speed':>6} {'memory':>7}  who")
    for row in ours:
        speed, size = row["tokens_per_second"], row["peak_mb"]
        print(f"{row['what']:14} {speed:9.1f} {size:7.0f}  {'':6} {'':7}  The Ghost, {row['device']}")
        for peer in (peer for peer in peers if peer["what"] == row["what"]):
            theirs, held = peer["tokens_per_second"], peer["peak_mb"]
            print(
                f"{'':14} {theirs:9.1f} {held:7.0f}  {speed / theirs:5.2f}x {size / held:6.2f}x"
                f"  {peer['peer']}"
            )


main()
