"""``python -m fuzz.guided TARGET [libFuzzer options]``: one target under atheris. ``python -m fuzz`` starts it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["miner_ctrl"]):
    from fuzz.targets import targets


def main() -> None:
    """Does not return: atheris ends the process, not with 0 when it found something."""
    target = targets()[sys.argv[1]]
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(target.seeds):
            Path(corpus, str(number)).write_bytes(data)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], target.run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
