"""A rig's node loads what a rig needs: each room more is memory beside a miner, for years."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOADED = "import sys, miner_ctrl.run; print('\\n'.join(sys.modules))"


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    """The modules that are there when a node is about to start, in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


@pytest.mark.parametrize(
    "room",
    ["controller", "history", "doctor", "api.application", "api.faces", "api.guard", "access", "deploy.bundles"],
)
def test_a_node_starts_without_what_only_controllers_and_people_need(loaded: frozenset[str], room: str) -> None:
    name = f"miner_ctrl.{room}"
    assert "miner_ctrl.worker" in loaded
    assert not [module for module in loaded if module == name or module.startswith(f"{name}.")]


@pytest.mark.parametrize(
    "heavy", ["statistics", "fractions", "psutil", "yaml", "starlette", "uvicorn", "uvloop", "argon2"]
)
def test_a_node_starts_without_heavy_libraries(loaded: frozenset[str], heavy: str) -> None:
    assert heavy not in loaded
