"""Compares our logits with Hugging Face's, for a base and for an adapter.

    agree.py BASE.gguf LOGITS [--adapter FOLDER] [--text FILE] [--print-tokens]

LOGITS is our program for this (`cargo build --release -p ghost-engine --example logits`).
transformers reads the same file, dequantized to f32. Compared are first the plain base with its tokens,
then our adapter loaded by PEFT (`--adapter`), or without one an adapter saved by PEFT and loaded by us.
Printed are the largest difference of a logit and the number of positions with the same top token, once
with our f32 products and once with int8 products, as our program computes.
"""

import argparse
import ast
import json
import os
import subprocess
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

TEXT = (
    "The rain had stopped by the time I got to the top of the hill, and the whole valley lay there "
    "like something somebody had put down and forgotten. I don't know what I expected: 1984, "
    "perhaps, or a café. “You're late,” she said -- as if that settled it.\n\nIt did."
)
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def ours(ask, text, adapter, plain):
    """Our tokens and logits."""
    with tempfile.NamedTemporaryFile() as out:
        call = [ask.logits, ask.base, out.name, text]
        call += ["--adapter", adapter] if adapter else []
        call += ["--plain"] if plain else []
        tokens = ast.literal_eval(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
        logits = numpy.fromfile(out.name, dtype=numpy.float32)
    return tokens, torch.from_numpy(logits).reshape(len(tokens), -1)


def compare(ask, what, model, text, adapter=None):
    for plain in [True, False]:
        tokens, mine = ours(ask, text, adapter, plain)
        with torch.no_grad():
            theirs = model(input_ids=torch.tensor([tokens])).logits[0].float()
        apart = (mine - theirs).abs()
        same = (mine.argmax(-1) == theirs.argmax(-1)).sum().item()
        way = "32 bits" if plain else "as it runs"
        row = {
            "what": what,
            "ours": way,
            "max_apart": round(apart.max().item(), 6),
            "mean_apart": round(apart.mean().item(), 6),
            "of": round(theirs.abs().max().item(), 2),
            "likeliest_same": f"{same} of {len(tokens)}",
        }
        print(json.dumps(row))
    return tokens


def made_up(model):
    """An adapter that has learned something: no matrix of it is zero."""
    torch.manual_seed(3)
    config = peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=LINEAR)
    model = peft.get_peft_model(model, config)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.02)
    return model


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("base")
    ask.add_argument("logits")
    ask.add_argument("--adapter", help="a folder we wrote")
    ask.add_argument("--text", help="a file to read instead of our own")
    ask = ask.parse_args()
    torch.set_num_threads(2)
    text = open(ask.text, encoding="utf-8").read() if ask.text else TEXT
    folder, name = os.path.split(os.path.abspath(ask.base))
    load = transformers.AutoModelForCausalLM.from_pretrained
    model = load(folder, gguf_file=name, dtype=torch.float32).eval()
    tokens = compare(ask, "base", model, text)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=name)
    theirs = tokenizer(text, add_special_tokens=False)["input_ids"]
    print(json.dumps({"what": "tokens", "same": tokens == theirs, "ours": len(tokens), "theirs": len(theirs)}))
    if ask.adapter:
        beside = peft.PeftModel.from_pretrained(model, ask.adapter).eval()
        compare(ask, "our adapter, loaded by PEFT", beside, text, ask.adapter)
        model = beside.unload()
    with tempfile.TemporaryDirectory() as out:
        beside = made_up(model).eval()
        beside.save_pretrained(out)
        compare(ask, "PEFT's adapter, loaded by us", beside, text, out)


if __name__ == "__main__":
    main()
