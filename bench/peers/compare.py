#!/usr/bin/env python3
"""Runs Tarn and other engines in turn on the same random weights, and prints how they compare.

    bench/peers/compare.py --shapes qwen3-0.6b --formats Q4_0,Q8_0 --rounds 5 --json build/peers/result.json

The peers (llama.cpp through llama-cpp-python, MLX's CPU backend) come from PyPI into a virtual
environment. Needs `tarn` built, nothing else to run on the machine, and some 10 GB of disk for a shape of
1 B parameters. The method is described in docs/performance.md. Progress goes to stderr, the tables to
stdout.
"""
import argparse
import json
import os
import platform
import sys
from pathlib import Path

import checkpoints
import environment
import programs
import report
from failure import Failure

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "bench"))
from make_synthetic import SHAPES  # noqa: E402  (its folder is known only now)

# llama.cpp's types, and what stands beside them in Tarn: as many bits a weight.
PAIRS = {"Q4_0": "affine:4:64", "Q4_K_M": "affine:4:64", "Q6_K": "affine:6:64", "Q8_0": "affine:8:64", "BF16": "bf16"}

# MLX reads Tarn's folder itself. Its CPU backend takes seconds a token: short tests, few rounds.
MLX_RECIPE = "affine:4:64"
MLX_LENGTHS = programs.Lengths(prompt=8, generate=2, depths=[0])
MLX_ROUNDS = 2


def comma_list(known=None):
    def parse(text):
        values = [value for value in text.split(",") if value]
        for value in values:
            if known is not None and value not in known:
                raise argparse.ArgumentTypeError(f"{value!r} is none of {', '.join(known)}")
        return values

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--tarn", type=Path, default=ROOT / "build/release/bin/tarn", help="program")
    parser.add_argument("--venv", type=Path, default=ROOT / "build/peers/venv", help="virtual environment of the peers")
    parser.add_argument("--work", type=Path, default=ROOT / "build/peers/models", help="folder that keeps model files")
    parser.add_argument(
        "--shapes",
        type=comma_list(SHAPES),
        default="qwen3.5-0.8b,qwen3-0.6b,llama-3.2-1b",
        help="comma-separated, of bench/make_synthetic.py",
    )
    parser.add_argument("--formats", type=comma_list(PAIRS), default=",".join(PAIRS), help="of llama.cpp")
    parser.add_argument("--peers", type=comma_list(environment.PACKAGES), default="llama.cpp,mlx", help="to run")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program, in turn")
    parser.add_argument("--prompt", type=int, default=512, help="tokens")
    parser.add_argument("--generate", type=int, default=128, help="tokens")
    parser.add_argument("--depth", type=comma_list(), default="0", help="tokens held beforehand; for example 0,4096")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of Tarn and of llama.cpp")
    parser.add_argument("--least-prefill", type=float, default=3.5, help="ratio to llama.cpp that marks lower rows")
    parser.add_argument("--least-decode", type=float, default=1.6, help="the same, of decoding")
    parser.add_argument("--json", type=Path, help="also write every measurement to this file, after each pair")
    arguments = parser.parse_args()
    if min(arguments.rounds, arguments.prompt, arguments.generate, arguments.threads) < 1:
        parser.error("--rounds, --prompt, --generate and --threads: at least 1")
    if not arguments.depth or not all(depth.isdecimal() for depth in arguments.depth):
        parser.error("--depth: whole numbers, comma-separated")
    return arguments


class Comparison:
    def __init__(self, arguments, python):
        self.arguments = arguments
        self.python = python
        self.tarn = programs.Tarn(arguments.tarn, arguments.threads)
        self.lengths = programs.Lengths(arguments.prompt, arguments.generate, [int(d) for d in arguments.depth])

    def pairs_of(self, shape):
        """(name of the peer, a call that measures the pair), pair by pair."""
        files = checkpoints.Checkpoints(shape, self.arguments.work, self.arguments.tarn, self.python)
        if "llama.cpp" in self.arguments.peers:
            engine = programs.llama(self.python, self.arguments.threads)
            for kind in self.arguments.formats:
                yield f"llama.cpp {kind}", lambda kind=kind: self.measure(
                    shape, PAIRS[kind], files.for_tarn(PAIRS[kind]), "llama.cpp", f"llama.cpp {kind}", engine,
                    files.for_llama(kind), self.lengths, self.arguments.rounds
                )
        if "mlx" in self.arguments.peers:
            yield "mlx", lambda: self.measure(
                shape, MLX_RECIPE, files.for_tarn(MLX_RECIPE), "mlx", f"mlx {MLX_RECIPE}", programs.mlx(self.python),
                files.for_tarn(MLX_RECIPE), MLX_LENGTHS, min(MLX_ROUNDS, self.arguments.rounds)
            )

    def measure(self, shape, recipe, folder, engine_name, peer, engine, model, lengths, rounds):
        """Tarn, peer, Tarn, peer ...; a probe of the bandwidth stands before and after each."""
        checkpoints.read_through(folder)
        checkpoints.read_through(model)
        pair = {
            "shape": shape,
            "tarn": recipe,
            "engine": engine_name,
            "peer": peer,
            "prompt": lengths.prompt,
            "generate": lengths.generate,
            "tarn_bytes": checkpoints.size(folder),
            "peer_bytes": checkpoints.size(model),
            "rounds": [],
        }
        probe = self.tarn.probe(shape)
        for index in range(rounds):
            result = {"probes": [probe]}
            for side, program, path in (("tarn", self.tarn, folder), ("peer", engine, model)):
                run = program.measure(path, lengths)
                probe_after = self.tarn.probe(shape)
                run["probe"] = max(probe, probe_after)
                probe = probe_after
                result["probes"].append(probe)
                result[side] = run
            pair["rounds"].append(result)
            print(f"{shape}, {recipe} beside {peer}, round {index + 1} of {rounds}: {brief(result)}", file=sys.stderr)
        return pair


def brief(result):
    depth = next(iter(result["tarn"]["tests"]))
    ours, theirs = result["tarn"]["tests"][depth], result["peer"]["tests"][depth]
    return ", ".join(f"{kind} {ours[kind]:.1f} and {theirs[kind]:.1f} t/s" for kind in ("prefill", "decode"))


def machine():
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":", 1)[1].strip() if lines else name
    return f"{name}, {os.cpu_count()} processors"


def write_json(path, document, pairs):
    rows = [row for pair in pairs for row in report.summarize(pair)]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps({**document, "rows": rows, "pairs": pairs}, indent=2) + "\n")
    part.replace(path)


def print_report(arguments, document, pairs, failures):
    targets = {"prefill": arguments.least_prefill, "decode": arguments.least_decode}
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items())
    print(f"{document['machine']}; {arguments.threads} threads; {versions}\n")
    print(
        f"Tokens a second: median (least-most) of {arguments.rounds} rounds in turn; prompts of {arguments.prompt} "
        f"tokens, {arguments.generate} generated, behind `depth` tokens. A ratio is Tarn's to the peer's in one round."
    )
    if any(pair["engine"] == "mlx" for pair in pairs):
        print(
            f"MLX's CPU backend is slow: {MLX_LENGTHS.prompt} tokens of prompt and {MLX_LENGTHS.generate} generated "
            f"in {min(MLX_ROUNDS, arguments.rounds)} rounds, for both programs."
        )
    if pairs:
        print("\n" + report.speed_table(pairs, targets))
        print("\n" + report.load_table(pairs) + "\n")
    for line in report.verdict(pairs, targets):
        print(line)
    for failure in failures:
        print(f"\nnot measured: {failure}")


def main():
    arguments = parse_arguments()
    try:
        if not os.access(arguments.tarn, os.X_OK):
            raise Failure(f"{arguments.tarn}: no such program; build tarn (make build) or name it with --tarn")
        python, versions = environment.prepare(arguments.venv, arguments.peers)
    except Failure as failure:
        print(f"compare.py: {failure}", file=sys.stderr)
        return 1
    document = {
        "machine": machine(),
        "threads": arguments.threads,
        "rounds": arguments.rounds,
        "prompt": arguments.prompt,
        "generate": arguments.generate,
        "versions": versions,
    }
    pairs, failures = [], []
    try:
        measure_all(Comparison(arguments, python), document, pairs, failures)
    except KeyboardInterrupt:
        failures.append("the rest: interrupted")
    print_report(arguments, document, pairs, failures)
    return 1 if failures else 0


def measure_all(comparison, document, pairs, failures):
    """Appends what could be measured and what could not."""
    arguments = comparison.arguments
    for shape in arguments.shapes:
        for peer, measure in comparison.pairs_of(shape):
            try:
                pairs.append(measure())
            except Failure as failure:
                failures.append(f"{shape}, {peer}: {failure}")
                print(f"compare.py: {failures[-1]}", file=sys.stderr)
                continue
            if arguments.json:
                write_json(arguments.json, document, pairs)


if __name__ == "__main__":
    sys.exit(main())
