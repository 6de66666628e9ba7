#!/usr/bin/env python3
"""Tests the chat page in a browser against a mock server.

    page_test.py MANIFEST FILES_H [unittest's arguments]

Needs playwright (PyPI) and Chromium (Debian's package, or TARN_CHROMIUM=path); without them it says so
and exits with 77, which CTest counts as skipped. With axe-playwright-python (PyPI), it also checks
what axe knows about accessibility.
"""

import sys
import unittest
from pathlib import Path

SKIPPED = 77


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        import playwright  # noqa: F401
    except ImportError:
        print(f"page_test: skipped: {sys.executable} has no playwright (pip install playwright)")
        return SKIPPED
    from page_case import Surroundings, find_chromium

    Surroundings.manifest, Surroundings.files_h = sys.argv[1:3]
    Surroundings.chromium = find_chromium()
    if Surroundings.chromium is None:
        print(
            "page_test: skipped: there is no chromium (apt-get install chromium, or TARN_CHROMIUM=path)"
        )
        return SKIPPED
    names = [file.stem for file in sorted(Path(__file__).parent.glob("test_*.py"))]
    Surroundings.start()
    try:
        chosen = sys.argv[3:]
        arguments = (
            [sys.argv[0], *chosen]
            if any(not name.startswith("-") for name in chosen)
            else [sys.argv[0], *chosen, *names]
        )
        program = unittest.main(module=None, argv=arguments, exit=False, verbosity=1)
    finally:
        Surroundings.stop()
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
