"""HF transformers + PEFT on the same base: one LoRA step, rank 8 on every linear layer.

The base is read from the GGUF file and dequantised, as transformers does. Each way of working is
timed in a process of its own, so that its peak of memory is its own: `--dtype f32`,
`--dtype bf16` (autocast over f32 weights) or `--dtype half` (the weights too in bfloat16, for bases
that are no smaller fit for memory otherwise), with or without `--checkpoint`. Memory is counted from
the first step on: what reading the file takes is left out, in their favour.
"""

import argparse
import json
import os
import statistics
import time

os.environ["HF_HUB_OFFLINE"] = "1"

import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("file")
    ask.add_argument("--tokens", type=int, default=512)
    ask.add_argument("--times", type=int, default=6)
    ask.add_argument("--threads", type=int, default=2)
    ask.add_argument("--dtype", choices=["f32", "bf16", "half"], default="f32")
    ask.add_argument("--checkpoint", action="store_true")
    ask = ask.parse_args()
    torch.set_num_threads(ask.threads)
    torch.manual_seed(1)
    folder, name = os.path.split(os.path.abspath(ask.file))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.bfloat16 if ask.dtype == "half" else torch.float32
    )
    linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = peft.get_peft_model(
        model, peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=linear)
    )
    if ask.checkpoint:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    model.train()
    adam = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    vocab = model.config.vocab_size
    ids = torch.tensor([[(i * 7919 + 13) % vocab for i in range(ask.tokens)]])
    seconds = []
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")
    for _ in range(ask.times):
        begun = time.perf_counter()
        adam.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=ask.dtype != "f32"):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        seconds.append(time.perf_counter() - begun)
    speeds = [ask.tokens / s for s in seconds[1:]]
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    way = ask.dtype + (", checkpointed" if ask.checkpoint else "")
    print(
        json.dumps(
            {
                "peer": f"PEFT {peft.__version__}, torch {torch.__version__}, {way}",
                "what": "train",
                "tokens_per_second": statistics.median(speeds),
                "best": max(speeds),
                "peak_mb": peak * 1024 / 1e6,
            }
        )
    )


main()
