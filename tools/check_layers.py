#!/usr/bin/env python3
"""Holds the folders of src/tarn to their order: a layer includes itself and those before it.

Prints one line for each offending #include and exits with 1 when there is any.
"""
import re
import sys
from pathlib import Path

# Lowest first; layers of one line are sisters and do not know each other.
ORDER = [
    ["base"],
    ["memory"],
    ["quant"],
    ["core"],
    ["ops"],
    ["cpu", "cuda"],
    ["io"],
    ["nn", "optim"],
    ["text"],
    ["vision"],
    ["models"],
    ["compress"],
    ["plan"],
    ["lm"],
    ["server", "capi"],
    ["cli"],
]
RANK = {layer: rank for rank, layers in enumerate(ORDER) for layer in layers}
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]tarn/([^/">]+)(/[^">]*)?[">]')


def violations(root):
    """(file, line, message) for each include of a later or a sister layer."""
    for path in sorted([*root.rglob("*.h"), *root.rglob("*.cpp"), *root.rglob("*.cu"), *root.rglob("*.cuh")]):
        layer = path.relative_to(root).parts[0]
        if layer not in RANK:
            yield path, 1, f"folder {layer} has no place in the order of layers (tools/check_layers.py)"
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match or not match[2]:
                continue
            included = match[1]
            if included not in RANK:
                yield path, number, f"includes {included}, which is no layer"
            elif included != layer and RANK[included] >= RANK[layer]:
                how = "its sister" if RANK[included] == RANK[layer] else "a later layer"
                yield path, number, f"layer {layer} includes {included}, {how}"


def main():
    root = Path(__file__).resolve().parent.parent / "src" / "tarn"
    found = list(violations(root))
    for path, line, message in found:
        print(f"{path.relative_to(root.parent.parent)}:{line}: {message}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
