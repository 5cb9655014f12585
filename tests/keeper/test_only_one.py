"""A miner never runs twice: of two keepers for one folder the second gives way, and one that nobody awaits starts
nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.keeper.keeping import KEEPER, Kept, lives, python

SLEEPS = python("import time; time.sleep(600)")


def order(marks: Path) -> bytes:
    code = f"open({str(marks)!r}, 'a').write('x'); import time; time.sleep(600)"
    return json.dumps({"argv": python(code), "env": {}, "log_segment_bytes": 1000, "log_segments": 2}).encode()


def test_a_second_keeper_gives_way(kept: Kept, tmp_path: Path) -> None:
    kept.start(SLEEPS)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-E", str(KEEPER), str(kept.folder), str(tmp_path / "other")],
        input=order(tmp_path / "marks"), capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    assert "another keeper" in json.loads(done.stdout)["error"]
    assert not (tmp_path / "marks").exists()
    assert lives(kept.report["pid"])


def test_a_keeper_whose_agent_has_ended_starts_nothing(tmp_path: Path) -> None:
    reads, writes = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-E", str(KEEPER), str(tmp_path), str(tmp_path / "door")],
        stdin=subprocess.PIPE, stdout=writes,
    )  # fmt: skip
    os.close(writes)
    os.close(reads)  # the agent is killed before the keeper has read its order
    process.communicate(order(tmp_path / "marks"), timeout=60)
    time.sleep(0.5)
    assert not (tmp_path / "state.json").exists()
    assert not (tmp_path / "marks").exists()
