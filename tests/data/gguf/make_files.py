"""Writes all_types.gguf with the PyPI package gguf: every type of metadata, dense and quantized tensors.

    python make_files.py all_types.gguf
"""
import sys

import gguf
import numpy as np


def main():
    writer = gguf.GGUFWriter(sys.argv[1], "llama")
    writer.add_custom_alignment(64)
    writer.add_uint8("t.u8", 200)
    writer.add_int8("t.i8", -100)
    writer.add_uint16("t.u16", 60000)
    writer.add_int16("t.i16", -30000)
    writer.add_uint32("t.u32", 4000000000)
    writer.add_int32("t.i32", -2000000000)
    writer.add_uint64("t.u64", 1 << 62)
    writer.add_int64("t.i64", -(1 << 62))
    writer.add_float32("t.f32", 0.5)
    writer.add_float64("t.f64", 1e300)
    writer.add_bool("t.bool", True)
    writer.add_string("t.text", "grüß")
    writer.add_array("t.texts", ["a", "", "ccc"])
    writer.add_array("t.numbers", [1, -2, 3])
    writer.add_tensor("dense", np.arange(6, dtype=np.float32).reshape(2, 3))
    q8_0 = gguf.GGMLQuantizationType.Q8_0
    weights = np.random.default_rng(1).normal(size=(2, 64)).astype(np.float32)
    writer.add_tensor("blocks", gguf.quants.quantize(weights, q8_0), raw_dtype=q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
