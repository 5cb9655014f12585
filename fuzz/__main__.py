"""``python -m fuzz --seconds N [--seed N] [--target NAME] [--findings DIR]``: exit 0 when nothing was found.

With ``atheris`` installed it drives the targets (coverage-guided); otherwise, and with ``--plain``, ``fuzz.engine``
does. A target runs for its share of the seconds. ``--replay FILE`` runs one input of ``--target`` again.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import traceback
from pathlib import Path

from fuzz.engine import MAX_INPUT_BYTES, Finding, fuzz, save
from fuzz.targets import Target, targets


def main(arguments: list[str] | None = None) -> int:
    """Fuzz as the command line says; return 1 when something was found."""
    known = targets()
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz everything that parses a peer's bytes.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same inputs")
    parser.add_argument("--target", choices=sorted(known), action="append", help="only this one (may be repeated)")
    parser.add_argument("--findings", type=Path, default=Path(".cache/fuzz"), help="where inputs that break go")
    parser.add_argument("--plain", action="store_true", help="do not use atheris")
    parser.add_argument("--replay", type=Path, help="run the one input in this file")
    options = parser.parse_args(arguments)
    chosen = [known[name] for name in options.target or known]

    if options.replay:
        for target in chosen:
            target.run(options.replay.read_bytes())
        return 0
    if not options.plain and importlib.util.find_spec("atheris"):
        return _with_atheris(chosen, options.seconds, options.seed, options.findings)
    found = 0
    for target in chosen:
        try:
            runs = fuzz(target, seconds=options.seconds / len(chosen), seed=options.seed)
        except Finding as finding:
            found = 1
            traceback.print_exception(finding.__cause__)
            print(f"{finding}; the input is in {save(finding, options.findings)}", file=sys.stderr)
        else:
            print(f"{target.name}: {runs} inputs, nothing found")
    return found


def _with_atheris(chosen: list[Target], seconds: float, seed: int, findings: Path) -> int:
    """Run each target in a process of its own, because atheris ends the process it runs in."""
    findings.mkdir(parents=True, exist_ok=True)
    codes = []
    for target in chosen:
        options = [f"-max_total_time={max(1, round(seconds / len(chosen)))}", f"-seed={seed + 1}"]
        options += [f"-max_len={MAX_INPUT_BYTES}", f"-artifact_prefix={findings / target.name}-"]
        codes.append(
            subprocess.run([sys.executable, "-m", "fuzz.guided", target.name, *options], check=False).returncode
        )
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
