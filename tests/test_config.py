from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from miner_ctrl.config import Home, Listen, parse_listen
from miner_ctrl.errors import BadInput, StateDamaged


def test_a_named_home_holds_everything(tmp_path: Path) -> None:
    home = Home.resolve(str(tmp_path / "rig"), {})
    base = tmp_path / "rig"
    assert home.node_file == base / "config" / "node.json"
    assert home.trust_file == base / "config" / "trust.json"
    assert home.key_file == base / "data" / "node" / "private.key"
    assert home.peers_database == base / "data" / "node" / "peers.db"
    assert home.worker_database == base / "data" / "node" / "worker.db"
    assert home.profiles_database == base / "data" / "node" / "profiles.db"
    assert home.miners_data == base / "data" / "miners"
    assert home.socket == base / "run" / "node.sock"
    assert not base.exists()


def test_the_option_goes_before_the_variable(tmp_path: Path) -> None:
    environ = {"MINER_CTRL_HOME": str(tmp_path / "variable")}
    assert Home.resolve(None, environ).config == tmp_path / "variable" / "config"
    assert Home.resolve(str(tmp_path / "option"), environ).config == tmp_path / "option" / "config"


def test_a_home_has_one_name_however_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    assert Home.resolve("link", {}) == Home.resolve("real", {}) == Home.resolve(str(tmp_path / "real"), {})


def test_the_users_own_home_respects_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("XDG directories are Linux's")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    home = Home.resolve(None, {"XDG_RUNTIME_DIR": str(tmp_path / "run")})
    assert home.config == tmp_path / ".config" / "lethean-desktop"
    assert home.data == tmp_path / ".local" / "share" / "lethean-desktop"
    assert home.socket == tmp_path / "run" / "miner-ctrl" / "node.sock"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert Home.resolve(None, {}).config == tmp_path / "elsewhere" / "lethean-desktop"


def test_the_lock_is_where_the_data_is_whatever_the_runtime_directory() -> None:
    one = Home.resolve(None, {"XDG_RUNTIME_DIR": "/run/user/1"})
    other = Home.resolve(None, {"XDG_RUNTIME_DIR": "/run/user/2"})
    assert one.lock_file == other.lock_file


def test_a_long_socket_path_becomes_a_short_one_of_its_own(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": "/run/user/1000"}
    base = tmp_path / "x"
    fits = 107 - len(os.fsencode(base / "run" / "node.sock"))
    longest = Home.resolve(str(base) + "y" * fits, environ)
    assert len(os.fsencode(longest.socket)) == 107
    assert longest.socket.name == "node.sock"
    one = Home.resolve(str(base) + "y" * (fits + 1), environ)
    other = Home.resolve(str(base) + "z" * (fits + 1), environ)
    assert one.socket.parent == Path("/run/user/1000/miner-ctrl")
    assert one.socket != other.socket
    assert len(os.fsencode(one.socket)) <= 107
    assert one.socket == Home.resolve(str(base) + "y" * (fits + 1), environ).socket


def test_prepare_makes_private_directories(tmp_path: Path) -> None:
    home = Home.resolve(str(tmp_path / "rig"), {})
    home.prepare()
    home.prepare()
    for path in (home.config, home.data, home.node_data, home.miners_data, home.run):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_prepare_refuses_an_open_runtime_directory(tmp_path: Path) -> None:
    home = Home.resolve(str(tmp_path / "rig"), {})
    home.prepare()
    home.run.chmod(0o755)
    with pytest.raises(StateDamaged, match="run is open to other users"):
        home.prepare()


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        (":9091", Listen(None, 9091)),
        ("9091", Listen(None, 9091)),
        (" 127.0.0.1:0 ", Listen("127.0.0.1", 0)),
        ("[::1]:9091", Listen("::1", 9091)),
        ("rig.local:65535", Listen("rig.local", 65535)),
    ],
)
def test_places_to_listen(text: str, listen: Listen) -> None:
    assert parse_listen(text) == listen


@pytest.mark.parametrize(
    "text", ["", ":", "localhost", ":65536", ":-1", ":٣", "::1:9091", "[]:1", "a b:1", "http://x:1", "x:1/", "[x:1"]
)
def test_what_is_no_place_to_listen(text: str) -> None:
    with pytest.raises(BadInput, match="not a place to listen"):
        parse_listen(text)


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = {"apsw", "msgspec", "cryptography", "platformdirs"}
    script = f"import sys, miner_ctrl.config; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"
