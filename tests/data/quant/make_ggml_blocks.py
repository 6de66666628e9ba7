"""Writes ggml_blocks.safetensors: random blocks of every GGUF type and the values that the PyPI package gguf gives
them; and random weights with the blocks that it makes of them. Needs gguf, numpy and safetensors.

    python make_ggml_blocks.py ggml_blocks.safetensors
"""
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file

TYPES = [
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS",
    "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4", "NVFP4",
]  # fmt: skip
# Types that the package can make, all by rounding.
ROUNDED = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4"]
# Where the float16 fields of a block stand, which get finite values.
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ1_S": [0], "IQ2_XXS": [0], "IQ2_XS": [0], "IQ2_S": [0],
    "IQ3_XXS": [0], "IQ3_S": [0], "IQ4_NL": [0], "IQ4_XS": [0], "TQ1_0": [52], "TQ2_0": [64],
}  # fmt: skip


def main():
    random = np.random.default_rng(7)
    tensors = {}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        values, size = gguf.GGML_QUANT_SIZES[kind]
        count = 512 // values
        blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
        for at in HALVES.get(name, []):
            halves = random.normal(0, 0.1, count).astype(np.float16)
            halves[0] = 6e-8  # the least one
            blocks[:, at : at + 2] = halves[:, None].view(np.uint8)
        if name == "IQ1_M":  # the nibbles of a float16 stand atop four words
            for row in blocks:
                half = np.float16(random.normal(0, 0.1)).view(np.uint16)
                words = row[48:56].view(np.uint16)
                for i in range(4):
                    words[i] = (words[i] & 0x0FFF) | (((half >> (4 * i)) & 15) << 12)
        if name == "MXFP4":
            blocks[:, 0] = random.integers(0, 255, count)  # 255 is no number
        if name == "NVFP4":
            blocks[0, :4] = [0, 0x7F, 1, 0x7E]
        tensors[name] = blocks.reshape(-1)
        tensors[name + ".values"] = gguf.quants.dequantize(blocks, kind).astype(np.float32).reshape(-1)
    weights = random.normal(0, 0.05, 1024).astype(np.float32)
    weights[256:320] = 0
    weights[320:352] = np.abs(weights[320:352])
    tensors["weights"] = weights
    for name in ROUNDED:
        kind = gguf.GGMLQuantizationType[name]
        tensors[name + ".rounded"] = gguf.quants.quantize(weights, kind).reshape(-1)
    save_file(tensors, sys.argv[1])


if __name__ == "__main__":
    main()
