"""Writes expressions.json: templates and what Jinja2 3.1.6 makes of them, with the environment that
transformers sets up. Run with Python 3.11 or later: python make_cases.py > expressions.json

A case is {"template": ..., "text": ...} or {"template": ..., "error": ..., "raised": bool}.
"""

import json
import sys
from datetime import datetime

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime(2026, 1, 15, 12, 0, 0)

VARIABLES = {
    "n": 7,
    "neg": -7,
    "zero": 0,
    "f": 2.5,
    "big": 1e20,
    "tiny": 1e-7,
    "yes": True,
    "no": False,
    "nothing": None,
    "s": "Hello, World",
    "pad": "  padded\t\n",
    "uni": "\u00c4pfel \u00df \u4f60\u597d \U0001f600 \u0130\u03a3",
    "quote": "it's \"quoted\"\\\n\u0007\u00a0\u200b",
    "html": "<b>&\"'</b>",
    "empty": "",
    "words": "the quick brown fox jumps over the lazy dog and runs away",
    "csv": "a,b,,c",
    "lines": "one\ntwo\r\nthree\n\nfive",
    "digits": "0042",
    "list": [3, 1, 2],
    "names": ["bob", "Alice", "carol", "alice"],
    "mixed": [1, "a", None, True, 2.0, [1], {"k": "v"}],
    "nested": [[1, [2, [3]]], [4]],
    "none_list": [],
    "users": [
        {"name": "bob", "age": 30, "tags": ["x", "y"], "active": True, "address": {"city": "Rome"}},
        {"name": "Alice", "age": 25, "tags": [], "active": False, "address": {"city": "Oslo"}},
        {"name": "carol", "age": 30, "tags": ["z"], "active": True, "address": {}},
    ],
    "d": {"b": 1, "a": [1, 2], "C": {"x": None}, "items": "shadowed", "1": 1},
    "no_dict": {},
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["\u00e9", "<tag>"]}, "n": {"type": ["integer", "null"]}},
        "required": ["city"],
    },
}

CONVERSATION = {"messages": [], "tools": None, "documents": None, "add_generation_prompt": False}


class Generation(jinja2.ext.Extension):
    """The tag of transformers that marks what the assistant generated; here it only passes through."""

    tags = {"generation"}

    def parse(self, parser):
        lineno = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(lineno)

    def _pass(self, caller):
        return caller()


class Raised(jinja2.exceptions.TemplateError):
    pass


def environment():
    def raise_exception(message):
        raise Raised(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


def run(env, template):
    try:
        return {"template": template, "text": env.from_string(template).render(**CONVERSATION, **VARIABLES)}
    except Raised as error:
        return {"template": template, "error": str(error), "raised": True}
    except Exception as error:
        return {"template": template, "error": f"{type(error).__name__}: {error}", "raised": False}


def main():
    from cases import EXPRESSIONS, TEMPLATES

    env = environment()
    templates = ["{{ " + e + " }}" for e in EXPRESSIONS] + TEMPLATES
    cases = [run(env, template) for template in dict.fromkeys(templates)]
    json.dump({"variables": VARIABLES, "cases": cases}, sys.stdout, indent=1, ensure_ascii=True)
    print()


if __name__ == "__main__":
    main()
