"""What the OpenAPI document promises is so, for a tool that tries everything it says and everything it forbids."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.api_fuzz import WITHOUT_PROGRAMS, fuzz
from tests.integration.paired import paired


@pytest.mark.timeout(900)
def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    with paired(tmp_path, env=WITHOUT_PROGRAMS) as node:
        done = fuzz(node, seconds=0, examples=3, report=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Tested: " in done.stdout
        assert "Traceback" not in node.desk.log()
        assert node.ask("GET", "/health").status == 200
