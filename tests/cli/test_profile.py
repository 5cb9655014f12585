"""``profile``: what is asked of the node, what people read, and the editor on a real terminal.

What is kept, and what is refused, is seen to by the real API on a real store, served in this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import pty
import stat
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pytest

from miner_ctrl.api.application import build_app
from miner_ctrl.api.faces import Faces
from miner_ctrl.api.local_door import LocalDoor
from miner_ctrl.api.serving import HttpServing
from miner_ctrl.cli.profile_files import MAX_FILE_BYTES
from miner_ctrl.cli.profile_settings import LISTS, MASKED, NO_PASSWORD, TEXT_FIELDS, TEXT_OR_LIST
from miner_ctrl.config import Home
from miner_ctrl.model.callers import LOOPBACK
from miner_ctrl.model.profiles import MAX_DOCUMENT_BYTES, PoolConfig
from miner_ctrl.profiles import ProfileStore
from miner_ctrl.profiles.fields import BY_NAME
from tests.api.in_memory import Node
from tests.cli.fake_node import Ended, FakeNode, command, ended_after, environment, run, run_on_terminal

WALLET = "48edfHu7V9Z84YzzMa6fUueoELZ9ZRXq9VetWzYGzKt52XU5xvqgzYnDK9URnRoJMk1j8nLwEVsaSWJ4fhdUyZijBGUicoD"
CONFIG: dict[str, Any] = {"pool": "pool.example:3333", "wallet": WALLET, "threads": 4}
PROFILE = {"id": "a1", "name": "p", "minerType": "xmrig", "hash": "ab" * 32, "config": CONFIG}


@contextmanager
def serving(home: Path) -> Iterator[Path]:
    """Serve the profiles of ``home`` on its socket, from a thread of their own."""
    opened, ended = threading.Event(), threading.Event()
    store = ProfileStore(home / "profiles.db")

    async def serve() -> None:
        faces = Faces(Node(), profiles=store)
        door = LocalDoor(lambda: HttpServing(build_app(lambda: faces), caller=LOOPBACK), Home.resolve(str(home)).socket)
        store.open()
        await door.open()
        opened.set()
        await asyncio.to_thread(ended.wait)
        await door.close()
        store.close()

    home.mkdir(exist_ok=True)
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert opened.wait(30)
        yield home
    finally:
        ended.set()
        thread.join(30)


@pytest.fixture
def served(home: Path) -> Iterator[Path]:
    with serving(home):
        yield home


def sets(*texts: str) -> list[str]:
    return [part for text in texts for part in ("--set", text)]


def test_what_the_command_line_knows_of_fields_is_what_there_is() -> None:
    assert set(BY_NAME) >= TEXT_FIELDS | TEXT_OR_LIST | LISTS
    assert PoolConfig(pool="").password in NO_PASSWORD
    assert MAX_FILE_BYTES == MAX_DOCUMENT_BYTES


def test_several_pools_are_the_first_and_those_to_fall_back_on(node: FakeNode, home: Path) -> None:
    node.on("POST", "/profiles", PROFILE, 201)
    pools = ["--pool", "a:1", "--pool", "b:2", "--pool", "c:3"]
    assert run(home, "profile", "create", "p", *pools, "--wallet", "w").code == 0
    assert node.asked[-1].body["config"] == {"pool": "a:1", "wallet": "w", "failover": ["b:2", "c:3"]}


def test_values_have_the_type_they_look_like(node: FakeNode, home: Path) -> None:
    node.on("POST", "/profiles", PROFILE, 201)
    texts = sets(
        "cpu-affinity=0-3",
        "devices=0",
        "extra-args=--cpu-no-yield",
        "failover=b:2",
        'gpuPool={"pool": "g:1"}',
        "tls-fingerprint=12",
        "proxy=1",
        "intensity=1.5",
        "pauseOnActivity=true",
        "threads=NaN",
    )
    assert run(home, "profile", "create", "p", "--pool", "a:1", *texts).code == 0
    assert node.asked[-1].body["config"] == {
        "pool": "a:1",
        "cpuAffinity": "0-3",
        "devices": "0",
        "extraArgs": ["--cpu-no-yield"],
        "failover": ["b:2"],
        "gpuPool": {"pool": "g:1"},
        "tlsFingerprint": "12",
        "proxy": "1",
        "intensity": 1.5,
        "pauseOnActivity": True,
        "threads": "NaN",
    }
    assert (
        run(home, "profile", "create", "p", "--pool", "a:1", *sets("devices=[0, 2]", 'extraArgs=["-x", "y"]')).code == 0
    )
    assert node.asked[-1].body["config"] == {"pool": "a:1", "devices": [0, 2], "extraArgs": ["-x", "y"]}


def test_a_password_need_not_be_in_the_process_list(node: FakeNode, home: Path) -> None:
    node.on("POST", "/profiles", PROFILE, 201)
    ended = run(home, "profile", "create", "p", "--pool", "a:1", *sets("password=-"), stdin="hunter2\n")
    assert ended.code == 0
    assert node.asked[-1].body["config"]["password"] == "hunter2"
    assert "hunter2" not in ended.out + ended.err


def test_passwords_are_shown_only_with_json(node: FakeNode, home: Path) -> None:
    gpu = {"pool": "g:1", "password": "hunter4"}
    config = {
        **CONFIG,
        "password": "hunter2",
        "failover": ["b:2", {"pool": "c:3", "password": "hunter3"}],
        "gpuPool": gpu,
    }
    node.on("GET", "/profiles/p", {**PROFILE, "config": config})
    shown = run(home, "profile", "show", "p").out
    assert "hunter" not in shown
    assert shown.count(MASKED) == 3
    for line in ("failover[0]           b:2", "failover[1].pool      c:3", "gpuPool.pool          g:1"):
        assert line in shown
    assert json.loads(run(home, "profile", "show", "p", "--json").out)["config"] == config
    node.on("GET", "/profiles/p", {**PROFILE, "config": {**CONFIG, "password": "x"}})
    assert MASKED not in run(home, "profile", "show", "p").out


def test_editing_by_options(node: FakeNode, home: Path) -> None:
    node.on("GET", "/profiles/p", {**PROFILE, "config": {**CONFIG, "failover": ["old:1"]}})
    node.on("PUT", "/profiles/a1", {**PROFILE, "name": "q"})
    options = ["--name", "q", "--wallet", "w", "--unset", "threads", *sets("donate-level=2"), "--pool", "new:1"]
    ended = run(home, "profile", "edit", "p", *options)
    assert (ended.code, ended.out) == (0, "Profile q is changed, and now abababababab.\n")
    assert node.asked[-1].body == {
        "name": "q",
        "minerType": "xmrig",
        "config": {"pool": "new:1", "wallet": "w", "failover": ["old:1"], "donateLevel": 2},
        "ifHash": "ab" * 32,
    }
    assert run(home, "profile", "edit", "p", "--pool", "new:1", "--pool", "new:2").code == 0
    assert node.asked[-1].body["config"]["failover"] == ["new:2"]


def test_what_cannot_be_edited(node: FakeNode, home: Path) -> None:
    node.on("GET", "/profiles/p", PROFILE)
    ended = run(home, "profile", "edit", "p", "--unset", "algo")
    assert (ended.code, "p does not set it" in ended.err) == (2, True)
    ended = run(home, "profile", "edit", "p")
    assert (ended.code, "no terminal for an editor" in ended.err) == (2, True)
    assert [asked.method for asked in node.asked if asked.method != "GET"] == []


def test_history_says_in_what_versions_differ_within_80_columns(node: FakeNode, home: Path) -> None:
    versions = [
        {"hash": "ab" * 32, "minerType": "xmrig", "config": CONFIG, "at": "2026-01-01T00:00:00Z", "current": True},
        {"hash": "cd" * 32, "minerType": "tt-miner", "config": {"pool": "x:1"}, "at": None, "current": False},
    ]
    node.on("GET", "/profiles/p/versions", versions)
    ended = run_on_terminal(home, "profile", "history", "p", columns=80)
    assert ended.code == 0
    lines = click.unstyle(ended.out).splitlines()
    first, second = [line for line in lines if "abab" in line or "cdcd" in line]
    assert "minerType, pool, wallet, threads" in first
    assert "current" in first
    assert "current" not in second
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("served")
def test_fields_fit_a_terminal(home: Path) -> None:
    ended = run_on_terminal(home, "profile", "fields", columns=80)
    assert ended.code == 0
    lines = click.unstyle(ended.out).splitlines()
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if not line.startswith(" ")} == set(BY_NAME)
    one = run(home, "profile", "fields", "donate-level").out
    assert one.startswith("donateLevel  0 to 99 (left out: 1)\n")
    wrong = run(home, "profile", "fields", "donation")
    assert (wrong.code, "donateLevel" in wrong.err) == (2, True)


# --- files ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("served")
def test_files_go_from_one_node_to_another(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with serving(other):
        _files_go(home, other, tmp_path)


def _files_go(home: Path, other: Path, tmp_path: Path) -> None:
    create = ["profile", "create", "p", "--pool", "a.example:1", "--pool", "b.example:2", "--wallet", WALLET]
    assert run(home, *create, *sets("password=pw")).code == 0
    file = tmp_path / "profiles.yaml"
    exported = run(home, "profile", "export", "--output", str(file))
    assert (exported.code, exported.out) == (0, "")
    assert "passwords of pools" in exported.err
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run(home, "profile", "export", "--output", str(file))
    assert (again.code, "is there already" in again.err) == (1, True)
    assert run(home, "profile", "export").out == file.read_text()

    imported = run(other, "profile", "import", str(file))
    assert (imported.code, imported.out) == (0, "1 profile created: p\n")
    hashes = [json.loads(run(place, "profile", "show", "p", "--json").out)["hash"] for place in (home, other)]
    assert hashes[0] == hashes[1]

    assert run(home, "profile", "edit", "p", *sets("threads=2")).code == 0
    text = run(home, "profile", "export", "p", "--format", "json").out
    taken = run(other, "profile", "import", "-", stdin=text)
    assert (taken.code, "--replace" in taken.err) == (1, True)
    assert run(other, "profile", "import", "-", "--replace", stdin=text).out == "1 profile replaced: p\n"
    assert run(other, "profile", "revert", "p", hashes[1][:10]).code == 0
    assert json.loads(run(other, "profile", "show", "p", "--json").out)["hash"] == hashes[0]
    shown = run(other, "profile", "history", "p")
    assert (shown.code, shown.out.count("current"), len(shown.out.splitlines())) == (0, 1, 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b" " * (MAX_FILE_BYTES + 1), "1024 KiB"), (b"\xff\xfe", "UTF-8")],
)
def test_a_file_that_no_node_is_asked_about(
    node: FakeNode, home: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "profiles.yaml"
    file.write_bytes(content)
    ended = run(home, "profile", "import", str(file))
    assert (ended.code, said in ended.err) == (2, True)
    assert node.asked == []


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("p.yaml", "{}", "yaml"),
        ("p.YML", "[]", "yaml"),
        ("p.json", "x", "json"),
        ("p.txt", " [1]", "json"),
        ("p", "name: p", "yaml"),
    ],
)
def test_the_form_is_that_of_the_name_or_of_the_text(
    node: FakeNode, home: Path, tmp_path: Path, name: str, text: str, form: str
) -> None:
    node.on("POST", "/profiles/import", {"created": [], "replaced": [], "unchanged": []})
    (tmp_path / name).write_text("\ufeff" + text)
    assert run(home, "profile", "import", str(tmp_path / name)).code == 0
    assert node.asked[-1].body == {"document": text, "format": form, "replace": False}


# --- the editor -----------------------------------------------------------------------------------------


def editor(tmp_path: Path, *steps: str) -> str:
    """Return an editor that does the next of these shell commands to its file (``$1``) each time it is called."""
    script = tmp_path / "editor"
    cases = "\n".join(f"{number}) {step} ;;" for number, step in enumerate(steps, 1))
    script.write_text(
        f"#!/bin/sh\nn=$(($(cat {tmp_path}/calls 2>/dev/null || echo 0) + 1))\necho $n > {tmp_path}/calls\n"
        f'cp "$1" {tmp_path}/before-$n\n# the time of the last change has to differ\ntouch -d "2 minutes ago" "$1"\n'
        f"case $n in\n{cases}\nesac\n"
    )
    script.chmod(0o700)
    return str(script)


def edit_on_terminal(home: Path, tmp_path: Path, editor: str, typed: str = "") -> Ended:
    """Run ``profile edit p`` on a terminal; stderr, where it asks, is a pipe."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(home, "profile", "edit", "p"),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=environment(EDITOR=editor, VISUAL=editor, TMPDIR=str(tmp_path)),
    )
    with ended_after(process):
        os.close(theirs)
        os.write(ours, typed.encode() + b"\x04")  # then the end: no question waits for ever
        out = b""
        try:
            while part := os.read(ours, 65536):
                out += part
        except OSError:
            pass  # Linux says EIO when the other end is closed
        os.close(ours)
        assert process.stderr is not None
        err = process.stderr.read().decode()
        code = process.wait(60)
    return Ended(code, out.decode(), err)


@pytest.fixture
def kept(served: Path) -> Path:
    assert run(served, "profile", "create", "p", "--pool", "a.example:1", "--wallet", WALLET).code == 0
    return served


def profile_of(home: Path) -> Any:
    return json.loads(run(home, "profile", "show", "p", "--json").out)


def test_what_was_written_in_the_editor_is_taken(kept: Path, tmp_path: Path) -> None:
    before = profile_of(kept)
    ended = edit_on_terminal(kept, tmp_path, editor(tmp_path, 'echo "  threads: 3" >> "$1"'))
    assert (ended.code, "Profile p is changed" in ended.out) == (0, True), ended
    after = profile_of(kept)
    assert after["config"] == {**before["config"], "threads": 3}
    assert after["id"] == before["id"]
    assert "profile fields" in (tmp_path / "before-1").read_text()


@pytest.mark.parametrize("step", [":", 'touch "$1"'])
def test_an_editor_that_changes_nothing_changes_nothing(kept: Path, tmp_path: Path, step: str) -> None:
    before = profile_of(kept)
    ended = edit_on_terminal(kept, tmp_path, editor(tmp_path, step))
    assert (ended.code, ended.err) == (0, "Nothing was changed.\n")
    assert profile_of(kept) == before


def test_a_mistake_can_be_mended_and_loses_nothing(kept: Path, tmp_path: Path) -> None:
    steps = ('echo "  threads: -3" >> "$1"', """sed -i 's/-3/3/' "$1\"""")
    ended = edit_on_terminal(kept, tmp_path, editor(tmp_path, *steps), typed="y\n")
    assert ended.code == 0, ended
    assert "threads must be a whole number" in ended.err
    second = (tmp_path / "before-2").read_text()
    assert "threads: -3" in second
    assert second.startswith("#! Profile 'p': threads must be a whole number from 1 to 1024.\n")
    assert profile_of(kept)["config"]["threads"] == 3
    assert [*tmp_path.glob("miner-ctrl-profile-*")] == []


@pytest.mark.parametrize(
    ("typed", "second"),
    [("n\n", ":"), ("y\n", ":"), ("y\n", "exit 3"), ("\x04", ":")],
    ids=["no", "unsaved", "broken", "^D"],
)
def test_who_gives_up_keeps_what_was_written(kept: Path, tmp_path: Path, typed: str, second: str) -> None:
    before = profile_of(kept)
    ended = edit_on_terminal(kept, tmp_path, editor(tmp_path, 'echo "  threads: -3" >> "$1"', second), typed=typed)
    assert ended.code != 0
    [file] = tmp_path.glob("miner-ctrl-profile-*")
    assert str(file) in ended.err
    assert "threads: -3" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert profile_of(kept) == before


def test_a_change_from_elsewhere_is_not_overwritten(kept: Path, tmp_path: Path) -> None:
    elsewhere = " ".join(command(kept, "profile", "edit", "p", "--set", "threads=9"))
    ended = edit_on_terminal(kept, tmp_path, editor(tmp_path, f'{elsewhere} && echo "  algo: rx/0" >> "$1"'))
    assert (ended.code, "changed meanwhile" in ended.err) == (1, True), ended
    [file] = tmp_path.glob("miner-ctrl-profile-*")
    assert "algo: rx/0" in file.read_text()
    assert profile_of(kept)["config"].get("threads") == 9
    assert "algo" not in profile_of(kept)["config"]
