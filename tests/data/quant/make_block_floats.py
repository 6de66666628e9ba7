"""Writes block_floats.safetensors: weights, the block floats that mlx.core makes of them and random ones with the
values that it gives them. Needs mlx, numpy and safetensors.

    python make_block_floats.py block_floats.safetensors
"""
import sys

import mlx.core as mx
import numpy as np
from safetensors.numpy import save_file

GROUP = {"mxfp4": 32, "mxfp8": 32, "nvfp4": 16}
TENSOR_SCALE = np.float32(0.00171)


def weights(random):
    """Rows over many magnitudes, ties between codes, edges of scales, zeros."""
    values = random.normal(0, 1, (24, 64)) * np.exp(random.normal(0, 3, (24, 1)))
    values[0] = np.round(values[0] / np.abs(values[0]).max() * 24) / 4
    values[1] = 0
    values[2, 16:32] = 0
    values[3] *= 1e-30
    values[4] *= 1e25
    values = values.astype(np.float32)
    for row, edge in ((5, 6.0 * 2.0**-20), (6, 448.0 * 2.0**7)):  # a scale's last value and the one after it
        values[row] = np.clip(values[row], -0.5, 0.5) * np.float32(edge)
        values[row, 3] = edge
        values[row, 40] = np.nextafter(np.float32(edge), np.float32(np.inf))
    return values


def main():
    random = np.random.default_rng(11)
    values = weights(random)
    tensors = {"weights": values}
    for mode, group in GROUP.items():
        # nvfp4 has no scale for magnitudes beyond 448 * 6: MLX wraps around there.
        source = np.clip(values, -2600, 2600) if mode == "nvfp4" else values
        codes, scales = mx.quantize(mx.array(source), mode=mode)
        tensors[mode + ".codes"], tensors[mode + ".scales"] = np.array(codes), np.array(scales)
        bits = 8 if mode == "mxfp8" else 4
        codes = random.integers(0, 2**32, (8, 64 * bits // 32), dtype=np.uint32)
        scales = random.integers(0, 256, (8, 64 // group), dtype=np.uint8)
        tensors[mode + ".random.codes"], tensors[mode + ".random.scales"] = codes, scales
        decoded = mx.dequantize(mx.array(codes), mx.array(scales), mode=mode, dtype=mx.float32)
        tensors[mode + ".random.values"] = np.array(decoded)
    scale = mx.array(TENSOR_SCALE * np.float32(448 * 6))
    source = values[10:20] * np.float32(1.5 / np.abs(values[10:20]).max())
    codes, scales = mx.quantize(mx.array(source), mode="nvfp4", global_scale=scale)
    decoded = mx.dequantize(codes, scales, mode="nvfp4", global_scale=scale, dtype=mx.float32)
    tensors["scaled.weights"], tensors["scaled.values"] = source, np.array(decoded)
    tensors["scaled.codes"], tensors["scaled.scales"] = np.array(codes), np.array(scales)
    tensors["scaled.scale"] = np.array([np.float32(scale.item()) / np.float32(448 * 6)], np.float32)
    floats = np.concatenate([random.normal(0, 1, 512) * np.exp(random.normal(0, 4, 512)), [447, 448, 460, 465, 1e9]])
    floats = np.concatenate([floats, np.arange(-40, 40) / 2048.0]).astype(np.float32)
    tensors["e4m3.floats"], tensors["e4m3.bits"] = floats, np.array(mx.to_fp8(mx.array(floats)))
    save_file(tensors, sys.argv[1])


if __name__ == "__main__":
    main()
