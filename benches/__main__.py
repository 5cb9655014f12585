"""``python -m benches [GROUP ...] [--quick] [--json]``: measure, and show each figure beside its target.

The exit code is 1 when a
target was missed.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from benches.figures import Group, Verdict, table
from benches.machine import this_machine
from benches.running import GROUPS, ON_REQUEST, measured
from benches.scale import FULL, QUICK


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line says; return 1 when a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benches", description="Measure, beside a raw echo.")
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--quick", action="store_true", help="few samples: shows that it runs, measures little")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    options = parser.parse_args(arguments)
    scale = QUICK if options.quick else FULL
    groups = []
    for name in options.groups or (name for name in GROUPS if name not in ON_REQUEST):
        if not options.json:
            print(f"measuring: {name}", file=sys.stderr)
        groups.append(measured(name, scale))
    if options.json:
        print(_as_json(groups))
    else:
        print(f"{this_machine()}\n\n{table(groups)}")
    missed = any(figure.verdict is Verdict.MISSED for group in groups for figure in group.figures)
    return int(missed and not options.quick)


def _as_json(groups: list[Group]) -> str:
    rows = [
        {"group": group.name, **msgspec.to_builtins(figure), "ratio": figure.ratio, "verdict": figure.verdict}
        for group in groups
        for figure in group.figures
    ]
    loads = {group.name: group.load for group in groups}
    found = {"machine": this_machine(), "load": loads, "figures": rows}
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


if __name__ == "__main__":
    sys.exit(main())
