"""Errors that end a comparison or a part of it, and commands whose failures are told in full."""
import subprocess
import tempfile


class Failure(Exception):
    """What failed, why, and what to do."""


def output_of(command, what, remedy):
    """Standard output of a command; a Failure with the end of its standard error if it does not exit
    with 0. A log of any length costs the command one write to a file."""
    with tempfile.TemporaryFile() as errors:
        try:
            done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, check=False)
        except OSError as error:
            raise Failure(f"{what}: {error}; {remedy}") from error
        if done.returncode != 0:
            errors.seek(0)
            log = errors.read().decode(errors="replace").strip().splitlines()[-15:]
            end = "\n".join("    " + line for line in log)
            raise Failure(f"{what}: exit status {done.returncode}; {remedy}\n{end}")
    return done.stdout.decode(errors="replace")
