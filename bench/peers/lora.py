"""Writes an adapter in PEFT's layout as a GGUF file that llama.cpp loads.

    lora.py BASE.gguf ADAPTER OUT.gguf [--make RANK]

ADAPTER is a folder of ours or of PEFT's for this base. With `--make` one of that rank on all linear
layers is written there first, of random numbers: how fast an adapter is does not depend on them.
Factors are written in 16 bits, which is faster for llama.cpp than 32.
"""

import argparse
import json
import os

import gguf
import numpy
from safetensors.numpy import load_file, save_file

MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
PREFIX = "base_model.model.model.layers."


def make(base, folder, rank):
    """A random adapter, as PEFT saves one."""
    shapes = {tensor.name: [int(n) for n in tensor.shape] for tensor in base.tensors}
    chance = numpy.random.default_rng(1)
    tensors = {}
    for layer in range(field(base, "block_count")):
        for module, name in MODULES.items():
            cols, rows = shapes[f"blk.{layer}.{name}.weight"]
            for side, shape, size in [("A", (rank, cols), cols**-0.5), ("B", (rows, rank), 0.01)]:
                numbers = chance.uniform(-size, size, shape).astype(numpy.float32)
                tensors[f"{PREFIX}{layer}.{module}.lora_{side}.weight"] = numbers
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": 2 * rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": [module.split(".")[1] for module in MODULES],
    }
    os.makedirs(folder, exist_ok=True)
    save_file(tensors, os.path.join(folder, "adapter_model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "adapter_config.json"), "w") as file:
        json.dump(config, file)


def field(base, name):
    """A number of the base's own family, such as `llama.block_count`."""
    family = base.fields["general.architecture"].contents()
    return int(base.fields[f"{family}.{name}"].contents())


def interleaved(rows, heads):
    """Rows of a `B` in the order of a llama's GGUF file: the halves of a head alternate there."""
    height = rows.shape[0] // heads
    return rows.reshape(heads, 2, height // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def convert(base, folder, out):
    config = json.load(open(os.path.join(folder, "adapter_config.json")))
    family = base.fields["general.architecture"].contents()
    heads = {"attn_q": field(base, "attention.head_count"), "attn_k": field(base, "attention.head_count_kv")}
    file = gguf.GGUFWriter(out, family)
    file.add_type(gguf.GGUFType.ADAPTER)
    file.add_string(gguf.Keys.Adapter.TYPE, "lora")
    file.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(config["lora_alpha"]))
    for name, numbers in load_file(os.path.join(folder, "adapter_model.safetensors")).items():
        layer, module = name.removeprefix(PREFIX).split(".", 1)
        module, side = module.removesuffix(".weight").rsplit(".lora_", 1)
        module = MODULES[module]
        if side == "B" and module in heads and family == "llama":
            numbers = interleaved(numbers, heads[module])
        numbers = numpy.ascontiguousarray(numbers, dtype=numpy.float16)
        file.add_tensor(f"blk.{layer}.{module}.weight.lora_{side.lower()}", numbers)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def main():
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("base")
    ask.add_argument("adapter")
    ask.add_argument("out")
    ask.add_argument("--make", type=int, metavar="RANK")
    ask = ask.parse_args()
    base = gguf.GGUFReader(ask.base)
    if ask.make:
        make(base, ask.adapter, ask.make)
    convert(base, ask.adapter, ask.out)


main()
