"""Quantizes a BF16 GGUF file with llama.cpp itself.

    python quantize_gguf.py BF16.gguf OUT.gguf Q4_K_M

Runs in the virtual environment of the peers. Q4_0 is written into every matrix, head included, which
is what an affine recipe of Tarn's does; llama.cpp's own recipe would keep more bits in the head and be
slower. Q4_K_M is llama.cpp's own mixture.
"""
import argparse
import ctypes
import os
from pathlib import Path

import llama_cpp

# Name: (llama.cpp's file type, one type for all matrices).
TYPES = {
    "Q4_0": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0, True),
    "Q8_0": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, True),
    "Q6_K": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K, True),
    "Q4_K_M": (llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M, False),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("type", choices=TYPES)
    arguments = parser.parse_args()
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype, parameters.pure = TYPES[arguments.type]
    part = arguments.file.with_suffix(".part")
    status = llama_cpp.llama_model_quantize(
        str(arguments.source).encode(), str(part).encode(), ctypes.byref(parameters)
    )
    if status != 0:
        raise SystemExit(f"{arguments.source}: llama.cpp could not quantize it to {arguments.type}; see above")
    os.replace(part, arguments.file)


if __name__ == "__main__":
    main()
