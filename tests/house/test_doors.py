"""The doors of the house: who may import whom (docs/decisions/0001-rooms.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import doors

SOURCE = Path(__file__).parents[2] / "src" / "miner_ctrl"


def test_every_import_goes_through_a_door() -> None:
    assert doors.violations(SOURCE) == []


def test_worker_and_controller_know_nothing_of_each_other() -> None:
    assert "controller" not in doors.DOORS["worker"]
    assert "worker" not in doors.DOORS["controller"]


def test_api_and_cli_see_no_keys_and_no_sockets() -> None:
    for name in ("api", "cli"):
        assert doors.DOORS[name].isdisjoint({"identity", "session", "transport", "protocol", "keeper"})


def house(root: Path, **modules: str) -> Path:
    """Build a small package of the given modules (``__`` in a name is a folder) and return its path."""
    package = root / "miner_ctrl"
    for name, source in {"__init__": "", "errors": "", "model__nodes": "", **modules}.items():
        path = package / (name.replace("__", "/") if name.strip("_") == name else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(source)
    return package


def test_a_clean_house_passes(tmp_path: Path) -> None:
    package = house(
        tmp_path,
        worker__serve="import msgspec\nfrom miner_ctrl.protocol.codec import decode\nfrom miner_ctrl import errors\n",
        protocol__codec="from miner_ctrl.model.nodes import Role\nfrom . import limits\nfrom .limits import A\n",
        protocol__limits="A = 1\n",
        agent="from miner_ctrl import run, __version__\n",
        run="from miner_ctrl.app import Node\n",
        app="import miner_ctrl.worker.serve\nimport miner_ctrl.protocol.codec\n",
    )
    assert doors.violations(package) == []


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("worker__serve", "from miner_ctrl.controller import fleet", "worker must not import controller"),
        ("controller__fleet", "import miner_ctrl.worker", "controller must not import worker"),
        ("session__noise", "from miner_ctrl import peers", "session must not import peers"),
        ("peers__trust", "from ..transport import endpoint", "peers must not import transport"),
        ("peers__trust", "from .. import transport", "peers must not import transport"),
        (
            "api__routes",
            "def late():\n    from miner_ctrl.identity.keys import NodeKeys",
            "api must not import identity",
        ),
        (
            "api__routes",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import miner_ctrl.session",
            "session",
        ),
        ("cli__peer", "from miner_ctrl.app import Node", "cli must not import app"),
        (
            "cli__peer",
            "import importlib\nimportlib.import_module('miner_ctrl.peers.registry')",
            "must not import peers",
        ),
        ("keeper__main", "from miner_ctrl import errors", "keeper must not import errors"),
        ("keeper__main", "from miner_ctrl.model.nodes import Role", "keeper must not import model"),
        ("model__more", "from miner_ctrl.protocol import limits", "model must not import protocol"),
        ("errors", "from miner_ctrl.model import nodes", "errors must not import model"),
        ("storage__atomic", "from miner_ctrl.identity import keys", "storage must not import identity"),
        ("attic__box", "X = 1", "attic/ is in no rule"),
        ("app", "\n" * 200, "app.py has 200 lines"),
    ],
)
def test_a_breach_is_named(tmp_path: Path, module: str, source: str, said: str) -> None:
    rooms = dict.fromkeys(
        (f"{name}__room" for name in ("worker", "controller", "peers", "transport", "identity", "session", "protocol")),
        "",
    )
    package = house(tmp_path, **{**rooms, "app": "", "run": "", module: source})
    found = doors.violations(package)
    assert len(found) == 1, found
    assert said in found[0]


def test_the_document_says_of_each_room_what_the_rule_says() -> None:
    page = (SOURCE.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `([a-z_]+)(?:/|\.py)` \| .* \| (.*) \|$", page, re.MULTILINE)
    said = {
        name: set(re.findall(r"`(\w+)`", allowed)) - doors.WHOLE_NODE for name, allowed in rows if name != doors.WIRES
    }
    assert said == {name: allowed for name, allowed in doors.DOORS.items() if not name.startswith("__")}
