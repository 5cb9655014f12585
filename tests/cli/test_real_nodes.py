"""The command line and the real node: without a running one, through one, and between two."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.fake_node import Ended, command, ended_after, environment, run


def answer(home: Path, *arguments: str) -> Any:
    ended = run(home, *arguments, "--json")
    assert ended.code == 0, ended.err
    return json.loads(ended.out)


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run ``node serve`` until the block ends; yield it once it serves."""
    arguments = arguments or ("node", "serve", "--listen", "127.0.0.1:0", "--no-api")
    with ended_after(
        subprocess.Popen(
            command(home, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), text=True
        )
    ) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "Serving at" in line:
                break
        else:
            raise AssertionError("".join(said))
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            drain.join(10)


def test_a_node_without_an_identity_does_not_say_that_it_serves(home: Path) -> None:
    arguments = ("node", "serve", "--listen", "127.0.0.1:0", "--no-api", "--no-init")
    with ended_after(
        subprocess.Popen(command(home, *arguments), stderr=subprocess.PIPE, env=environment(), text=True)
    ) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert "Waiting for an identity" in said


def test_without_a_running_node_a_command_does_its_work_and_leaves_nothing_running(home: Path) -> None:
    made = answer(home, "node", "init", "--name", "desk", "--role", "controller")
    assert made["name"] == "desk"
    info = answer(home, "node", "info")
    assert info["identity"]["id"] == made["id"]
    assert info["serving"] is False
    assert not list((home / "run").glob("*.sock"))
    again = run(home, "node", "init", "--name", "other")
    assert again.code == 1
    assert "identity already" in again.err


def test_commands_at_the_same_time_wait_for_each_other(home: Path) -> None:
    answer(home, "node", "init", "--name", "desk")
    ended: list[Ended] = []
    threads = [threading.Thread(target=lambda: ended.append(run(home, "profile", "list"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(one.code, one.err) for one in ended] == [(0, "")] * 4


def test_a_rig_joins_with_a_token_and_both_know_each_other(home: Path, tmp_path: Path) -> None:
    rig = tmp_path / "rig"
    answer(home, "node", "init", "--name", "desk", "--role", "controller")
    with serving(home):
        [address] = answer(home, "node", "info")["addresses"]
        invite = answer(home, "peer", "invite", "--address", address)
        assert {"id", "token", "expiresAt"} <= invite.keys()
        joined = run(rig, "node", "join", "-", "--name", "rig-alpha", stdin=invite["token"])
        assert joined.code == 0, joined.err
        assert "Joined desk" in joined.out
        assert invite["token"] not in joined.out
        [known] = answer(home, "peer", "list")
        assert known["name"] == "rig-alpha"
        used = run(tmp_path / "late", "node", "join", invite["token"])
        assert used.code == 4
        assert "Traceback" not in used.err
        unreachable = run(home, "remote", "status", "rig-alpha")
        assert unreachable.code == 3, unreachable
        assert run(home, "remote", "status").code == 0
        with serving(rig):
            pinged = run(home, "peer", "ping", "rig-alpha")
            assert pinged.code == 0, pinged.err


def test_a_revoked_invite_is_refused_and_nothing_is_half_stored(home: Path, tmp_path: Path) -> None:
    answer(home, "node", "init", "--name", "desk", "--role", "controller")
    with serving(home):
        [address] = answer(home, "node", "info")["addresses"]
        invite = answer(home, "peer", "invite", "--address", address)
        assert run(home, "peer", "revoke", invite["id"]).code == 0
        refused = run(tmp_path / "rig", "node", "join", invite["token"])
        assert refused.code == 4
        assert answer(tmp_path / "rig", "peer", "list") == []
        assert answer(home, "peer", "list") == []


def test_by_address_the_dialler_waits_until_it_is_approved(home: Path, tmp_path: Path) -> None:
    rig = tmp_path / "rig"
    answer(rig, "node", "init", "--name", "rig-alpha", "--role", "worker")
    own = answer(home, "node", "init", "--name", "desk", "--role", "controller")
    with serving(rig):
        [address] = answer(rig, "node", "info")["addresses"]
        added = run(home, "peer", "add", "--address", address, "--name", "alpha")
        assert added.code == 0, added.err
        assert f"miner-ctrl peer approve {own['id']}" in added.out
        refused = run(home, "remote", "status", "alpha")
        assert refused.code == 4, refused
        [waiting] = answer(rig, "peer", "pending")
        assert waiting["id"] == own["id"]
        assert run(rig, "peer", "approve", own["id"][:8]).code != 0
        approved = run(rig, "peer", "approve", own["id"])
        assert approved.code == 0, approved.err
        assert "observe" in approved.out
        status = run(home, "remote", "status", "alpha")
        assert status.code == 0, status.err
        assert "idle" in status.out


def test_nobody_there_is_code_3_and_a_bad_token_code_2(home: Path) -> None:
    answer(home, "node", "init", "--name", "desk")
    gone = run(home, "peer", "add", "--address", "127.0.0.1:1")
    assert gone.code == 3
    assert gone.err.startswith("Error: ")
    assert run(home, "node", "join", "nonsense").code == 2
    assert answer(home, "peer", "list") == []


def test_ctrl_c_ends_serve_quietly(home: Path) -> None:
    with serving(home, "node", "serve", "--listen", "127.0.0.1:0", "--no-api") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_second_node_of_a_home_is_refused(home: Path) -> None:
    with serving(home):
        second = run(home, "node", "serve", "--listen", "127.0.0.1:0", "--no-api")
        assert second.code == 1
        assert "Traceback" not in second.err
