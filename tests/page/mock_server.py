#!/usr/bin/env python3
"""A server that speaks as much of Tarn's API as the chat page uses, and misbehaves on request.

    mock_server.py MANIFEST FILES_H [--port 8000]

MANIFEST is build/release/src/tarn/server/page_files.cpp.txt (path, content type and file of all that
is embedded), FILES_H is src/tarn/server/page/files.h, whose security policy is sent. What the last
message of the user begins with chooses the answer: see SCENARIOS. Every request to /v1/chat/completions
is kept in `server.requests`.
"""

import argparse
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TIMINGS = {
    "prompt_n": 812,
    "cached_n": 640,
    "prompt_ms": 412.5,
    "prompt_per_second": 417.0,
    "predicted_n": 128,
    "predicted_ms": 4090.0,
    "predicted_per_second": 31.3,
    "bandwidth_limit_fraction": 0.93,
    "context_used": 940,
    "context_limit": 32768,
}
USAGE = {"prompt_tokens": 812, "completion_tokens": 128, "total_tokens": 940}


def chunk(delta=None, finish=None, **extra):
    choices = (
        []
        if delta is None and finish is None
        else [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    )
    return {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "pebble",
        "choices": choices,
        **extra,
    }


def event(value):
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def pieces(text, size=6):
    return [text[i : i + size] for i in range(0, len(text), size)]


class Answer:
    """The body of one streamed answer, written piece by piece."""

    def __init__(self, handler):
        self.write = handler.send_bytes

    def content(self, text, size=6, pause=0.004):
        for piece in pieces(text, size):
            self.write(event(chunk({"content": piece})))
            time.sleep(pause)

    def reasoning(self, text, pause=0.01):
        for piece in pieces(text):
            self.write(event(chunk({"reasoning_content": piece})))
            time.sleep(pause)

    def end(self, finish="stop"):
        self.write(event(chunk({}, finish)))
        self.write(event(chunk(usage=USAGE, timings=TIMINGS)))
        self.write(b"data: [DONE]\n\n")


def say(text, **how):
    def run(answer, _request):
        answer.content(text, **how)
        answer.end()

    return run


MARKDOWN = """Here is a **short tour** of what a page can show, with `inline code` and a [link](https://example.org/page).

## A list

1. First, *gently*
2. Then with more:
   - a nested point
   - another one
3. Done

> The lake holds what the mountains give.

```python
def merge(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    \"\"\"Merges what overlaps.\"\"\"
    merged = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))  # grow
        else:
            merged.append((start, end))
    return merged
```

| Format | Bits | Speed |
|:-------|-----:|------:|
| affine | 4.5 | 31.3 tok/s |
| table  | 6.0 | 24.1 tok/s |

The series \\(\\sum_{k=1}^{n} k\\) has a closed form:

$$\\sum_{k=1}^{n} k = \\frac{n(n+1)}{2}$$

It costs $5 here and $10 there. See [the notes][notes].

[notes]: https://example.org/notes
"""

XSS = """Before <img src=x onerror="window.hacked=1"> <script>window.hacked=2</script>

<svg onload="window.hacked=3"><script>window.hacked=4</script></svg>

<iframe srcdoc="<script>parent.hacked=5</script>"></iframe> <b>bold</b> H<sub>2</sub>O

[bad](javascript:window.hacked=6) [worse](JaVaScRiPt:window.hacked=7) [data](data:text/html,<script>hacked=8</script>)
[tab](java&#x09;script:window.hacked=9) <a href="javascript:hacked=10">raw</a> [up](/v1/models) [good](https://example.org/)

![outside](https://example.org/pixel.png) ![svg](data:image/svg+xml;base64,PHN2Zy8+)
![dot](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)
![breakout](https://example.org/"onerror="window.hacked=11)

<style>body{display:none}</style><form action="https://example.org"><input name=password></form>
<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=window.hacked=12&gt;">
<details ontoggle="window.hacked=13" open>x</details>

```"><img src=x onerror=window.hacked=14>
</code></pre><script>window.hacked=15</script>
```

\\(\\href{javascript:window.hacked=16}{x}\\) and $\\htmlStyle{position:fixed}{y}$ and \\(\\unknown{\\) end.

| a | b |
|---|---|
| <img src=x onerror=window.hacked=17> | `<script>` |

THE END
"""

LONG = "\n\n".join(
    f"## Part {i}\n\nA paragraph with **bold** words, `code` and a [link](https://example.org/{i}). "
    + "Water is clear. " * 12
    + f"\n\n```js\nconst part = {i}; // {'x' * 40}\n```"
    for i in range(150)
)


def think(answer, _request):
    answer.reasoning(
        "The user asks for a sum. Let me add 57 and 557: 57 + 557 = 614. I should check: 614 - 57 = 557. Yes.",
        0.05,
    )
    answer.content("The sum is **614**.")
    answer.end()


def tools(answer, request):
    if request["messages"][-1]["role"] == "tool":
        answer.content(f"The tool says: {request['messages'][-1]['content']}")
        answer.end()
        return
    answer.content("Let me look that up.")
    head = {
        "index": 0,
        "id": "call_7",
        "type": "function",
        "function": {"name": "get_weather", "arguments": ""},
    }
    answer.write(event(chunk({"tool_calls": [head]})))
    for piece in pieces('{"city":"Zürich","days":3,"units":{"temperature":"celsius"}}', 5):
        answer.write(event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})))
        time.sleep(0.01)
    answer.end("tool_calls")


def slow(answer, _request):
    for i in range(600):
        answer.content(f"word{i} ", size=99, pause=0.03)
    answer.end()


def odd_bytes(answer, _request):
    """Events cut within characters and lines; comments; carriage returns; several data lines."""
    body = b": keep-alive\n\n" + event(chunk({"content": "Grüße, 世界 🏔️ "}))
    body += (
        b": keep-alive\r\n\r\nevent: message\r\nid: 1\r\ndata: "
        + json.dumps(chunk({"content": "ende"})).encode()
        + b"\r\n\r\n"
    )
    split = json.dumps(chunk({"content": " zeilen"}), indent=1).encode().split(b"\n")
    body += b"".join(b"data: " + line + b"\r" for line in split) + b"\r"
    for i in range(len(body)):
        answer.write(body[i : i + 1])
        if i % 16 == 0:
            time.sleep(0.002)
    answer.end()


def error_event(answer, _request):
    answer.content("Part of an answer ")
    answer.write(
        b'event: error\ndata: {"error":{"message":"The model ran out of memory.","type":"server_error","param":null,"code":null}}\n\n'
    )


def error_data(answer, _request):
    answer.content("Another part ")
    answer.write(
        event(
            {
                "error": {
                    "message": "The disk is full.",
                    "type": "server_error",
                    "param": None,
                    "code": None,
                }
            }
        )
    )


def broken(answer, _request):
    answer.content("It starts well ")
    time.sleep(0.2)


def garbage(answer, _request):
    answer.write(b"data: {not json\n\n")


def length(answer, _request):
    answer.content("This is cut")
    answer.end("length")


SCENARIOS = {
    "markdown": say(MARKDOWN),
    "xss": say(XSS, size=11, pause=0.002),
    "long": say(LONG, size=120, pause=0.0005),
    "think": think,
    "tools": tools,
    "slow": slow,
    "odd": odd_bytes,
    "error event": error_event,
    "error data": error_data,
    "broken": broken,
    "garbage": garbage,
    "length": length,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_arguments):
        pass

    def send_bytes(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def respond(self, status, content_type, body, **headers):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, message, **headers):
        body = {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }
        }
        self.respond(status, "application/json", json.dumps(body).encode(), **headers)

    def refused(self):
        key = self.server.api_key
        if key and self.headers.get("Authorization") != f"Bearer {key}":
            self.error(401, "This server needs an API key: send it as a bearer token.")
            return True
        return False

    def do_GET(self):  # noqa: N802 (the base class calls it so)
        path = self.path.split("?")[0]
        if path == "/v1/models":
            if not self.refused():
                data = [
                    {"id": name, "object": "model", "created": 1, "owned_by": "tarn"}
                    for name in self.server.models
                ]
                self.respond(
                    200, "application/json", json.dumps({"object": "list", "data": data}).encode()
                )
        elif path in self.server.files:
            content_type, file = self.server.files[path]
            self.respond(
                200,
                content_type,
                Path(file).read_bytes(),
                Content_Security_Policy=self.server.policy,
                Cache_Control="no-cache",
                X_Content_Type_Options="nosniff",
            )
        else:
            self.error(404, f"There is nothing at {path}.")

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.refused():
            return
        request = json.loads(body)
        self.server.requests.append(request)
        said = [message["content"] for message in request["messages"] if message["role"] == "user"][
            -1
        ]
        if said.startswith("bad request"):
            self.error(400, "temperature must be at least 0, got -1.")
        elif said.startswith("busy") and self.server.busy > 0:
            self.server.busy -= 1
            self.error(
                503,
                "The queue is full (8 requests wait).",
                Retry_After=str(self.server.retry_after),
            )
        else:
            run = next(
                (run for start, run in SCENARIOS.items() if said.startswith(start)),
                say(f"You said: {said}"),
            )
            self.stream(run, request)

    def stream(self, run, request):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.send_bytes(event(chunk({"role": "assistant", "content": ""})))
            run(Answer(self), request)
            self.send_bytes(b"") if run is not broken else None
        except (BrokenPipeError, ConnectionResetError):
            self.server.aborted += 1
        self.close_connection = True


class MockServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, manifest, files_h, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        lines = [line.split("\t") for line in Path(manifest).read_text().splitlines()]
        self.files = {path: (content_type, file) for path, content_type, file in lines}
        policy = re.search(r"kPageSecurityPolicy =(.*?);\n\n", Path(files_h).read_text(), re.S)[1]
        self.policy = "".join(re.findall(r'"([^"]*)"', policy))
        self.models = ["pebble"]
        self.api_key = None
        self.busy = 0
        self.retry_after = 2
        self.requests = []
        self.aborted = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def start(self):
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def handle_error(self, _request, _address):
        """Browsers leave in the middle of things; that is no news."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest")
    parser.add_argument("files_h")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    server = MockServer(arguments.manifest, arguments.files_h, arguments.port)
    print(f"Serving the page at {server.url}")
    server.serve_forever()


if __name__ == "__main__":
    main()
