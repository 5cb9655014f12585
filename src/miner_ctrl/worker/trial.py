"""Whether a new program runs on this machine: asked of its adapter, and where that cannot say, of the program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from miner_ctrl.errors import OperationFailed
from miner_ctrl.miners.brief_run import run_briefly, spoken_lines
from miner_ctrl.miners.contract import Adapter

RUNS_WITHIN_S = 5.0
MAX_PATH_CHARS = 255
"""What an adapter says of a program's path."""

AdaptersFor = Callable[[Callable[[str], Path | None]], Sequence[Adapter]]
"""Returns the adapters as they would be with these programs deployed."""


def trial_by(adapters_for: AdaptersFor) -> Callable[[str, Path], None]:
    """Return what runs a program of a type once; it raises ``OperationFailed`` (``PROGRAM_DOES_NOT_RUN``)."""

    def try_program(miner_type: str, program: Path) -> None:
        adapters = adapters_for(lambda wanted: program if wanted == miner_type else None)
        adapter = next((one for one in adapters if one.type == miner_type), None)
        if adapter is None:
            return  # nothing here starts it yet: it is as good as its first bytes
        found = adapter.locate()
        if found.path != str(program)[:MAX_PATH_CHARS]:
            return  # the owner has named another program, and the adapter speaks of that one
        if not found.installed:
            _run(miner_type, program)
            raise _does_not_run(miner_type, "it does not say its version as that miner does")

    return try_program


def _run(miner_type: str, program: Path) -> None:
    """Have it say its version.

    Raises:
        OperationFailed: it cannot be started, or fails.
    """
    try:
        run = run_briefly((str(program), "--version"), within_s=RUNS_WITHIN_S, cwd=program.parent, env={})
    except OSError as error:
        raise _does_not_run(miner_type, f"it cannot be started ({error.strerror})") from None
    if run.code is None:
        raise _does_not_run(miner_type, f"it did not say its version within {RUNS_WITHIN_S:g} s")
    if run.code != 0:
        words = " / ".join(spoken_lines(run.output)[:3])[:300] or "without a word"
        raise _does_not_run(miner_type, f"it ended with {run.code} ({words})")


def _does_not_run(miner_type: str, why: str) -> OperationFailed:
    return OperationFailed(
        f"The new {miner_type} does not run on this rig: {why}. The rig keeps the program it had.",
        suggestion="Deploy a bundle that is made for this machine.",
        code="PROGRAM_DOES_NOT_RUN",
    )
