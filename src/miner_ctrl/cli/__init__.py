"""The command line. Every command is a request to the local node's REST API (``docs/cli.md``).

``main`` is the console script. Modules here import nothing heavy while they load: ``--help`` and completion are
answered in the time that Python and click need.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command in ``sys.argv`` and end the process with its exit code."""
    from miner_ctrl.cli.run import run  # noqa: PLC0415 - `import miner_ctrl.cli` stays free of click

    sys.exit(run(sys.argv[1:]))
