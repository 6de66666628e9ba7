"""A server to measure, and streams of answers from it. For serve_soak.py and serve_throughput.py."""
import http.client
import json
import math
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse


class Failure(Exception):
    """What failed, why, and what to do."""


def percentile(values, part):
    """The smallest value that at least so large a part of them does not exceed; nan for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def request_once(url, method, path, body=None, timeout=30, key=None):
    """Status and text of one answer."""
    place = urllib.parse.urlsplit(url)
    make = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = make(place.hostname, place.port, timeout=timeout)
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = "Bearer " + key
    try:
        connection.request(method, place.path.rstrip("/") + path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def resident_bytes(pid):
    """Resident memory of a process; None where /proc does not tell."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


class Server:
    """A server that this process starts and ends. `url` is where it answers."""

    def __init__(self, command, url=None, wait_path="/health", seconds=300):
        self.log = tempfile.TemporaryFile()
        self.name = os.path.basename(str(command[0]))
        pipe = subprocess.PIPE if url is None else subprocess.DEVNULL
        try:
            self.process = subprocess.Popen([str(part) for part in command], stdout=pipe, stderr=self.log)
        except OSError as error:
            raise Failure(f"{command[0]}: {error}; build or install it first") from error
        try:
            self.url = url or self._printed_url(seconds)
            self._wait(wait_path, seconds)
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, seconds=30):
        """Asks it to end, then makes it; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def _end_of_log(self):
        self.log.seek(0)
        return "\n".join("    " + line for line in self.log.read().decode(errors="replace").splitlines()[-15:])

    def _printed_url(self, seconds):
        """`tarn serve --port 0` prints it."""
        until = time.monotonic() + seconds
        pipe, text = self.process.stdout.fileno(), b""
        while time.monotonic() < until:
            found = re.search(rb"https?://\S+", text)
            if found and b"\n" in text:
                return found.group().decode()
            if not select.select([pipe], [], [], 1)[0]:
                continue
            piece = os.read(pipe, 4096)
            if not piece:
                raise Failure(f"{self.name}: it ended before it served\n{self._end_of_log()}")
            text += piece
        raise Failure(f"{self.name}: it printed no URL in {seconds} s\n{self._end_of_log()}")

    def _wait(self, path, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise Failure(f"{self.name}: exit status {self.process.returncode}\n{self._end_of_log()}")
            try:
                if request_once(self.url, "GET", path)[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise Failure(f"{self.name}: {self.url}{path} did not answer in {seconds} s\n{self._end_of_log()}")


def events(lines):
    """The documents of a stream of server-sent events, until its [DONE]."""
    for line in lines:
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            return
        yield json.loads(data)


def fail(program, error):
    print(f"{program}: {error}", file=sys.stderr)
    return 2
