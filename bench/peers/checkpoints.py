"""The model files of a comparison: made once, kept in a folder of work."""
import json
import sys
from pathlib import Path

from failure import output_of

HERE = Path(__file__).resolve().parent


class Checkpoints:
    """Files of one shape: the same random weights in each program's format."""

    def __init__(self, shape, work, tarn, python):
        self.shape = shape
        self.folder = work / shape
        self.tarn = tarn
        self.python = python
        self.folder.mkdir(parents=True, exist_ok=True)

    def source(self):
        """The bfloat16 folder that all others are made from."""
        folder = self.folder / "bf16"
        if not (folder / "config.json").exists():
            self.make(folder, [sys.executable, HERE.parent / "make_synthetic.py", self.shape, folder])
        return folder

    def for_tarn(self, recipe):
        """A folder for Tarn: "bf16" or a recipe of `tarn quantize`."""
        if recipe == "bf16":
            return self.source()
        folder = self.folder / recipe.replace(":", "-")
        if not (folder / "config.json").exists():
            source = self.source()
            self.make(folder, [self.tarn, "quantize", source, folder, "--recipe", recipe])
        return folder

    def for_llama(self, kind):
        """A GGUF file: "BF16" or a type of quantize_gguf.py."""
        file = self.folder / f"{kind}.gguf"
        if file.exists():
            return file
        if kind == "BF16":
            source = self.source()
            self.make(file, [self.python, HERE / "write_gguf.py", source, file])
        else:
            source = self.for_llama("BF16")
            self.make(file, [self.python, HERE / "quantize_gguf.py", source, file, kind])
        return file

    def make(self, path, command):
        print(f"{self.shape}: making {path.name}", file=sys.stderr)
        output_of(command, path, "remove what is there of it, see that the disk has room, and run again")

    def config(self):
        return json.loads((self.source() / "config.json").read_text())


def weight_files(path):
    return sorted(path.glob("*.safetensors")) if path.is_dir() else [path]


def size(path):
    """Bytes of a model's weight files."""
    return sum(file.stat().st_size for file in weight_files(path))


def read_through(path):
    """Brings a model into the page cache."""
    for file in weight_files(path):
        with open(file, "rb", buffering=0) as data:
            while data.read(1 << 24):
                pass
