"""llama.cpp on a GGUF file: reading a prompt, and writing a token at a time; with `--adapter`, a
GGUF file of `lora.py`'s, only the writing, with it.

Prints one JSON object a line, in the shape of `the-ghost bench --json`. The shapes are those of
llama.cpp's own llama-bench (pp and tg): ids without meaning, an empty page to write on.
"""

import argparse
import json
import resource
import statistics
import time

import llama_cpp


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("file")
    ask.add_argument("--adapter")
    ask.add_argument("--tokens", type=int, default=512)
    ask.add_argument("--written", type=int, default=64)
    ask.add_argument("--times", type=int, default=6)
    ask.add_argument("--threads", type=int, default=2)
    ask = ask.parse_args()
    if ask.written > ask.tokens:
        # Each token written is one of the prompt's, so that fewer of them would be timed as more.
        raise SystemExit("--written must not be more than --tokens")
    model = llama_cpp.Llama(
        ask.file,
        n_ctx=ask.tokens + ask.written,
        n_batch=ask.tokens,
        n_ubatch=ask.tokens,
        n_threads=ask.threads,
        n_threads_batch=ask.threads,
        lora_path=ask.adapter,
        verbose=False,
    )
    ids = [(i * 7919 + 13) % model.n_vocab() for i in range(ask.tokens)]

    def prefill():
        model.reset()
        model.eval(ids)

    def decode():
        model.reset()
        for i in range(ask.written):
            model.eval(ids[i : i + 1])

    timed = [("prefill", prefill, ask.tokens), ("decode", decode, ask.written)]
    if ask.adapter:
        timed = [("decode-adapter", decode, ask.written)]
    for what, work, done in timed:
        seconds = []
        for _ in range(ask.times):
            begun = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begun)
        speeds = [done / s for s in seconds[1:]]
        print(
            json.dumps(
                {
                    "peer": f"llama.cpp (llama-cpp-python {llama_cpp.__version__})",
                    "what": what,
                    "tokens_per_second": statistics.median(speeds),
                    "best": max(speeds),
                    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
                }
            ),
            flush=True,
        )


main()
