"""Writes a folder of bench/make_synthetic.py as a BF16 GGUF file for llama.cpp.

    python write_gguf.py FOLDER FILE.gguf

Runs in the virtual environment of the peers (needs gguf and numpy). The model is the same one, to the
last weight: rows and heads stand in the order that llama.cpp wants them in. The file names no
tokenizer, as the folder has none: neither program loads one.
"""
import argparse
import json
import math
import mmap
import os
import struct
from pathlib import Path

import gguf
import numpy as np

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "qwen3_5_text": gguf.MODEL_ARCH.QWEN35,
}


def read_safetensors(path):
    """name -> bf16 values as uint16, mapped."""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    (size,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data, np.uint16, (end - begin) // 2, 8 + size + begin)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def to_float(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def interleave_rotary(rows, heads):
    """Rotary pairs from (i, i + half) to neighbours, which is how the llama architecture rotates."""
    dim = rows.shape[0] // heads
    return rows.reshape(heads, 2, dim // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def tile_value_heads(values, config, axis, head_dim, start=0):
    """Value heads from grouped by their key head to one of each key head in turn, which is how
    llama.cpp repeats the keys; heads begin at `start` along `axis`."""
    keys = config["linear_num_key_heads"]
    each = config["linear_num_value_heads"] // keys
    if each == 1:
        return values
    order = np.arange(keys * each * head_dim).reshape(keys, each, head_dim).swapaxes(0, 1).ravel()
    return np.take(values, np.concatenate([np.arange(start), start + order]), axis)


def convert_llama(name, bits, config):
    if name.endswith("q_proj.weight"):
        return name, interleave_rotary(bits, config["num_attention_heads"])
    if name.endswith("k_proj.weight"):
        return name, interleave_rotary(bits, config["num_key_value_heads"])
    return name, bits


def convert_qwen3_5(name, bits, config):
    head = config["linear_value_head_dim"]
    keys = 2 * config["linear_num_key_heads"] * config["linear_key_head_dim"]
    if name.endswith("in_proj_qkv.weight"):
        return name, tile_value_heads(bits, config, 0, head, keys)
    if name.endswith("in_proj_z.weight"):
        return name, tile_value_heads(bits, config, 0, head)
    if name.endswith(("in_proj_a.weight", "in_proj_b.weight")):
        return name, tile_value_heads(bits, config, 0, 1)
    if name.endswith("out_proj.weight"):
        return name, tile_value_heads(bits, config, 1, head)
    if name.endswith("conv1d.weight"):
        return name, to_float(tile_value_heads(bits.squeeze(1), config, 0, head, keys))
    if name.endswith("A_log"):
        return name, -np.exp(to_float(tile_value_heads(bits, config, 0, 1)))
    if name.endswith("dt_bias"):
        return name.replace("dt_bias", "dt_proj.bias"), to_float(tile_value_heads(bits, config, 0, 1))
    if name.endswith("norm.weight") and not name.endswith("linear_attn.norm.weight"):
        return name, to_float(bits) + 1  # a weight w scales by 1 + w
    return name, bits


CONVERT = {"llama": convert_llama, "mistral": convert_llama, "qwen3_5_text": convert_qwen3_5}


def llama3_factors(config):
    """By how much each rotary frequency is divided: 1 for short waves, `factor` for long ones."""
    rope = config["rope_parameters"]
    dim, old = config["head_dim"], rope["original_max_position_embeddings"]
    low, high = old / rope["low_freq_factor"], old / rope["high_freq_factor"]
    factors = []
    for i in range(0, dim, 2):
        wave = 2 * math.pi * rope["rope_theta"] ** (i / dim)
        if wave < high:
            factors.append(1.0)
        elif wave > low:
            factors.append(rope["factor"])
        else:
            smooth = (old / wave - rope["low_freq_factor"]) / (rope["high_freq_factor"] - rope["low_freq_factor"])
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return np.array(factors, np.float32)


def add_parameters(writer, config):
    rope = config["rope_parameters"]
    rotary = int(config["head_dim"] * rope.get("partial_rotary_factor", 1))
    writer.add_tokenizer_model("none")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(rotary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    if config["model_type"] == "qwen3_5_text":
        values = config["linear_num_value_heads"]
        writer.add_rope_dimension_sections([*rope["mrope_section"], 0])
        writer.add_ssm_conv_kernel(config["linear_conv_kernel_dim"])
        writer.add_ssm_state_size(config["linear_key_head_dim"])
        writer.add_ssm_group_count(config["linear_num_key_heads"])
        writer.add_ssm_time_step_rank(values)
        writer.add_ssm_inner_size(values * config["linear_value_head_dim"])
        # The folder lists its layers' kinds; the first full attention ends the first interval.
        writer.add_full_attention_interval(config["layer_types"].index("full_attention") + 1)


def add_tensors(writer, config, tensors):
    architecture = ARCHITECTURES[config["model_type"]]
    names = gguf.get_tensor_name_map(architecture, config["num_hidden_layers"])
    convert = CONVERT.get(config["model_type"], lambda name, bits, _: (name, bits))
    if config["rope_parameters"].get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", llama3_factors(config))
    for name, bits in tensors.items():
        name, values = convert(name, bits, config)
        written = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if written is None:
            raise SystemExit(f"{name}: llama.cpp's {writer.arch} has no such tensor; extend write_gguf.py")
        if values.dtype == np.uint16 and values.ndim == 1:
            values = to_float(values)
        if values.dtype == np.float32:
            writer.add_tensor(written, values)
        else:
            writer.add_tensor(
                written, np.ascontiguousarray(values).view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16
            )


def part_of(file):
    return file.with_suffix(".part")


def new_writer(file, architecture):
    """Writes beside the file; finish() puts it there whole."""
    return gguf.GGUFWriter(part_of(file), architecture)


def finish(writer, file):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(part_of(file), file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    config = json.loads((arguments.folder / "config.json").read_text())
    if config["model_type"] not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise SystemExit(f"{arguments.folder}: a {config['model_type']} model, but write_gguf.py knows {known}")
    writer = new_writer(arguments.file, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[config["model_type"]]])
    add_parameters(writer, config)
    add_tensors(writer, config, read_safetensors(arguments.folder / "model.safetensors"))
    finish(writer, arguments.file)


if __name__ == "__main__":
    main()
