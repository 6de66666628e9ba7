"""The virtual environment that the peers are installed in."""
import json
import subprocess
import sys
import venv
from pathlib import Path

from failure import Failure, output_of

# Distributions of PyPI by peer; llama-cpp-python is compiled on and for this machine.
PACKAGES = {
    "llama.cpp": {"llama-cpp-python": "llama-cpp-python", "gguf": "gguf"},
    "mlx": {"mlx-cpu": "mlx[cpu]", "mlx-lm": "mlx-lm"},
}

ASK_VERSIONS = """
import importlib.metadata as metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def versions(python, names):
    """Installed versions by distribution."""
    command = [python, "-c", ASK_VERSIONS, *names]
    return json.loads(output_of(command, python, "remove the virtual environment and run again"))


def prepare(folder: Path, peers):
    """(python, versions): an environment that has the peers; what it lacks is installed from PyPI."""
    wanted = {name: source for peer in peers for name, source in PACKAGES[peer].items()}
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making a virtual environment in {folder}", file=sys.stderr)
        try:
            venv.create(folder, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Failure(f"{folder}: no virtual environment: {error}; on Debian, install python3-venv") from error
    found = versions(python, wanted)
    missing = [source for name, source in wanted.items() if name not in found]
    if missing:
        print(f"installing {', '.join(missing)} from PyPI (llama-cpp-python is compiled: minutes)", file=sys.stderr)
        output_of(
            [python, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off", *missing],
            f"pip install {' '.join(missing)}",
            "it needs the network, a C++ compiler and Python's headers; or name an environment that has "
            "the packages with --venv",
        )
        found = versions(python, wanted)
    return python, found
