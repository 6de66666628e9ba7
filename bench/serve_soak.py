#!/usr/bin/env python3
"""Many clients at one server for a while, not all of them well-behaved; then whether it kept its promises.

    bench/serve_soak.py --minutes 10                      tarn serve pebble, started here
    bench/serve_soak.py --url http://127.0.0.1:8080       a Tarn that runs already

Of the requests 20 % are aborted in mid-stream, 5 % are read slowly, 5 % are malformed. Exit status 1 when a promise
is broken: every request that is taken is answered, malformed ones are refused, no place stays taken, /health answers
soon, memory does not grow after the warm-up.
"""
import argparse
import collections
import http.client
import json
import multiprocessing
import random
import socket
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from serving import Failure, Server, events, fail, percentile, request_once, resident_bytes

ROOT = Path(__file__).resolve().parent.parent
WORDS = "Once a small bird saw the blue lake under old hills and asked its friend why the water was still".split()
BEGINNINGS = [" ".join(WORDS[i:] + WORDS[:i]) * 8 + " " for i in range(4)]  # that many requests share
MALFORMED = [
    b"nonsense\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    b"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{\"prompt\"",
    b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n" + b"[" * 2000,
]


class Tally:
    """What all clients saw."""

    def __init__(self):
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.first_token, self.broken = [], []

    def count(self, name, number=1):
        with self.lock:
            self.counts[name] += number

    def add_first_token(self, seconds):
        with self.lock:
            self.first_token.append(seconds)

    def breach(self, text):
        with self.lock:
            self.broken.append(text)


class Client(threading.Thread):
    """Asks until the time is over, and ends what it has begun."""

    def __init__(self, options, number, tally, until):
        super().__init__(daemon=True)
        self.options, self.tally, self.until = options, tally, until
        self.random = random.Random(options.seed * 1000 + number)
        place = urllib.parse.urlsplit(options.url)
        self.host, self.port = place.hostname, place.port
        self.connection = None

    def run(self):
        while time.monotonic() < self.until:
            kind = self.random.random()
            if kind < 0.20:
                name, act = "aborted", self.abort
            elif kind < 0.25:
                name, act = "slow", self.read_slowly
            elif kind < 0.30:
                name, act = "malformed", self.send_malformed
            else:
                name, act = ("streamed", self.stream) if kind < 0.65 else ("whole", self.whole)
            self.tally.count(name)
            try:
                act()
            except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                self.drop()
                self.tally.breach(f"{name}: not answered: {type(error).__name__}: {error}")

    # --- kinds of requests

    def stream(self):
        answer = self.ask(True)
        if answer:
            self.take_stream(answer)

    def whole(self):
        answer = self.ask(False)
        if not answer:
            return
        document = json.loads(answer.read())
        self.tally.count("tokens", document["usage"]["completion_tokens"])
        self.tally.count("answered")

    def abort(self):
        answer = self.ask(True)
        if not answer:
            return
        for _ in range(self.random.randrange(12)):
            answer.readline()
        answer.close()
        self.drop()

    def read_slowly(self):
        self.drop()
        self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.options.timeout)
        self.connection.sock = slow_socket(self.host, self.port, self.options.timeout)
        answer = self.ask(True)
        if answer:
            self.take_stream(answer, pause=0.02)
        self.drop()

    def send_malformed(self):
        with socket.create_connection((self.host, self.port), timeout=self.options.timeout) as one:
            one.sendall(self.random.choice(MALFORMED))
            head = one.recv(4096)
            if not head.startswith(b"HTTP/1.1 4") and not head.startswith(b"HTTP/1.0 4"):
                self.tally.breach(f"malformed: it was answered with {head[:60]!r}")

    # --- what they are made of

    def ask(self, streamed):
        """The answer to a new request; None when the server was too busy and said so."""
        length = self.random.choice([3, 10, 40, 150, 500])
        beginning = self.random.choice(BEGINNINGS) if self.random.random() < 0.3 else ""
        body = {"prompt": beginning + " ".join(self.random.choice(WORDS) for _ in range(length)),
                "max_tokens": self.random.choice([1, 8, 30, 100]), "stream": streamed,
                "ignore_eos": self.random.random() < 0.5, "seed": self.random.randrange(1 << 30)}
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.options.timeout)
        self.asked = time.monotonic()
        self.connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        if answer.status == 200:
            return answer
        text = answer.read()
        if answer.status in (429, 503):
            self.tally.count("refused")
            if not answer.getheader("Retry-After"):
                self.tally.breach(f"refused: status {answer.status} without Retry-After")
            time.sleep(0.1 + 0.4 * self.random.random())
        else:
            self.tally.breach(f"request: status {answer.status}: {text[:200].decode(errors='replace')}")
        return None

    def take_stream(self, answer, pause=0.0):
        tokens, finished = 0, False
        for event in events(answer):
            if "error" in event:
                raise ValueError(str(event["error"])[:200])
            if tokens == 0:
                self.tally.add_first_token(time.monotonic() - self.asked)
            tokens += 1
            finished = finished or any(choice.get("finish_reason") for choice in event.get("choices", []))
            if pause:
                time.sleep(pause)
        answer.read()
        if not finished:
            raise ValueError("the stream ended without an end")
        self.tally.count("tokens", max(0, tokens - 1))
        self.tally.count("answered")

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def slow_socket(host, port, timeout):
    """One for which the kernel takes little that is not read."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    one.settimeout(timeout)
    one.connect((host, port))
    return one


def probe_health(url, stop, pipe):
    """In a process of its own, so that it measures the server and not these clients."""
    times, errors = [], []
    place = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
    while not stop.wait(0.05):
        start = time.perf_counter()
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                errors.append(f"/health: status {answer.status}")
        except (OSError, http.client.HTTPException) as error:
            errors.append(f"/health: {type(error).__name__}: {error}")
            connection.close()
        times.append(time.perf_counter() - start)
    pipe.send((times, errors))


def metric(url, name):
    for line in request_once(url, "GET", "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise Failure(f"{url}/metrics: there is no {name}; is this a Tarn server?")


def stuck_places(url, seconds=15):
    """Places, and bytes of cache, that are still taken when nobody asks any more."""
    until = time.monotonic() + seconds
    while True:
        taken = metric(url, "tarn_running_requests") + metric(url, "tarn_waiting_requests")
        held = metric(url, "tarn_cache_reserved_bytes")
        if taken + held == 0 or time.monotonic() > until:
            return int(taken), int(held)
        time.sleep(0.1)


def soak(options, pid):
    """Runs the clients; what was measured, and which promises were broken."""
    tally, seconds = Tally(), 60 * options.minutes
    stop, (receive, send) = multiprocessing.Event(), multiprocessing.Pipe(False)
    probe = multiprocessing.Process(target=probe_health, args=(options.url, stop, send), daemon=True)
    probe.start()

    def resident():
        return (resident_bytes(pid) if pid else None) or metric(options.url, "tarn_resident_bytes")

    start = time.monotonic()
    clients = [Client(options, i, tally, start + seconds) for i in range(options.clients)]
    for client in clients:
        client.start()
    time.sleep(seconds * options.warm_up)
    warm = resident()
    for client in clients:
        client.join(seconds + 2 * options.timeout)
        if client.is_alive():
            tally.breach("a client still waits for its answer")
    taken_seconds = time.monotonic() - start
    for client in clients:
        client.drop()
    stop.set()
    times, errors = receive.recv()
    probe.join()
    places, held = stuck_places(options.url)
    result = {"prompt": metric(options.url, "tarn_prompt_tokens_total"),
              "cached": metric(options.url, "tarn_prefix_tokens_total"), "tally": tally, "seconds": taken_seconds, "health": times, "warm": warm, "end": resident(),
              "stuck": places}
    broken = tally.broken + errors
    if places or held:
        broken.append(f"{places} places and {held} bytes of cache stay taken")
    if not times or tally.counts["answered"] == 0:
        broken.append("nothing was measured; the run is too short")
    p99 = 1e3 * percentile(times, 0.99)
    if options.max_health_ms and p99 > options.max_health_ms:
        broken.append(f"/health: p99 is {p99:.1f} ms, the promise {options.max_health_ms:g} ms")
    growth = (result["end"] - warm) / 1e6
    if options.max_growth_mb and growth > options.max_growth_mb:
        promise = f"the promise is {options.max_growth_mb:g} MB"
        broken.append(f"memory: it grew by {growth:.1f} MB after the warm-up, {promise}")
    return result, broken


def show(options, result):
    counts, ms = result["tally"].counts, 1e3
    first, health = result["tally"].first_token, result["health"]
    kinds = ["streamed", "whole", "aborted", "slow", "malformed"]
    rows = [
        ("clients", f"{options.clients}"),
        ("seconds", f"{result['seconds']:.1f}"),
        ("requests", f"{sum(counts[kind] for kind in kinds)}"),
        *[("  " + kind, f"{counts[kind]}") for kind in kinds],
        ("answered in full", f"{counts['answered']}"),
        ("refused for a full queue", f"{counts['refused']}"),
        ("tokens/s (answered in full)", f"{counts['tokens'] / result['seconds']:.1f}"),
        ("first token p50, p99 (ms)", f"{ms * percentile(first, 0.5):.0f}, {ms * percentile(first, 0.99):.0f}"),
        ("prompt tokens run, and found in the cache", f"{result['prompt']:.0f}, {result['cached']:.0f}"),
        ("/health p50, p99, max (ms)", f"{ms * percentile(health, 0.5):.1f}, {ms * percentile(health, 0.99):.1f}, "
                                       f"{ms * max(health, default=0):.1f}"),
        ("resident at warm-up, at the end (MB)", f"{result['warm'] / 1e6:.1f}, {result['end'] / 1e6:.1f}"),
        ("places stuck", f"{result['stuck']}"),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a Tarn that runs already; by default one is started")
    parser.add_argument("--tarn-program", default=ROOT / "build/release/bin/tarn", type=Path)
    parser.add_argument("--model", default="pebble")
    parser.add_argument("--cache-memory", default="128M", help="small enough that the warm-up fills it")
    parser.add_argument("--threads", help="of the server that is started")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--warm-up", type=float, default=0.3, help="part of the time before memory may not grow")
    parser.add_argument("--timeout", type=float, default=120, help="seconds without a byte that count as no answer")
    parser.add_argument("--max-health-ms", type=float, default=50, help="p99 of /health; 0: only shown")
    parser.add_argument("--max-growth-mb", type=float, default=48, help="of memory after the warm-up; 0: only shown")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    options = parse()
    server = None
    try:
        if not options.url:
            server = Server([options.tarn_program, "serve", options.model, "--port", "0", "--cache-memory",
                             options.cache_memory, "--no-governor",
                             *(["--threads", options.threads] if options.threads else [])])
            options.url = server.url
        result, broken = soak(options, server.process.pid if server else None)
        show(options, result)
        if server and (status := server.stop()) != 0:
            broken.append(f"tarn serve ended with status {status}")
    except (Failure, OSError) as error:
        return fail("serve_soak", error)
    finally:
        if server:
            server.stop()
    for text, times in collections.Counter(broken).most_common(20):
        print(f"broken: {text}" + (f" ({times} times)" if times > 1 else ""), file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
