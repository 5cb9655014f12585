"""schemathesis over the served OpenAPI document, with all its checks, against a node with paired rigs.

``python -m tests.integration.api_fuzz --seconds 600`` for longer than the test does.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.integration.paired import BASE, RIGS, Paired, paired

CONFIG = Path(__file__).parents[1] / "schemathesis" / "schemathesis.toml"
ENDLESS = (f"{BASE}/events",)
"""Streams that go on for ever: no run can wait for their end."""
WITHOUT_PROGRAMS = {"PATH": "/nonexistent"}
"""Nothing that a node is asked for here may install a package on this machine."""


def fuzz(node: Paired, *, seconds: int, examples: int, report: Path) -> subprocess.CompletedProcess[str]:
    """Run schemathesis for about ``seconds``; it exits with 0 without a finding. ``report``: a folder for its files."""
    job = node.ask("POST", "/remote/stop", {"peers": list(RIGS)}).data["id"]
    profile = node.ask("GET", "/profiles").data[0]
    known = {"peer": RIGS, "profile": (profile["name"], profile["id"]), "miner": ("simulated-1",), "id": (job,)}
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIG), "run",
        f"{node.origin}{BASE}/openapi.json", "--url", node.origin, "--checks", "all", "--max-examples", str(examples),
        "--request-timeout", "90", "--continue-on-failure", "--report", "json",
        "--report-json-path", str(report / "schemathesis.json"),
    ]  # fmt: skip
    if seconds:
        command += ["--max-time", str(seconds)]
    for path in ENDLESS:
        command += ["--exclude-path", path]
    environment = {
        **os.environ,
        "API_KNOWN": ";".join(f"{name}={','.join(values)}" for name, values in known.items()),
        "NO_COLOR": "1",
        "SCHEMATHESIS_HOOKS": str(CONFIG.with_name("schemathesis_hooks.py")),
    }
    return subprocess.run(
        command, cwd=report, env=environment, capture_output=True, text=True, check=False, timeout=seconds * 3 + 600
    )


def main() -> int:
    """Make the nodes, run, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="about how long")
    parser.add_argument("--examples", type=int, default=200, help="for each operation and round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="api-fuzz-") as folder, paired(Path(folder), env=WITHOUT_PROGRAMS) as node:
        done = fuzz(node, seconds=options.seconds, examples=options.examples, report=Path(folder))
        print(done.stdout, done.stderr)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
