#!/usr/bin/env python3
"""Holds `tarn serve` to its own description: schemathesis makes requests from /openapi.json, right ones
and wrong ones, and compares the answers with it.

    schema_test.py TARN [schemathesis run's arguments]

Needs schemathesis (PyPI); without it this says so and exits with 77, which CTest counts as skipped.
"""

import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from serve import Server

SKIPPED = 77
# What no schema can say makes some requests wrong that look right: a grammar that does not parse, a
# token id past the vocabulary, a prompt longer than the context.
NOT_CHECKED = "positive_data_acceptance"
# Answers of a few tokens, for time.
SERVER = ["--default-max-tokens", "8", "--context-limit", "256", "--no-governor"]

def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if importlib.util.find_spec("schemathesis") is None:
        print(f"schema_test: skipped: {sys.executable} lacks schemathesis (pip install schemathesis)")
        return SKIPPED
    program = Path(sys.executable).with_name("schemathesis")
    with Server(sys.argv[1], *SERVER) as server, tempfile.TemporaryDirectory() as folder:
        arguments = ["--phases", "examples,coverage,fuzzing", "--exclude-checks", NOT_CHECKED]
        # One worker: Hypothesis fails now and then when several threads draw.
        arguments += ["--max-examples", "25", "--seed", "1", "--workers", "1"]
        arguments += ["--suppress-health-check", "all", "--continue-on-failure", "--no-shrink"]
        result = subprocess.run(
            [program, "run", f"{server.url}/openapi.json", *arguments, *sys.argv[2:]], cwd=folder
        )
        if server.health()["status"] != "ok":
            return 1
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
