#!/usr/bin/env python3
"""Writes a checkpoint with the true shape of a published model and random weights.

    bench/make_synthetic.py qwen3.5-0.8b build/synthetic/qwen3.5-0.8b

The folder has the Hugging Face layout (config.json, generation_config.json, model.safetensors,
bfloat16) without a tokenizer: speed depends on shapes, not on values. The same arguments write the
same bytes. Needs only Python's standard library.
"""
import argparse
import json
import math
import os
import random
import struct
import sys
from pathlib import Path
from statistics import NormalDist

STD = 0.02
CHUNK = 1 << 20  # values


# Shapes: each returns (config, tensors); a tensor is (name, shape, kind). Kinds are the keys of FILL.


def dense(config, extra_attention=()):
    """Tensors of a llama-like decoder with tied embeddings, and a layer's attention tensors."""
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    head_dim = config["head_dim"]
    heads = config["num_attention_heads"] * head_dim
    kv = config["num_key_value_heads"] * head_dim
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        yield from norms_and_mlp(at, hidden, ffn, "one")
        yield at + "self_attn.q_proj.weight", [heads, hidden], "normal"
        yield at + "self_attn.k_proj.weight", [kv, hidden], "normal"
        yield at + "self_attn.v_proj.weight", [kv, hidden], "normal"
        yield at + "self_attn.o_proj.weight", [hidden, heads], "normal"
        for name in extra_attention:
            yield at + f"self_attn.{name}.weight", [head_dim], "one"
    yield "model.embed_tokens.weight", [config["vocab_size"], hidden], "normal"
    yield "model.norm.weight", [hidden], "one"


def norms_and_mlp(at, hidden, ffn, norm):
    yield at + "input_layernorm.weight", [hidden], norm
    yield at + "post_attention_layernorm.weight", [hidden], norm
    yield at + "mlp.gate_proj.weight", [ffn, hidden], "normal"
    yield at + "mlp.up_proj.weight", [ffn, hidden], "normal"
    yield at + "mlp.down_proj.weight", [hidden, ffn], "normal"


def qwen3_5(config):
    """Gated delta net layers with a gated full attention every fourth; norms centred on zero."""
    hidden, ffn = config["hidden_size"], config["intermediate_size"]
    head_dim = config["head_dim"]
    heads = config["num_attention_heads"] * head_dim
    kv = config["num_key_value_heads"] * head_dim
    key = config["linear_num_key_heads"] * config["linear_key_head_dim"]
    value_heads = config["linear_num_value_heads"]
    value = value_heads * config["linear_value_head_dim"]
    channels = 2 * key + value
    for layer, kind in enumerate(config["layer_types"]):
        at = f"model.layers.{layer}."
        yield from norms_and_mlp(at, hidden, ffn, "zero")
        if kind == "full_attention":
            at += "self_attn."
            yield at + "q_proj.weight", [2 * heads, hidden], "normal"  # each head's query, its gate
            yield at + "k_proj.weight", [kv, hidden], "normal"
            yield at + "v_proj.weight", [kv, hidden], "normal"
            yield at + "o_proj.weight", [hidden, heads], "normal"
            yield at + "q_norm.weight", [head_dim], "zero"
            yield at + "k_norm.weight", [head_dim], "zero"
        else:
            at += "linear_attn."
            yield at + "in_proj_qkv.weight", [channels, hidden], "normal"
            yield at + "in_proj_z.weight", [value, hidden], "normal"
            yield at + "in_proj_a.weight", [value_heads, hidden], "normal"
            yield at + "in_proj_b.weight", [value_heads, hidden], "normal"
            yield at + "conv1d.weight", [channels, 1, config["linear_conv_kernel_dim"]], "conv"
            yield at + "A_log", [value_heads], "log_decay"
            yield at + "dt_bias", [value_heads], "dt_bias"
            yield at + "norm.weight", [config["linear_value_head_dim"]], "one"
            yield at + "out_proj.weight", [hidden, value], "normal"
    yield "model.embed_tokens.weight", [config["vocab_size"], hidden], "normal"
    yield "model.norm.weight", [hidden], "zero"


def shape_qwen3_5_0_8b(layers):
    layers = layers or 24
    config = {
        "architectures": ["Qwen3_5ForCausalLM"],
        "model_type": "qwen3_5_text",
        "hidden_size": 1024,
        "intermediate_size": 3584,
        "num_hidden_layers": layers,
        "layer_types": ["linear_attention" if (i + 1) % 4 else "full_attention" for i in range(layers)],
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 256,
        "attn_output_gate": True,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 16,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
        "linear_conv_kernel_dim": 4,
        "partial_rotary_factor": 0.25,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10000000.0,
            "partial_rotary_factor": 0.25,
            "mrope_interleaved": True,
            "mrope_section": [11, 11, 10],
        },
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 262144,
        "vocab_size": 248320,
        "eos_token_id": 248044,
    }
    return config, qwen3_5(config)


def shape_qwen3_0_6b(layers):
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": layers or 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 40960,
        "sliding_window": None,
        "use_sliding_window": False,
        "vocab_size": 151936,
        "bos_token_id": 151643,
        "eos_token_id": 151645,
    }
    return config, dense(config, ("q_norm", "k_norm"))


def shape_llama_3_2_1b(layers):
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": layers or 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "mlp_bias": False,
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0,
            "high_freq_factor": 4.0,
            "low_freq_factor": 1.0,
            "original_max_position_embeddings": 8192,
        },
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 131072,
        "vocab_size": 128256,
        "bos_token_id": 128000,
        "eos_token_id": 128001,
    }
    return config, dense(config)


SHAPES = {
    "qwen3.5-0.8b": shape_qwen3_5_0_8b,
    "qwen3-0.6b": shape_qwen3_0_6b,
    "llama-3.2-1b": shape_llama_3_2_1b,
}
COMMON = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "dtype": "bfloat16",
    "hidden_act": "silu",
    "tie_word_embeddings": True,
    "use_cache": True,
}


# Values.


def bf16(value):
    return struct.pack("<f", value)[2:]  # truncated: nobody minds here


class Normal:
    """Fast normal values: one random byte picks one of 256 quantiles of the distribution, four more
    random bits vary the end of the mantissa."""

    def __init__(self, std):
        normal = NormalDist(0, std)
        quantiles = [bf16(normal.inv_cdf((i + 0.5) / 256)) for i in range(256)]
        self.low = bytes(q[0] & 0xF0 for q in quantiles)
        self.high = bytes(q[1] for q in quantiles)

    def values(self, rng, count):
        pick = rng.randbytes(count)
        noise = int.from_bytes(rng.randbytes(count).translate(NIBBLE), "little")
        low = int.from_bytes(pick.translate(self.low), "little") | noise
        out = bytearray(2 * count)
        out[0::2] = low.to_bytes(count, "little")
        out[1::2] = pick.translate(self.high)
        return out


NIBBLE = bytes(i & 0x0F for i in range(256))
WEIGHTS = Normal(STD)
CONV = Normal(0.25)  # of the size of 1 / sqrt(taps): the channel keeps its magnitude


def each(function):
    """Fills a small tensor value by value."""
    return lambda rng, count: b"".join(bf16(function(rng)) for _ in range(count))


def inverse_softplus(x):
    return x + math.log(-math.expm1(-x))


FILL = {
    "normal": WEIGHTS.values,
    "conv": CONV.values,
    "one": each(lambda rng: rng.gauss(1, 0.02)),
    "zero": each(lambda rng: rng.gauss(0, 0.02)),
    # The state decays by exp(-exp(A_log) * softplus(dt + dt_bias)) a token: at most 1, seldom near 0.
    "log_decay": each(lambda rng: math.log(rng.uniform(1, 16))),
    "dt_bias": each(lambda rng: inverse_softplus(math.exp(rng.uniform(math.log(1e-3), math.log(1e-1))))),
}


def write_safetensors(path, tensors, rng):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, _ in tensors:
        size = 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for _, shape, kind in tensors:
            left = math.prod(shape)
            while left:
                count = min(left, CHUNK)
                file.write(FILL[kind](rng, count))
                left -= count
    return offset


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--layers", type=int, help="instead of the model's own number")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.layers is not None and arguments.layers < 1:
        parser.error("--layers: needs at least 1")

    config, tensors = SHAPES[arguments.shape](arguments.layers)
    config = dict(sorted({**COMMON, **config}.items()))
    tensors = sorted(tensors)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    # config.json comes last: a folder that has one is whole.
    config_path = arguments.folder / "config.json"
    config_path.unlink(missing_ok=True)
    part = arguments.folder / "model.safetensors.part"
    size = write_safetensors(part, tensors, random.Random(arguments.seed))
    os.replace(part, arguments.folder / "model.safetensors")
    generation = {key: config[key] for key in ("bos_token_id", "eos_token_id") if key in config}
    (arguments.folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    config_path.write_text(json.dumps(config, indent=2) + "\n")
    print(f"{arguments.folder}: {len(tensors)} tensors, {size // 2:,} parameters, {size / 1e9:.2f} GB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
