"""Writes what the engine's tests hold each family to: Hugging Face transformers' own logits.

For every family a small checkpoint is made and saved by transformers. Its weights are no random
numbers but follow from each tensor's name and each value's place (`values`), so that the tests make
the same ones and no weights are kept. What is kept, a JSON file a family: the configuration as
transformers writes it, names, types and shapes of the tensors in each file, the logits (f32) at a
few places and the likeliest token at every one.

    families.py src-tauri/ghost-engine/src/reference_tests/hf
"""

import json
import math
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy  # noqa: E402
import safetensors  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

VOCAB = 320
TOKENS = [(i * 7919 + 13) % VOCAB for i in range(40)]
# Before a window closes, after it has, and after positions that a base was first made for.
PLACES = [5, 21, 39]

SMALL = dict(
    vocab_size=VOCAB,
    hidden_size=64,
    intermediate_size=96,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=None,
)
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
LLAMA_3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
GEMMA = SMALL | dict(
    num_hidden_layers=6,
    head_dim=32,
    sliding_window=8,
    query_pre_attn_scalar=24,
    rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
    },
)
EYES = dict(
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    image_size=16,
    patch_size=8,
)


def families():
    """Each family: its name, its model, what its weights are saved as, and bytes a file."""
    t = transformers
    text = t.AutoModelForCausalLM.from_config
    whole = "1GB"
    yield "llama", text(t.LlamaConfig(**SMALL, tie_word_embeddings=True, rope_parameters=LLAMA_3)), "float32", whole
    yield "smollm3", text(t.SmolLM3Config(**SMALL | dict(num_hidden_layers=4))), "float32", whole
    yield "qwen2", text(t.Qwen2Config(**SMALL, tie_word_embeddings=True)), "bfloat16", "50KB"
    qwen3 = t.Qwen3Config(**SMALL, head_dim=24, rope_parameters=YARN | {"rope_theta": 1000000.0})
    yield "qwen3", text(qwen3), "float32", whole
    yield "gemma3", text(t.Gemma3TextConfig(**GEMMA)), "float32", whole
    seeing = t.Gemma3Config(text_config=GEMMA, vision_config=EYES, mm_tokens_per_image=1)
    yield "gemma3-seeing", t.Gemma3ForConditionalGeneration(seeing), "float32", whole
    yield "mistral", text(t.MistralConfig(**SMALL, head_dim=24, sliding_window=8)), "float16", whole
    ministral = YARN | {
        "rope_theta": 1000000.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
        "mscale": 1.0,
        "mscale_all_dim": 1.0,
        "llama_4_scaling_beta": 0.1,
    }
    yield "ministral3", text(t.Ministral3Config(**SMALL, head_dim=24, rope_parameters=ministral)), "float32", whole


def values(name, shape, zero_norms):
    """A tensor that follows from its name: FNV-1a of the name, then SplitMix64 of every place."""
    start = 0xCBF29CE484222325
    for byte in name.encode():
        start = (start ^ byte) * 0x100000001B3 % 2**64
    n = int(numpy.prod(shape))
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(start) + numpy.arange(1, n + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    even = (z >> numpy.uint64(40)).astype(numpy.float32) / numpy.float32(2**23) - numpy.float32(1)
    if len(shape) > 1:
        even = even * numpy.float32(math.sqrt(3 / shape[-1]))
    elif name.endswith("norm.weight"):
        even = even * numpy.float32(0.3) + numpy.float32(0 if zero_norms else 1)
    else:
        even = even * numpy.float32(0.5)
    return torch.from_numpy(even.reshape(shape))


def kept(family, model, dtype, most):
    """What is kept of a family."""
    with tempfile.TemporaryDirectory() as folder:
        model = model.to(getattr(torch, dtype))
        # Saved once for its names, which are not those of the modules.
        model.save_pretrained(folder, max_shard_size=most)
        files = {}
        for file in sorted(os.listdir(folder)):
            if not file.endswith(".safetensors"):
                continue
            with safetensors.safe_open(os.path.join(folder, file), "pt") as tensors:
                read = {name: tensors.get_tensor(name) for name in tensors.keys()}
            zero = family.startswith("gemma")
            new = {n: values(n, list(t.shape), zero).to(t.dtype) for n, t in read.items()}
            safetensors.torch.save_file(new, os.path.join(folder, file), {"format": "pt"})
            files[file] = {n: [str(t.dtype).removeprefix("torch."), list(t.shape)] for n, t in new.items()}
        model = type(model).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([TOKENS])).logits[0]
        config = json.load(open(os.path.join(folder, "config.json")))
    return {
        "by": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "config": config,
        "files": files,
        "tokens": TOKENS,
        "likeliest": logits.argmax(-1).tolist(),
        "logits": {str(at): [float(f"{v:.7g}") for v in logits[at].tolist()] for at in PLACES},
    }


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    for family, model, dtype, most in families():
        with open(os.path.join(out, f"{family}.json"), "w") as file:
            json.dump(kept(family, model, dtype, most), file)
            file.write("\n")
        print(family)


if __name__ == "__main__":
    import safetensors.torch  # noqa: F401

    main()
