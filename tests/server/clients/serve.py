"""Runs `tarn serve` for as long as a block lasts."""

import json
import re
import subprocess
import time
import urllib.error
import urllib.request


class Server:
    """A server on a free port; `url` has no slash at its end. Further named arguments are Popen's."""

    def __init__(self, binary, *arguments, model="pebble", **process):
        command = [binary, "serve", model, "--port", "0", *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **process)
        line = self.process.stdout.readline()
        found = re.search(r"https?://\S+", line)
        if not found:
            self.stop()
            raise RuntimeError(f"tarn serve told no address but {line!r}")
        self.url = found.group()

    def stop(self):
        """Asks it to end; what still runs after that is cut off. Returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def post(self, path, document):
        """Status and document of the answer."""
        request = urllib.request.Request(self.url + path, json.dumps(document).encode(),
                                         {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def health(self):
        return json.loads(self.get("/health"))

    def wait_until_idle(self, seconds):
        """Whether nothing runs or waits within the time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            health = self.health()
            if health["running"] == 0 and health["waiting"] == 0:
                return True
            time.sleep(0.02)
        return False
