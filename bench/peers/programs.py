"""One measurement of each program, in a process of its own.

A measurement is {"load_seconds", "peak_resident" (bytes), "tests": {depth: {"prefill", "decode" (tokens a
second), "bytes_per_token" (moved by a decoded token; where known)}}}.
"""
import json
from dataclasses import dataclass
from pathlib import Path

from failure import output_of

HERE = Path(__file__).resolve().parent


@dataclass
class Lengths:
    prompt: int
    generate: int
    depths: list

    def depth_list(self):
        return ",".join(str(depth) for depth in self.depths)


@dataclass
class Tarn:
    program: Path
    threads: int

    def measure(self, folder, lengths):
        command = [self.program, "bench", folder, "-p", lengths.prompt, "-n", lengths.generate]
        command += ["-d", lengths.depth_list(), "-r", 1, "-t", self.threads, "-o", "json"]
        report = json.loads(output_of(command, f"tarn bench {folder}", "run it alone to see more"))
        by_name = {test["test"]: test for test in report["tests"]}
        tests = {}
        for depth in lengths.depths:
            behind = f" @ d{depth}" if depth else ""
            prefill, decode = by_name[f"pp{lengths.prompt}{behind}"], by_name[f"tg{lengths.generate}{behind}"]
            tests[depth] = {
                "prefill": prefill["tokens_per_second"]["median"],
                "decode": decode["tokens_per_second"]["median"],
                "bytes_per_token": sum(decode["bytes_per_token"].values()),
            }
        peak = report["memory"].get("peak_resident_bytes")
        return {"load_seconds": report["load_seconds"], "peak_resident": peak, "tests": tests}

    def probe(self, shape):
        """Bytes a second that the threads read from memory, now."""
        command = [self.program, "plan", shape, "--device", "local", "--threads", self.threads, "--json"]
        return json.loads(output_of(command, "tarn plan", "run it alone to see more"))["device"]["bandwidth"]


@dataclass
class Peer:
    """A script that prints one line of JSON."""

    python: Path
    script: str
    options: list

    def measure(self, model, lengths):
        command = [self.python, HERE / self.script, model, "--prompt", lengths.prompt]
        command += ["--generate", lengths.generate, *self.options]
        if lengths.depths != [0]:
            command += ["--depth", lengths.depth_list()]
        result = json.loads(output_of(command, f"{self.script} {model}", "run it alone to see more"))
        result["tests"] = {test.pop("depth"): test for test in result["tests"]}
        return result


def llama(python, threads):
    return Peer(python, "llama_run.py", ["--threads", threads])


def mlx(python):
    return Peer(python, "mlx_run.py", [])
