"""What each weight format costs the embedded model Pebble in quality: a table and a plot.

    python bench/frontier.py --tarn build/release/bin/tarn --work build/frontier --plot docs/frontier.png

For each format: true bits a weight (tables and scales counted), size, mean KL divergence from the original, perplexity
and questions right. llama.cpp's own files (--llama, made with bench/peers/quantize_gguf.py) stand beside them, run by the
same program, so that only the weights differ. The plot needs matplotlib. The Pareto front is what nothing else beats in
both bits and divergence. Formats that the --json file has already are not measured again. --shape names a folder whose
subfolders are a larger model in these formats (`tarn quantize MODEL SHAPE/FORMAT --recipe FORMAT`): their decode speed
beside the bandwidth of the same run goes into the table.
"""
import argparse
import json
import shutil
import subprocess
from pathlib import Path

FORMATS = [
    "affine:8:64", "affine:6:64", "affine:5:64", "affine:4:32", "affine:4:64", "affine:3:64", "affine:2:64", "lut8", "lut6",
    "lut6:32", "lut4:32", "lut4:64", "lut4", "lut3:32", "lut2:32", "q8_0", "q6_k", "q5_k", "q4_k", "q4_0", "iq4_xs", "iq4_nl",
    "q3_k", "q2_k", "mxfp4", "nvfp4", "fp8", "palette6", "palette4", "lut4_m", "lut3_m", "q4_k_m", "affine4_m",
]  # fmt: skip


def run(tarn, *arguments):
    out = subprocess.run([tarn, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def measure(tarn, name, folder, text, tasks, parameters):
    kl = run(tarn, "eval", "kl", "pebble", folder, "--text", text, "--json")
    questions = run(tarn, "eval", "tasks", folder, "--file", tasks, "--json")
    files = [folder] if folder.is_file() else list(folder.glob("*.safetensors"))
    size = sum(file.stat().st_size for file in files)
    return {
        "name": name,
        "bits": 8 * size / parameters,
        "bytes": size,
        "kl": kl["kl"]["mean"],
        "p99": kl["kl"]["p99"],
        "ppl": kl["ppl"],
        "same": kl["same_top1"],
        "right": questions["correct"],
        "total": questions["total"],
    }


def decode_speed(tarn, folder):
    """Tokens a second of 64 after a short prompt, and the share of the bandwidth around the runs (medians of 5)."""
    tests = run(tarn, "bench", folder, "-p", "16", "-n", "64", "-r", "5", "-o", "json")["tests"]
    test = next(one for one in tests if one["test"] == "tg64")
    return test["tokens_per_second"]["median"], test["percent_of_limit"] / 100


def front(rows):
    return [a for a in rows if not any(b["bits"] <= a["bits"] and b["kl"] < a["kl"] for b in rows)]


def table(rows):
    best = {row["name"] for row in front(rows)}
    lines = [
        "| format | bits a weight | MB | mean KL | p99 | perplexity | same likeliest | questions right | decode, 0.8B | front |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in sorted(rows, key=lambda one: -one["bits"]):
        speed = f"{row['decode']:.0f} tok/s ({100 * row['part']:.0f} %)" if "decode" in row else ""
        lines.append(
            f"| {row['name']} | {row['bits']:.2f} | {row['bytes'] / 1e6:.2f} | {row['kl']:.5f} | {row['p99']:.4f} | "
            f"{row['ppl']:.3f} | {100 * row['same']:.1f} % | {row['right']} of {row['total']} | "
            f"{speed} | {'yes' if row['name'] in best else ''} |"
        )
    return "\n".join(lines)


def plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 6))
    kinds = {"affine": "tab:blue", "lut": "tab:red", "llama.cpp": "tab:gray"}
    for row in rows:
        kind = next((kind for kind in kinds if row["name"].startswith(kind)), None)
        axes.scatter(row["bits"], row["kl"], color=kinds.get(kind, "tab:green"), s=24)
        axes.annotate(row["name"], (row["bits"], row["kl"]), fontsize=7, xytext=(3, 3), textcoords="offset points")
    line = sorted(front(rows), key=lambda one: one["bits"])
    axes.plot([row["bits"] for row in line], [row["kl"] for row in line], color="black", linewidth=0.8, label="Pareto front")
    axes.set(xlabel="bits a weight, scales and tables counted", ylabel="mean KL divergence (nats)", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--tarn", default="build/release/bin/tarn")
    parser.add_argument("--work", type=Path, default=Path("build/frontier"))
    parser.add_argument("--text", default="tests/data/pebble/heldout.txt")
    parser.add_argument("--tasks", default="tests/data/pebble/eval.jsonl")
    parser.add_argument("--formats", nargs="*", default=FORMATS)
    parser.add_argument("--llama", nargs="*", type=Path, default=[], help="GGUF files that llama.cpp quantized")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--shape", type=Path, help="folder of a larger model's formats")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    parameters = run(arguments.tarn, "info", "models/pebble", "--json")["parameters"]
    known = arguments.json and arguments.json.exists()
    rows = json.loads(arguments.json.read_text()) if known else []

    def add(row):
        rows.append(row)
        print(json.dumps(row), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1) + "\n")

    for name in arguments.formats:
        if any(row["name"] == name for row in rows):
            continue
        folder = arguments.work / name.replace(":", "_")
        shutil.rmtree(folder, ignore_errors=True)
        command = [arguments.tarn, "quantize", "pebble", folder, "--recipe", name]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        add(measure(arguments.tarn, name, folder, arguments.text, arguments.tasks, parameters))
    for file in arguments.llama:
        name = f"llama.cpp {file.stem}"
        if all(row["name"] != name for row in rows):
            add(measure(arguments.tarn, name, file, arguments.text, arguments.tasks, parameters))
    for row in rows:
        if arguments.shape and (arguments.shape / row["name"]).is_dir():
            row["decode"], row["part"] = decode_speed(arguments.tarn, arguments.shape / row["name"])
    print(table(rows))
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
