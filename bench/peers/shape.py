"""Writes a base of the shape of Llama 3.2 3B, in Q4_K_M, of random blocks: `shape.py TOKENIZER.gguf OUT.gguf`.

Speed and memory depend on shapes and types, not on what the numbers say, so that no download is
needed to time a base of this size. The tokenizer is the given file's, filled up with tokens that
mean nothing.
"""

import sys

import gguf
import numpy

VOCAB, HIDDEN, FFN, LAYERS, HEADS, KV_HEADS, HEAD = 128256, 3072, 8192, 28, 24, 8, 128
Q4, Q6 = gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K


def blocks(chance, rows, cols, kind):
    """Random blocks whose scales keep activations finite."""
    values, size = gguf.GGML_QUANT_SIZES[kind]
    raw = chance.integers(0, 256, size=(rows * cols // values, size), dtype=numpy.uint8)

    def put(at, number):
        raw[:, at : at + 2] = numpy.frombuffer(numpy.float16(number).tobytes(), dtype=numpy.uint8)

    if kind == Q4:
        put(0, 0.0005)
        put(2, 0.004)
    else:
        put(208, 0.00002)
    return raw.reshape(rows, cols // values * size)


def more_bits(layer):
    """Which layers llama.cpp gives more bits in a Q4_K_M file."""
    return layer < LAYERS // 8 or layer >= 7 * LAYERS // 8 or (layer - LAYERS // 8) % 3 == 2


def main():
    tokenizer, out = sys.argv[1:]
    read = gguf.GGUFReader(tokenizer).fields
    tokens = list(read["tokenizer.ggml.tokens"].contents())
    types = list(read["tokenizer.ggml.token_type"].contents())
    extra = VOCAB - len(tokens)
    file = gguf.GGUFWriter(out, "llama")
    file.add_name("3B shape, random")
    file.add_block_count(LAYERS)
    file.add_context_length(8192)
    file.add_embedding_length(HIDDEN)
    file.add_feed_forward_length(FFN)
    file.add_head_count(HEADS)
    file.add_head_count_kv(KV_HEADS)
    file.add_rope_freq_base(500000.0)
    file.add_rope_dimension_count(HEAD)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_vocab_size(VOCAB)
    file.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_K_M)
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("smollm")
    file.add_token_list(tokens + [f"<|x{i}|>" for i in range(extra)])
    file.add_token_types(types + [4] * extra)
    file.add_token_merges(read["tokenizer.ggml.merges"].contents())
    file.add_bos_token_id(1)
    file.add_eos_token_id(2)
    if "tokenizer.chat_template" in read:
        file.add_chat_template(read["tokenizer.chat_template"].contents())

    chance = numpy.random.default_rng(0)

    def matrix(name, rows, cols, kind=Q4):
        file.add_tensor(name, blocks(chance, rows, cols, kind), raw_dtype=kind)

    def ones(name):
        file.add_tensor(name, numpy.ones(HIDDEN, dtype=numpy.float32))

    matrix("token_embd.weight", VOCAB, HIDDEN, Q6)
    ones("output_norm.weight")
    for layer in range(LAYERS):
        better = Q6 if more_bits(layer) else Q4
        at = f"blk.{layer}."
        ones(at + "attn_norm.weight")
        ones(at + "ffn_norm.weight")
        matrix(at + "attn_q.weight", HEADS * HEAD, HIDDEN)
        matrix(at + "attn_k.weight", KV_HEADS * HEAD, HIDDEN)
        matrix(at + "attn_v.weight", KV_HEADS * HEAD, HIDDEN, better)
        matrix(at + "attn_output.weight", HIDDEN, HEADS * HEAD)
        matrix(at + "ffn_gate.weight", FFN, HIDDEN)
        matrix(at + "ffn_up.weight", FFN, HIDDEN)
        matrix(at + "ffn_down.weight", HIDDEN, FFN, better)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


main()
