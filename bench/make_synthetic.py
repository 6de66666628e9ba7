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


# Tensors of each family: (name, shape, kind). Kinds are the keys of FILL.


def dense(config, extra_attention=()):
    """Tensors of a llama-like decoder, with a layer's further attention tensors."""
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
    yield from ends(config, "one")


def ends(config, norm):
    table = [config["vocab_size"], config["hidden_size"]]
    yield "model.embed_tokens.weight", table, "normal"
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", table, "normal"
    yield "model.norm.weight", [config["hidden_size"]], norm


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
    yield from ends(config, "zero")


# Families whose tensors are known here; the shapes themselves are those of `tarn plan`.
TENSORS = {
    "llama": dense,
    "mistral": dense,
    "qwen3": lambda config: dense(config, ("q_norm", "k_norm")),
    "qwen3_5_text": qwen3_5,
}
SHAPE_FOLDER = Path(__file__).resolve().parent.parent / "src" / "tarn" / "plan" / "shapes"


def read_shapes():
    """config.json by name."""
    shapes = {path.name.removesuffix(".json"): json.loads(path.read_text()) for path in SHAPE_FOLDER.glob("*.json")}
    return {name: shapes[name] for name in sorted(shapes) if shapes[name]["model_type"] in TENSORS}


SHAPES = read_shapes()


def make_shape(name, layers):
    """(config, tensors) with `layers` layers, or the model's own number."""
    config = dict(SHAPES[name])
    config["num_hidden_layers"] = layers = layers or config["num_hidden_layers"]
    interval = config.pop("full_attention_interval", None)
    if interval:
        config["layer_types"] = ["linear_attention" if (i + 1) % interval else "full_attention" for i in range(layers)]
    return dict(sorted(config.items())), sorted(TENSORS[config["model_type"]](config))


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

    config, tensors = make_shape(arguments.shape, arguments.layers)
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
