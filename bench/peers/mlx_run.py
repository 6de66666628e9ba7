"""Times MLX's CPU backend on one model folder and prints one line of JSON.

    python mlx_run.py FOLDER --prompt 8 --generate 2

Runs in the virtual environment of the peers, in a process of its own, with the model code of mlx-lm
and no tokenizer. The tests are those of llama_run.py, at depth 0; its CPU backend takes seconds a token, so they
are short.
"""
import argparse
import json
import random
import time
from pathlib import Path

import mlx.core as mx
from mlx_lm.models.cache import make_prompt_cache
from mlx_lm.utils import load_model

NAMES = {"qwen3_5_text": "qwen3_5"}  # where mlx-lm has another for the same model
AHEAD = 2  # tokens before the clock starts, as `tarn bench` does


def status_bytes(key):
    """A size of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"/proc/self/status has no {key}: resident memory is measured on Linux only")


class Tests:
    def __init__(self, model, vocab):
        self.model = model
        self.vocab = vocab
        self.rng = random.Random(1)

    def tokens(self, count):
        return [self.rng.randrange(self.vocab) for _ in range(count)]

    def step(self, tokens, cache):
        """The likeliest next token."""
        logits = self.model(mx.array([tokens]), cache=cache)
        return int(mx.argmax(logits[0, -1]).item())

    def prefill(self, count):
        cache, tokens = make_prompt_cache(self.model), self.tokens(count)
        start = time.perf_counter()
        self.step(tokens, cache)
        return count / (time.perf_counter() - start)

    def decode(self, count):
        cache = make_prompt_cache(self.model)
        for _ in range(AHEAD):
            token = self.step(self.tokens(1), cache)
        start = time.perf_counter()
        for _ in range(count):
            token = self.step([token], cache)
        return count / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompt", type=int, default=8)
    parser.add_argument("--generate", type=int, default=2)
    arguments = parser.parse_args()
    mx.set_default_device(mx.cpu)
    resident_before = status_bytes("VmRSS")
    start = time.perf_counter()
    model_type = json.loads((arguments.folder / "config.json").read_text())["model_type"]
    overrides = {"model_type": NAMES.get(model_type, model_type)}
    model, config = load_model(arguments.folder, model_config=overrides)
    load_seconds = time.perf_counter() - start

    tests = Tests(model, config["vocab_size"])
    tests.prefill(1)  # untimed
    test = {"depth": 0, "prefill": tests.prefill(arguments.prompt), "decode": tests.decode(arguments.generate)}
    peak = status_bytes("VmHWM") - resident_before
    print(json.dumps({"load_seconds": load_seconds, "peak_resident": peak, "tests": [test]}))


if __name__ == "__main__":
    main()
