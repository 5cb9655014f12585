"""Miner programs from a controller to rigs, over real sockets: the real XMRig, links that are cut, agents that die."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from miner_ctrl.model.history import RigEvent
from tests.components.monerod import WALLET, Chain
from tests.components.xmrig_bundle import xmrig_archive
from tests.deploy.archives import speaking, tar_of
from tests.integration.conftest import MakeNode
from tests.integration.cuttable import Cuttable
from tests.integration.nodes import NodeProcess, is_running, wait_for
from tests.integration.test_history_fill_in import journal_of
from tests.integration.test_rig_under_control import FOR_XMRIG, MINES_WITHIN_S, mined

MB = 1_000_000


@pytest.fixture
def desk(make_node: MakeNode) -> NodeProcess:
    desk = make_node("desk")
    desk.done("node", "init", "--name", "desk", "--role", "controller")
    desk.serve()
    return desk


def rig_of(make_node: MakeNode, desk: NodeProcess, name: str = "rig-alpha", *, install: bool = True) -> NodeProcess:
    """Return a rig without any XMRig, joined to ``desk``; unless told otherwise the controller may install there."""
    rig = make_node(name, env={"PATH": "/usr/sbin:/sbin:/bin", "MINER_CTRL_XMRIG": ""})
    rig.join(desk, name)
    if not install:
        rig.done("peer", "grant", "desk", "observe,control")
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


def kinds(rig: NodeProcess) -> list[str]:
    """Return the kinds of the events in a rig's journal."""
    return [entry.what.kind for entry in journal_of(rig)[1] if isinstance(entry.what, RigEvent)]


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


def test_an_agent_killed_in_the_middle_goes_on_where_it_was(
    make_node: MakeNode, desk: NodeProcess, tmp_path: Path
) -> None:
    rig = rig_of(make_node, desk)
    archive = archive_of(tmp_path, "6.9.2", size=24 * MB)
    partial = rig.home / "data/programs/incoming"
    with desk.following("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--file", str(archive)) as deploy:
        wait_for("8 MB", partial_of(8 * MB, partial), every_s=0.002)
        rig.kill()
        deploy.wait_for("link is lost")
        [held] = partial.glob("*.part")
        size = held.stat().st_size
        assert 8 * MB <= size < 24 * MB
        rig.serve()
        wait_for("more", lambda: not held.exists() or held.stat().st_size > size, every_s=0.002)
        assert not held.exists() or held.stat().st_size >= size, "it began anew"
        deploy.wait_for("rig-alpha has xmrig 6.9.2.")
    assert installed(desk, "rig-alpha")["version"] == "6.9.2"


def test_without_the_install_grant_nothing_is_taken(make_node: MakeNode, desk: NodeProcess, tmp_path: Path) -> None:
    rig = rig_of(make_node, desk, install=False)
    before = programs(rig)
    archive = archive_of(tmp_path, "6.9.3")
    refused = desk.cli("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--file", str(archive))
    assert refused.code == 4
    assert "has not granted install" in refused.err
    assert "miner-ctrl peer grant PEER observe,control,install" in refused.err
    assert desk.cli("remote", "rollback", "rig-alpha", "--miner", "xmrig").code == 4
    assert programs(rig) == before
    rig.done("peer", "grant", "desk", "observe,control,install")
    desk.wait_until_connected("rig-alpha")
    nothing = desk.cli("remote", "rollback", "rig-alpha", "--miner", "xmrig")
    assert nothing.code == 1
    assert "no earlier version" in nothing.err


def test_to_several_rigs_each_is_told_of_and_the_first_failure_counts(
    make_node: MakeNode, desk: NodeProcess, tmp_path: Path
) -> None:
    rig_of(make_node, desk, "rig-alpha")
    rig_of(make_node, desk, "rig-beta", install=False)
    rig_of(make_node, desk, "rig-gamma")
    desk.done("bundle", "add", str(archive_of(tmp_path, "6.9.4", size=MB)), "--miner", "xmrig")
    ended = desk.cli("remote", "deploy", "rig-alpha", "rig-beta", "rig-gamma", "--miner", "xmrig")
    assert ended.code == 4
    assert ended.out.splitlines() == [
        "rig-alpha has xmrig 6.9.4.",
        "rig-gamma has xmrig 6.9.4.",
        "2 of 3 rigs have it.",
    ]
    assert "rig-beta: " in ended.err
    again = [json.loads(line) for line in desk.done(
        "remote", "deploy", "rig-alpha", "rig-gamma", "--miner", "xmrig", "--json").splitlines()]  # fmt: skip
    assert [(one["status"], one["version"]) for one in again] == [("installed", "6.9.4")] * 2
    [bundle] = desk.answer("bundle", "list")
    desk.done("bundle", "remove", bundle["sha256"][:10])
    gone = desk.cli("remote", "deploy", "rig-alpha", "--miner", "xmrig")
    assert (gone.code, "There is no bundle for xmrig" in gone.err) == (1, True)


def test_what_does_not_run_on_the_rig_is_not_switched_to(
    make_node: MakeNode, desk: NodeProcess, tmp_path: Path
) -> None:
    rig = rig_of(make_node, desk)
    desk.done("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--file", str(archive_of(tmp_path, "6.9.5")))
    before = programs(rig)
    for number, program in enumerate(
        (b"#!/bin/sh\necho broken; exit 3\n", b"#!/nowhere\n", b"#!/bin/sh\necho hello\n")
    ):
        path = tmp_path / f"broken-{number}.tar"
        path.write_bytes(tar_of({"xmrig": program}))
        refused = desk.cli(
            "remote", "deploy", "rig-alpha", "--miner", "xmrig", "--version", f"7.{number}", "--file", str(path)
        )
        assert refused.code == 1
        assert "does not run on this rig" in refused.err
        assert programs(rig) == before
    assert installed(desk, "rig-alpha")["version"] == "6.9.5"
    other = tmp_path / "other.tar"
    other.write_bytes(tar_of({"xmrig": b"\x7fELF\2\1" + bytes(12) + b"\xb7\0" + bytes(100)}))
    refused = desk.cli("remote", "deploy", "rig-alpha", "--miner", "xmrig", "--version", "8.0", "--file", str(other))
    assert "is for linux on aarch64, and the rig is linux on x86_64" in refused.err
    assert programs(rig) == before


def test_a_bundle_that_an_operator_signed_elsewhere(make_node: MakeNode, desk: NodeProcess, tmp_path: Path) -> None:
    key_file, offer = tmp_path / "operator.pem", tmp_path / "offer.json"
    key = Ed25519PrivateKey.generate()
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    archive = archive_of(tmp_path, "6.9.6")
    sign = ("bundle", "sign", str(archive), "--key", str(key_file), "--miner", "xmrig", "-o", str(offer))
    key_file.chmod(0o644)
    assert "open to others" in desk.cli(*sign).err
    key_file.chmod(0o600)
    desk.done(*sign)
    added = desk.answer("bundle", "add", str(archive), "--offer", str(offer))
    assert added["signedBy"]
    rig = make_node("rig-alpha", env={"PATH": "/usr/sbin:/sbin:/bin", "MINER_CTRL_XMRIG": ""})
    public = b64encode(key.public_key().public_bytes_raw()).decode()
    wrong = rig.cli("node", "join", "-", "--operator-key", "nonsense", stdin=desk.invite())
    assert (wrong.code, "is no public key" in wrong.err) == (2, True)
    rig.done("node", "join", "-", "--name", "rig-alpha", "--operator-key", public, stdin=desk.invite())
    rig.serve()
    desk.wait_until_connected("rig-alpha")
    assert "rig-alpha has xmrig 6.9.6." in desk.done("remote", "deploy", "rig-alpha", "--miner", "xmrig")
    wait_for("the journal", lambda: "deployed" in kinds(rig))
    assert "refused" not in kinds(rig), "the operator's signature counts, and not only the controller's"
