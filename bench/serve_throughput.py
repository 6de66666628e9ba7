#!/usr/bin/env python3
"""Tokens a second and time to the first token at several numbers of streams, from any server that speaks OpenAI's
completions API. Prints a Markdown table.

    bench/serve_throughput.py --tarn MODEL                    tarn serve, started here
    bench/serve_throughput.py --llama FILE.gguf               llama-server, or python -m llama_cpp.server
    bench/serve_throughput.py --url http://127.0.0.1:8080     what runs already
"""
import argparse
import http.client
import json
import math
import shutil
import statistics
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from serving import Failure, Server, events, fail, free_port, percentile, request_once

ROOT = Path(__file__).resolve().parent.parent
WORDS = "the quiet water of a mountain lake holds every cloud that passes over its stones in summer".split()


def prompt_text(words, number):
    """So many words; no two numbers share their beginning, which a server would find in its cache."""
    return f"{number} " + " ".join(WORDS[(i * 7 + number * 3 + i // 16) % len(WORDS)] for i in range(words))


class Stream(threading.Thread):
    """One streamed answer: when each piece of it came."""

    def __init__(self, options, model, number, barrier):
        super().__init__(daemon=True)
        self.options, self.model, self.number, self.barrier = options, model, number, barrier
        self.times, self.tokens, self.error = [], None, None

    def run(self):
        try:
            self.ask()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = f"{type(error).__name__}: {error}"

    def ask(self):
        o = self.options
        place = urllib.parse.urlsplit(o.url)
        make = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        connection = make(place.hostname, place.port, timeout=o.timeout)
        body = {"model": self.model, "prompt": prompt_text(o.prompt_words, self.number), "max_tokens": o.tokens,
                "temperature": 0, "stream": True, **json.loads(o.extra)}
        if o.usage:
            body["stream_options"] = {"include_usage": True}
        headers = {"Content-Type": "application/json"}
        if o.key:
            headers["Authorization"] = "Bearer " + o.key
        connection.connect()
        self.barrier.wait()
        self.start_time = time.perf_counter()
        connection.request("POST", place.path.rstrip("/") + "/v1/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status != 200:
            raise ValueError(f"status {answer.status}: {answer.read()[:300].decode(errors='replace')}")
        for event in events(answer):
            if "error" in event:
                raise ValueError(str(event["error"])[:300])
            if any(choice.get("text") for choice in event.get("choices", [])):
                self.times.append(time.perf_counter())
            if event.get("usage"):
                self.tokens = event["usage"]["completion_tokens"]
        if self.tokens is None:
            self.tokens = len(self.times)  # a piece for each token, as nearly all servers send them
        if not self.times:
            raise ValueError("the answer holds no text")
        connection.close()


def rate_together(streams):
    """Tokens a second of all, from when the last of them has begun until the first ends; nan if that never was."""
    begin, end = max(s.times[0] for s in streams), min(s.times[-1] for s in streams)
    if end <= begin:
        return math.nan
    # A piece of text may hold several tokens, or a token may end no character yet.
    pieces = sum(sum(begin < t <= end for t in s.times) * s.tokens / len(s.times) for s in streams)
    return pieces / (end - begin)


def measure(options, model, count, round_number):
    """One round of `count` streams at once: tokens a second of all, and times to the first token."""
    barrier = threading.Barrier(count)
    streams = [Stream(options, model, 1000 * round_number + 17 * count + i, barrier) for i in range(count)]
    for stream in streams:
        stream.start()
    for stream in streams:
        stream.join()
    for stream in streams:
        if stream.error:
            raise Failure(f"stream {stream.number} of {count}: {stream.error}")
    seconds = max(s.times[-1] for s in streams) - min(s.start_time for s in streams)
    return {"rate": sum(s.tokens for s in streams) / seconds,
            "together": rate_together(streams),
            "first": [s.times[0] - s.start_time for s in streams],
            "tokens": sum(s.tokens for s in streams)}


def table(options, model):
    print(f"{options.label}: prompts of {options.prompt_words} words, answers of up to {options.tokens} tokens, "
          f"medians of {options.rounds} rounds\n")
    print("| streams | tokens/s, all | without the prompts | first token p50, ms | p99, ms |")
    print("|---:|---:|---:|---:|---:|")
    measure(options, model, 1, 0)  # warm
    for count in options.streams:
        rounds = [measure(options, model, count, i + 1) for i in range(options.rounds)]
        rate = statistics.median(r["rate"] for r in rounds)
        first = [1e3 * t for r in rounds for t in r["first"]]
        together = statistics.median(r["together"] for r in rounds)
        print(f"| {count} | {rate:.1f} | {together:.1f} | {percentile(first, 0.5):.0f} | "
              f"{percentile(first, 0.99):.0f} |", flush=True)


def tarn_server(options):
    parallel = str(max(options.streams))
    return Server([options.tarn_program, "serve", options.tarn, "--port", "0", "--parallel", parallel,
                   "--no-governor", *(["--threads", options.threads] if options.threads else [])])


def llama_server(options):
    """A native llama-server answers streams together; llama-cpp-python's takes them one after another."""
    port, streams = free_port(), max(options.streams)
    url = f"http://127.0.0.1:{port}"
    native = options.llama_program or shutil.which("llama-server")
    threads = ["--threads", options.threads] if options.threads else []
    if native:
        context = str(options.context * streams)
        return Server([native, "-m", options.llama, "--host", "127.0.0.1", "--port", port, "-np", streams,
                       "-c", context, *threads], url)
    python = options.llama_python or sys.executable
    n_threads = ["--n_threads", options.threads] if options.threads else []
    return Server([python, "-m", "llama_cpp.server", "--model", options.llama, "--host", "127.0.0.1", "--port", port,
                   "--n_ctx", options.context, *n_threads], url, "/v1/models")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="a server that runs already, without /v1")
    what.add_argument("--tarn", metavar="MODEL", help="start tarn serve on it")
    what.add_argument("--llama", metavar="FILE.gguf", help="start llama.cpp's server on it")
    parser.add_argument("--tarn-program", default=ROOT / "build/release/bin/tarn", type=Path)
    parser.add_argument("--llama-program", help="a native llama-server; by default the one in PATH, if any")
    parser.add_argument("--llama-python", help="the interpreter that has llama-cpp-python[server]")
    parser.add_argument("--threads", help="of a server that is started")
    parser.add_argument("--context", type=int, default=2048, help="tokens of each stream, of llama.cpp's server")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--prompt-words", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=128, help="of each answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--key", help="API key")
    parser.add_argument("--extra", default=None, help="JSON object of further fields of each request; by default "
                        "that the answer goes on after the model's end, where the server knows how to")
    parser.add_argument("--timeout", type=float, default=600)
    return parser.parse_args()


def main():
    options = parse()
    server = None
    # llama-cpp-python knows neither field.
    plain = options.llama and not (options.llama_program or shutil.which("llama-server"))
    options.usage = not plain
    if options.extra is None:
        options.extra = "{}" if plain or options.url else '{"ignore_eos": true}'
    try:
        if not options.url:
            server = tarn_server(options) if options.tarn else llama_server(options)
            options.url = server.url
        options.label = options.tarn or options.llama or options.url
        models = json.loads(request_once(options.url, "GET", "/v1/models", key=options.key)[1])
        table(options, models["data"][0]["id"])
    except (Failure, OSError, KeyError, IndexError, ValueError) as error:
        return fail("serve_throughput", error)
    finally:
        if server:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
