#!/usr/bin/env python3
"""Holds conversations with `tarn serve` through the official clients of the APIs that it speaks.

    clients_test.py TARN [unittest's arguments]

Needs openai, anthropic, ollama and pydantic (PyPI); without them it says so and exits with 77, which
CTest counts as skipped. The server runs the embedded model Pebble.
"""

import importlib.util
import sys
import unittest
from pathlib import Path

SKIPPED = 77
NEEDED = ["openai", "anthropic", "ollama", "pydantic"]


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        words = " ".join(missing)
        print(f"clients_test: skipped: {sys.executable} lacks {words} (pip install {words})")
        return SKIPPED
    from client_case import Servers

    Servers.binary = sys.argv[1]
    chosen = sys.argv[2:]
    names = [file.stem for file in sorted(Path(__file__).parent.glob("test_*.py"))]
    if any(not name.startswith("-") for name in chosen):
        names = []
    try:
        program = unittest.main(
            module=None, argv=[sys.argv[0], *chosen, *names], exit=False, warnings="ignore"
        )
    finally:
        Servers.stop()
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
