"""Whether structured output keeps its promise: every schema of a file, asked of a server at a high temperature.

    tarn serve pebble --port 8080
    python bench/serve_schemas.py --url http://127.0.0.1:8080 --schemas tests/data/grammar/schemas.jsonl

Each answer must parse and be valid against its schema (PyPI jsonschema). Answers that the token limit cut off are
counted apart. Exit code 1 when one is not valid.
"""
import argparse
import concurrent.futures
import json
import sys
import time
import urllib.error
import urllib.request

import jsonschema


def ask(url, schema, seed, temperature, max_tokens):
    body = {
        "messages": [{"role": "user", "content": "Make up an example."}],
        "temperature": temperature,
        "seed": seed,
        "max_tokens": max_tokens,
        "chat_template_kwargs": {"enable_thinking": False},
        "response_format": {"type": "json_schema", "json_schema": {"name": "schema", "schema": schema}},
    }
    request = urllib.request.Request(
        url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def older(schema):
    """Whether a schema lists the items of arrays as drafts before 2020-12 do."""
    if isinstance(schema, list):
        return any(older(one) for one in schema)
    return isinstance(schema, dict) and (
        isinstance(schema.get("items"), list) or any(older(one) for one in schema.values())
    )


def judge(url, line, seed, arguments):
    """"valid", "cut" or what is wrong; and the tokens."""
    entry = json.loads(line)
    schema = entry["schema"] if isinstance(entry, dict) and "schema" in entry and "name" in entry else entry
    try:
        answer = ask(url, schema, seed, arguments.temperature, arguments.max_tokens)
    except urllib.error.HTTPError as error:
        return f"status {error.code}: {error.read()[:200]!r}", 0
    choice = answer["choices"][0]
    tokens = answer["usage"]["completion_tokens"]
    if choice["finish_reason"] == "length":
        return "cut", tokens
    validator = jsonschema.Draft7Validator if older(schema) else jsonschema.Draft202012Validator
    try:
        validator(schema).validate(json.loads(choice["message"]["content"]))
    except (ValueError, jsonschema.ValidationError) as error:
        return f"{str(error)[:200]} in {choice['message']['content'][:200]!r}", tokens
    return "valid", tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--schemas", default="tests/data/grammar/schemas.jsonl")
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--max-tokens", type=int, default=1800)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=8)
    arguments = parser.parse_args()
    with open(arguments.schemas, encoding="utf-8") as file:
        lines = [line for line in file if line.strip()]
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
        work = {
            pool.submit(judge, arguments.url, line, seed, arguments): (number, seed)
            for number, line in enumerate(lines, 1)
            for seed in range(arguments.seeds)
        }
        results = {work[done]: done.result() for done in concurrent.futures.as_completed(work)}
    verdicts = [verdict for verdict, _ in results.values()]
    tokens = sum(count for _, count in results.values())
    wrong = sorted((key, verdict) for key, (verdict, _) in results.items() if verdict not in ("valid", "cut"))
    for (number, seed), verdict in wrong:
        print(f"schema {number}, seed {seed}: {verdict}")
    seconds = time.monotonic() - start
    print(
        f"{len(lines)} schemas, {len(results)} answers: {verdicts.count('valid')} valid, {verdicts.count('cut')} cut off by the "
        f"token limit, {len(wrong)} not valid; {tokens} tokens in {seconds:.1f} s"
    )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
