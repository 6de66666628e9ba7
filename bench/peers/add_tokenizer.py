"""Gives a GGUF file without a tokenizer one, so that servers can serve a synthetic checkpoint.

    python add_tokenizer.py FILE.gguf WITH_TOKENIZER.gguf

Runs in the virtual environment of the peers (needs gguf). The tokenizer is a byte-level BPE of as many
tokens as the model has rows: the bytes, pairs of letters with their merges, words that no merge makes
(a model of random weights picks any of them), and one control token that ends an answer.
"""
import argparse
import itertools
import string
from pathlib import Path

import gguf

from write_gguf import finish, new_writer

LETTERS = string.ascii_lowercase
SPACE = "\u0120"  # how byte-level BPE writes a space
PRETOKENIZER = {"qwen35": "qwen35", "qwen3": "qwen2", "llama": "llama-bpe"}
NORMAL, CONTROL = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL


def byte_letters():
    """The 256 letters that stand for the bytes: printable ones for themselves, others moved past 255."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [byte for byte in range(256) if byte not in set(kept)]
    return [chr(byte) for byte in kept] + [chr(256 + i) for i in range(len(moved))]


def vocabulary(size):
    """Tokens in the order of their ids, and the merges."""
    pairs = [*itertools.product(SPACE, LETTERS), *itertools.product(LETTERS, LETTERS)]
    tokens = byte_letters() + ["".join(pair) for pair in pairs]
    words = ("".join(word) for word in itertools.product(LETTERS, repeat=4))
    tokens += itertools.islice(words, size - 1 - len(tokens))
    tokens.append("<|end|>")
    if len(tokens) != size:
        raise SystemExit(f"a vocabulary of {size} tokens is too small or too large for add_tokenizer.py")
    return tokens, [" ".join(pair) for pair in pairs]


def copy_fields(reader, writer):
    for field in reader.fields.values():
        if field.name.startswith(("GGUF.", "general.architecture", "tokenizer.")) or field.name.endswith(".vocab_size"):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), kind, inner)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    reader = gguf.GGUFReader(arguments.file)
    architecture = reader.fields["general.architecture"].contents()
    size = int(next(t for t in reader.tensors if t.name == "token_embd.weight").shape[1])
    writer = new_writer(arguments.output, architecture)
    copy_fields(reader, writer)
    tokens, merges = vocabulary(size)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(PRETOKENIZER[architecture])
    writer.add_token_list(tokens)
    writer.add_token_types([NORMAL] * (size - 1) + [CONTROL])
    writer.add_token_merges(merges)
    writer.add_eos_token_id(size - 1)
    writer.add_add_bos_token(False)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    finish(writer, arguments.output)


if __name__ == "__main__":
    main()
