"""Miner programs from a controller to rigs, over real sockets: the real XMRig, links that are cut, agents that die."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.components.monerod import WALLET, Chain
from tests.components.xmrig_bundle import xmrig_archive
from tests.deploy.archives import speaking, tar_of
from tests.integration.conftest import MakeNode
from tests.integration.cuttable import Cuttable
from tests.integration.nodes import NodeProcess, is_running, wait_for
from tests.integration.test_rig_under_control import FOR_XMRIG, MINES_WITHIN_S, mined

MB = 1_000_000


@pytest.fixture
def desk(make_node: MakeNode) -> NodeProcess:
    desk = make_node("desk")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    desk.serve()
    return desk


def rig_of(make_node: MakeNode, desk: NodeProcess, name: str = "rig-alpha", *, install: bool = True) -> NodeProcess:
    """Return a rig without any XMRig, joined to ``desk``; the controller may install there."""
    rig = make_node(name, env={"PATH": "/usr/sbin:/sbin:/bin", "MINER_CTRL_XMRIG": ""})
    rig.join(desk, name)
    if install:
        rig.done("peer", "grant", "desk", "observe,control,install")
    rig.serve()
    desk.wait_until_connected(name)
    return rig


def archive_of(folder: Path, version: str, *, size: int = 0) -> Path:
    """Return an archive with a program that says it is XMRig, and ``size`` bytes that cannot be made smaller."""
    path = folder / f"xmrig-{version}.tar"
    path.write_bytes(tar_of({f"x/{version}/xmrig": speaking(version), "x/data": os.urandom(size)}))
    return path


def installed(desk: NodeProcess, rig: str) -> Any:
    info = desk.ask(f"/remote/{rig}/info") or {}
    return next((one for one in info.get("miners", []) if one["type"] == "xmrig"), {})


def programs(rig: NodeProcess) -> set[str]:
    return {str(path.relative_to(rig.home)) for path in (rig.home / "data/programs").rglob("*")}


def test_the_real_xmrig_is_deployed_runs_is_replaced_and_rolled_back(
    make_node: MakeNode, desk: NodeProcess, tmp_path: Path, chain: Chain, xmrig_program: Path
) -> None:
    rig = rig_of(make_node, desk)
    assert not installed(desk, "rig-alpha")["installed"]
    first = xmrig_archive(xmrig_program, tmp_path, version="6.22.1", note="one")
    second = xmrig_archive(xmrig_program, tmp_path, version="6.22.2", note="another")
    said = desk.done("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--file", str(first))
    assert "rig-alpha has xmrig 6.22.1." in said

    desk.done("profile", "create", "solo", "--pool", chain.address, *FOR_XMRIG)
    assert WALLET
    desk.done("remote", "start", "rig-alpha", "--profile", "solo")
    miner = wait_for("a share", lambda: mined(desk, "rig-alpha", "xmrig-1"), MINES_WITHIN_S, every_s=0.5)
    here = installed(desk, "rig-alpha")
    assert here["path"].startswith(str(rig.home / "data/programs/xmrig/"))
    assert here["version"] == miner["version"]

    desk.done("bundle", "add", str(second), "--miner", "xmrig")
    answer = desk.answer("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--version", "6.22.2")
    assert (answer["status"], answer["version"], answer["restarted"]) == ("installed", "6.22.2", [])
    assert is_running(miner["pid"]), "what runs goes on with the old program"
    assert installed(desk, "rig-alpha")["previous"] == "6.22.1"

    answer = desk.answer("remote", "rollback", "rig-alpha", "--miner", "xmrig", "--restart")
    assert (answer["status"], answer["version"], answer["restarted"]) == ("rolled back", "6.22.1", ["xmrig-1"])
    again = wait_for("it to mine again", lambda: mined(desk, "rig-alpha", "xmrig-1"), MINES_WITHIN_S, every_s=0.5)
    assert again["pid"] != miner["pid"]
    assert installed(desk, "rig-alpha")["path"] == here["path"]
    assert installed(desk, "rig-alpha")["previous"] == "6.22.2"
    desk.done("remote", "stop", "rig-alpha")


def test_a_link_cut_twice_costs_nothing_that_has_arrived(
    make_node: MakeNode, desk: NodeProcess, tmp_path: Path
) -> None:
    rig = make_node("rig-alpha", env={"PATH": "/usr/sbin:/sbin:/bin"})
    between = Cuttable(desk.address)
    try:
        token = desk.answer("peer", "invite", "--address", between.address)["token"]
        rig.done("node", "join", "-", "--name", "rig-alpha", stdin=token)
        rig.done("peer", "grant", "desk", "observe,control,install")
        rig.serve()
        desk.wait_until_connected("rig-alpha")
        archive = archive_of(tmp_path, "6.9.1", size=24 * MB)
        partial = rig.home / "data/programs/incoming"
        with desk.following("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--file", str(archive)) as deploy:
            for arrived in (6 * MB, 14 * MB):
                wait_for(f"{arrived} bytes", partial_of(arrived, partial), every_s=0.002)
                between.cut_now()
                deploy.wait_for("link is lost")
            deploy.wait_for("rig-alpha has xmrig 6.9.1.")
        assert installed(desk, "rig-alpha")["version"] == "6.9.1"
        assert not partial.exists()
    finally:
        between.close()


def partial_of(least: int, folder: Path) -> Callable[[], bool]:
    """Return what says whether so much of a bundle has arrived."""
    return lambda: any(path.stat().st_size >= least for path in folder.glob("*.part"))
