"""Times llama.cpp on one GGUF file and prints one line of JSON.

    python llama_run.py FILE.gguf --prompt 512 --generate 128 --depth 0,4096

Runs in the virtual environment of the peers, in a process of its own: the peak of resident memory is
this model's. The tests are those of `tarn bench`: a prompt of random tokens in batches of 512, its last
logits only; then greedy decoding, two tokens ahead of the clock; both behind `depth` tokens. Each test
has an untimed run first.
"""
import argparse
import ctypes
import json
import random
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

BATCH = 512
AHEAD = 2  # tokens before the clock starts, as `tarn bench` does
WARM_UP = 8  # tokens of the untimed decoding


def status_bytes(key):
    """A size of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    raise SystemExit(f"/proc/self/status has no {key}: resident memory is measured on Linux only")


class Engine:
    """A model and its context, at llama.cpp's defaults but for threads and sizes."""

    def __init__(self, path, threads, context):
        # llama.cpp's own writer: the Python one of the package would be timed with the load.
        llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p())
        llama_cpp.llama_backend_init()
        model = llama_cpp.llama_model_default_params()
        model.load_mode = llama_cpp.LLAMA_LOAD_MODE_MMAP
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = context
        parameters.n_batch = parameters.n_ubatch = BATCH
        parameters.n_threads = parameters.n_threads_batch = threads
        self.resident_before = status_bytes("VmRSS")
        start = time.perf_counter()
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), model)
        if not self.model:
            raise SystemExit(f"{path}: llama.cpp could not load it; see above")
        self.context = llama_cpp.llama_init_from_model(self.model, parameters)
        if not self.context:
            raise SystemExit(f"{path}: llama.cpp could not make a context of {context} tokens; see above")
        self.load_seconds = time.perf_counter() - start
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

    def feed(self, tokens):
        for begin in range(0, len(tokens), BATCH):
            part = tokens[begin : begin + BATCH]
            array = (llama_cpp.llama_token * len(part))(*part)  # the batch only points to it
            status = llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(array, len(part)))
            if status != 0:
                raise SystemExit(f"llama_decode: status {status} for {len(part)} tokens")

    def greedy(self):
        """The likeliest token; reading the logits waits for them."""
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, (self.vocab,)).argmax())

    def state(self):
        size = self.state_bytes()
        data = (ctypes.c_uint8 * size)()
        llama_cpp.llama_state_seq_get_data(self.context, data, size, 0)
        return data

    def state_bytes(self):
        return llama_cpp.llama_state_seq_get_size(self.context, 0)

    def restore(self, state):
        llama_cpp.llama_memory_clear(self.memory, True)
        if state is not None and llama_cpp.llama_state_seq_set_data(self.context, state, len(state), 0) == 0:
            raise SystemExit("llama_state_seq_set_data: llama.cpp did not take its own state back")


class Tests:
    def __init__(self, engine, arguments):
        self.engine = engine
        self.arguments = arguments
        self.rng = random.Random(1)

    def tokens(self, count):
        return [self.rng.randrange(self.engine.vocab) for _ in range(count)]

    def run(self, depth):
        state = None
        if depth:
            self.engine.restore(None)
            self.engine.feed(self.tokens(depth))
            self.engine.greedy()
            state = self.engine.state()
        return {"depth": depth, **self.prefill(state), **self.decode(state)}

    def prefill(self, state):
        for _ in range(2):  # the first is untimed
            self.engine.restore(state)
            tokens = self.tokens(self.arguments.prompt)
            start = time.perf_counter()
            self.engine.feed(tokens)
            llama_cpp.llama_synchronize(self.engine.context)
            rate = len(tokens) / (time.perf_counter() - start)
        return {"prefill": rate}

    def decode(self, state):
        """The rate, and the bytes of cache that a token moves: what is there is read, and what one
        token alone takes (recurrent states, its own keys and values) is written."""
        engine = self.engine
        for count in (min(WARM_UP, self.arguments.generate), self.arguments.generate):
            engine.restore(state)
            for _ in range(AHEAD):
                engine.feed(self.tokens(1))
            before = engine.state_bytes()
            token = engine.greedy()
            start = time.perf_counter()
            for _ in range(count):
                engine.feed([token])
                token = engine.greedy()
            rate = count / (time.perf_counter() - start)
            read = (before + engine.state_bytes()) / 2
        engine.restore(None)
        engine.feed(self.tokens(1))
        return {"decode": rate, "cache_bytes": read + engine.state_bytes()}


def weight_bytes(path):
    """Bytes of weights that a token reads: all but a table of embeddings that is not the head too."""
    sizes = {tensor.name: int(tensor.n_bytes) for tensor in gguf.GGUFReader(path).tensors}
    return sum(sizes.values()) - (sizes["token_embd.weight"] if "output.weight" in sizes else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("file")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--depth", default="0", help="comma-separated")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    depths = [int(depth) for depth in arguments.depth.split(",")]
    context = max(depths) + max(arguments.prompt, arguments.generate + AHEAD)
    engine = Engine(arguments.file, arguments.threads, -(-context // 256) * 256)
    tests = [Tests(engine, arguments).run(depth) for depth in depths]
    peak = status_bytes("VmHWM") - engine.resident_before
    weights = weight_bytes(arguments.file)
    for test in tests:
        test["bytes_per_token"] = weights + test.pop("cache_bytes")
    print(json.dumps({"load_seconds": engine.load_seconds, "peak_resident": peak, "tests": tests}))


if __name__ == "__main__":
    main()
