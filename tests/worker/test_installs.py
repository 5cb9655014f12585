"""Installing on this machine: real archives into a real store, real downloads from a server on loopback."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tarfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.app.own_machine import OwnMachine
from miner_ctrl.config import Home
from miner_ctrl.deploy.versions import numbers
from miner_ctrl.errors import BadInput, Conflict, MinerCtrlError, NotFound, OperationFailed, Refused, Unreachable
from miner_ctrl.model.installs import InstallOrder
from miner_ctrl.worker import download as download_module
from miner_ctrl.worker import installs as installs_module
from miner_ctrl.worker.archive_url import check_url
from miner_ctrl.worker.download import download
from miner_ctrl.worker.installs import copy_checked, version_in
from miner_ctrl.worker.system_packages import SystemPackages, parse_policy

MB = 1024 * 1024


def archive_of(files: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def xmrig(version: str) -> bytes:
    """An archive as XMRig's publisher gives it out, with a program that says its version and nothing more."""
    program = f'#!/bin/sh\necho "XMRig {version}"\n'.encode()
    return archive_of({f"xmrig-{version}/xmrig": program, f"xmrig-{version}/config.json": b"{}"})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnMachine:
    """This machine without any XMRig but those that the test installs."""
    monkeypatch.delenv("MINER_CTRL_XMRIG", raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    home = Home.resolve(str(tmp_path / "home"))
    home.prepare()
    made = OwnMachine(home, mines=lambda: True)
    made.programs.open()
    return made


def named(folder: Path, name: str, data: bytes) -> InstallOrder:
    file = folder / name
    file.write_bytes(data)
    return InstallOrder(file=str(file))


def left_behind(tmp_path: Path) -> list[str]:
    programs = tmp_path / "home/data/programs"
    return [path.name for path in programs.rglob("*") if path.is_file()]


# --- from a file -----------------------------------------------------------------------------------------


async def test_a_file_is_installed_kept_replaced_and_removed(machine: OwnMachine, tmp_path: Path) -> None:
    done = await machine.installs.install(
        "xmrig", named(tmp_path, "xmrig-6.22.2-linux-static-x64.tar.gz", xmrig("6.22.2"))
    )
    assert (done.status, done.miner.version, done.note) == ("installed", "6.22.2", "")
    assert Path(done.miner.miner_binary) == machine.programs.program("xmrig")
    machine.installs.running = lambda: ["xmrig"]
    done = await machine.installs.install("xmrig", named(tmp_path, "new.tgz", xmrig("6.26.0")))
    assert done.miner.version == "6.26.0"
    assert "restarted" in done.note
    assert machine.programs.previous("xmrig") == "6.22.2", "a rollback goes back to it"
    assert machine.programs.version("xmrig").startswith("sha256-"), "the name of the archive told no version"
    with pytest.raises(Conflict, match="runs"):
        await machine.installs.uninstall("xmrig")
    machine.installs.running = tuple
    gone = await machine.installs.uninstall("xmrig")
    assert (gone.status, gone.miner.is_installed) == ("uninstalled", False)
    assert left_behind(tmp_path) == []
    with pytest.raises(NotFound, match="not on this machine"):
        await machine.installs.uninstall("xmrig")


async def test_the_real_xmrig_is_installed_from_an_archive(
    machine: OwnMachine, tmp_path: Path, xmrig_program: Path
) -> None:
    starts = f'#!/bin/sh\nexec "{xmrig_program}" "$@"\n'.encode()
    done = await machine.installs.install(
        "xmrig", named(tmp_path, "xmrig.tar.gz", archive_of({"xmrig-6/xmrig": starts}))
    )
    assert numbers(done.miner.version) >= (6, 20)


ESCAPES = {
    "traversal": {"../../xmrig": b"#!/bin/sh\n"},
    "absolute": {"/tmp/xmrig": b"#!/bin/sh\n"},
    "no program": {"README": b"hello"},
    "not the miner": {"xmrig": b"#!/bin/sh\necho hello\n"},
    "fails": {"xmrig": b"#!/bin/sh\nexit 3\n"},
    "other machine": {"xmrig": b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xf7\x00" + bytes(100)},
}


@pytest.mark.parametrize("name", ESCAPES)
async def test_what_is_no_miner_for_this_machine_leaves_everything_as_it_was(
    machine: OwnMachine, tmp_path: Path, name: str
) -> None:
    await machine.installs.install("xmrig", named(tmp_path, "xmrig-6.22.2.tar.gz", xmrig("6.22.2")))
    before = sorted(left_behind(tmp_path))
    if os.uname().machine == "aarch64" and name == "other machine":
        pytest.skip("machine: it is of the kind that this archive is for")
    with pytest.raises(MinerCtrlError) as refused:
        await machine.installs.install("xmrig", named(tmp_path, "bad-6.99.tar.gz", archive_of(ESCAPES[name])))
    assert isinstance(refused.value, BadInput | NotFound | OperationFailed)
    assert refused.value.suggestion
    assert machine.programs.version("xmrig") == "6.22.2"
    assert sorted(left_behind(tmp_path)) == before


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (InstallOrder(), "WHICH_SOURCE"),
        (InstallOrder(file="/x", system=True), "WHICH_SOURCE"),
        (InstallOrder(file="/x", url="https://example.org/x"), "WHICH_SOURCE"),
        (InstallOrder(system=True, version="1"), "WHICH_SOURCE"),
        (InstallOrder(url="https://example.org/x"), "HASH_NEEDED"),
        (InstallOrder(url="ftp://example.org/x", sha256="a" * 64), "BAD_URL"),
        (InstallOrder(url="file:" + "//" + "/etc/passwd", sha256="a" * 64), "BAD_URL"),
        (InstallOrder(url="https://ann:secret@example.org/x", sha256="a" * 64), "BAD_URL"),
        (InstallOrder(file="relative"), "BAD_FILE"),
        (InstallOrder(file="/not/there"), "NO_FILE"),
        (InstallOrder(file="/dev/zero"), "NO_FILE"),
        (InstallOrder(file="/x\0y"), "NO_FILE"),
        (InstallOrder(file="/"), "NO_FILE"),
    ],
)
async def test_orders_that_cannot_be_carried_out(
    machine: OwnMachine, tmp_path: Path, order: InstallOrder, code: str
) -> None:
    with pytest.raises(MinerCtrlError) as refused:
        await machine.installs.install("xmrig", order)
    assert refused.value.code == code
    assert "secret" not in refused.value.message
    assert left_behind(tmp_path) == []


async def test_a_pinned_hash_counts_for_files_too(machine: OwnMachine, tmp_path: Path) -> None:
    data = xmrig("6.22.2")
    order = named(tmp_path, "xmrig-6.22.2.tar.gz", data)
    with pytest.raises(Refused, match="and not the one that was named"):
        await machine.installs.install("xmrig", InstallOrder(file=order.file, sha256="0" * 64))
    assert left_behind(tmp_path) == []
    good = hashlib.sha256(data).hexdigest().upper()
    assert (await machine.installs.install("xmrig", InstallOrder(file=order.file, sha256=good))).status == "installed"


async def test_types_that_are_not_there_or_built_in(machine: OwnMachine, tmp_path: Path) -> None:
    order = named(tmp_path, "x.tar.gz", xmrig("1.0"))
    with pytest.raises(NotFound, match="no miner type"):
        await machine.installs.install("zmrig", order)
    for act in (machine.installs.install("simulated", order), machine.installs.uninstall("simulated")):
        with pytest.raises(Conflict, match="comes with miner-ctrl"):
            await act


async def test_what_others_installed_is_not_removed(
    machine: OwnMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "xmrig"
    program.write_text('#!/bin/sh\necho "XMRig 6.20.0"\n')
    program.chmod(0o755)
    monkeypatch.setenv("MINER_CTRL_XMRIG", str(program))
    with pytest.raises(Refused, match="was not installed by miner-ctrl"):
        await machine.installs.uninstall("xmrig")
    assert program.exists()


def test_a_disk_that_is_short_takes_no_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "big"
    source.write_bytes(bytes(2 * MB))
    with pytest.raises(OperationFailed, match="larger"):
        copy_checked(source, tmp_path / "copy", room_bytes=MB)
    monkeypatch.setattr(installs_module, "disk_space", lambda _: (10 * MB, 5 * MB))
    made = OwnMachine(Home.resolve(str(tmp_path / "home")), mines=lambda: True)
    with pytest.raises(OperationFailed, match="5 MB left") as refused:
        asyncio.run(made.installs.install("xmrig", InstallOrder(file=str(source))))
    assert refused.value.code == "DISK_FULL"


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("xmrig-6.22.2-linux-static-x64.tar.gz", "6.22.2"),
        ("/a/7.7/lolMiner_v1.98_Lin64.tar.gz", "1.98"),
        ("C:\\x\\gminer_3_44_linux64.tar.xz", ""),
        ("cpuminer-opt-24.5.zip", "24.5"),
        ("miner.tar.gz", ""),
        ("", ""),
    ],
)
def test_the_version_in_a_name(name: str, version: str) -> None:
    assert version_in(name) == version


# --- from an address -------------------------------------------------------------------------------------


class Server:
    """A real HTTP server on loopback; ``answers`` are what its paths do."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.answers[self.path.partition("?")[0]](self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def gives(data: bytes, *, length: int | None = -1) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        if length is not None:
            request.send_header("Content-Length", str(len(data) if length < 0 else length))
        request.end_headers()
        request.wfile.write(data)

    return answer


def sends_on(to: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", to)
        request.end_headers()

    return answer


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(bytes(65536))
    except OSError:
        pass


def speaks_ssh(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"SSH-2.0-x\r\n")


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    try:
        yield made
    finally:
        made.close()


def pinned(url: str, data: bytes) -> InstallOrder:
    return InstallOrder(url=url, sha256=hashlib.sha256(data).hexdigest())


async def test_an_archive_is_downloaded_and_installed(machine: OwnMachine, server: Server) -> None:
    data = xmrig("6.26.0")
    server.answers["/get"] = sends_on("/xmrig-6.26.0-linux-static-x64.tar.gz")
    server.answers["/xmrig-6.26.0-linux-static-x64.tar.gz"] = gives(data)
    done = await machine.installs.install("xmrig", pinned(server.url("/get"), data))
    assert done.miner.version == "6.26.0"


async def test_another_hash_is_refused_before_anything_is_unpacked(
    machine: OwnMachine, server: Server, tmp_path: Path
) -> None:
    server.answers["/xmrig.tar.gz"] = gives(xmrig("6.66.6"))
    with pytest.raises(Refused) as refused:
        await machine.installs.install("xmrig", pinned(server.url("/xmrig.tar.gz?token=secret"), xmrig("6.26.0")))
    assert refused.value.code == "WRONG_HASH"
    assert "secret" not in refused.value.message
    assert left_behind(tmp_path) == []
    assert machine.programs.version("xmrig") == ""


Answer = Callable[[BaseHTTPRequestHandler], None]
BAD_ANSWERS: dict[str, tuple[Answer, type[MinerCtrlError], str]] = {
    "not found": (lambda request: request.send_error(404), OperationFailed, "HTTP 404"),
    "server error": (lambda request: request.send_error(503), OperationFailed, "HTTP 503"),
    "announced too large": (gives(b"x", length=2 * MB), OperationFailed, "larger than the 1 MB"),
    "endless": (endless, OperationFailed, "larger than the 1 MB"),
    "cut": (gives(b"x" * 100, length=1000), Unreachable, "before all had come"),
    "to itself": (sends_on("/x"), OperationFailed, "HTTP 302"),
    "to a file": (sends_on("file:" + "//" + "/etc/passwd"), OperationFailed, "HTTP 302"),
    "to ftp": (sends_on("ftp://127.0.0.1/x"), BadInput, "no address"),
    "with a password": (sends_on("http://a:b@127.0.0.1/x"), BadInput, "name or password"),
    "to nobody": (sends_on("http://127.0.0.1:1/x"), Unreachable, "cannot be reached"),
    "no HTTP": (speaks_ssh, Unreachable, "cannot be reached"),
    "no bytes": (lambda request: None, Unreachable, "cannot be reached"),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_bad_answers_are_told_and_leave_nothing(server: Server, tmp_path: Path, name: str) -> None:
    answer, kind, said = BAD_ANSWERS[name]
    server.answers["/x"] = answer
    with pytest.raises(kind, match=said) as told:
        download(server.url("/x?token=secret"), tmp_path / "archive", sha256="0" * 64, max_bytes=MB)
    assert told.value.suggestion
    assert "secret" not in told.value.message
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) <= download_module.MAX_REDIRECTS + 1


def test_a_server_that_is_silent_or_slow_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(download_module, "SILENT_FOR_S", 0.2)
    server.answers["/silent"] = lambda request: (ended.wait(30), None)[1]
    try:
        with pytest.raises(Unreachable, match="does not answer"):
            download(server.url("/silent"), tmp_path / "archive", sha256="0" * 64, max_bytes=MB)
    finally:
        ended.set()
    times = iter([0.0, 5000.0])
    server.answers["/slow"] = gives(b"x" * 1000)
    with pytest.raises(Unreachable, match="too slow"):
        download(server.url("/slow"), tmp_path / "archive", sha256="0" * 64, max_bytes=MB, clock=lambda: next(times))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "https://",
        "https:///x",
        "http://h:99999/",
        "http://h:x/",
        "http://h/\r\nX: y",
        "https://h/ä",
        "gopher://h/",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadInput, match="no address"):
        check_url(url)


def test_a_way_that_began_encrypted_does_not_leave_that(tmp_path: Path) -> None:
    redirects = download_module._Redirects()
    request = urllib.request.Request("https://example.org/x")
    with pytest.raises(Refused, match="not encrypted"):
        redirects.redirect_request(request, io.BytesIO(), 302, "", {}, "http://example.org/x")  # type: ignore[arg-type]


# --- the system's package, and newer ones ----------------------------------------------------------------


def programs_on(folder: Path, **scripts: str) -> str:
    """Return a PATH with programs that note how they were called."""
    folder.mkdir()
    for name, script in scripts.items():
        program = folder / name.replace("_", "-")
        program.write_text(f'#!/bin/sh\necho "$0 $*" >> {folder}/called\n{script}\n')
        program.chmod(0o755)
    return str(folder)


def test_root_installs_the_package_and_others_hear_the_command(tmp_path: Path) -> None:
    path = programs_on(tmp_path / "bin", apt_get="exit 0")
    assert SystemPackages(path=path, root=True).install("xmrig") == "xmrig"
    called = (tmp_path / "bin/called").read_text()
    assert "apt-get install -y --no-install-recommends xmrig" in called
    with pytest.raises(Refused) as refused:
        SystemPackages(path=path, root=False).install("xmrig")
    assert refused.value.suggestion == "Run: sudo apt-get install -y --no-install-recommends xmrig"
    assert (tmp_path / "bin/called").read_text() == called, "told, and not run"


def test_what_apt_says_is_told(tmp_path: Path) -> None:
    path = programs_on(
        tmp_path / "bin", apt_get='echo "Reading lists"; echo "E: Unable to locate package xmrig"; exit 100'
    )
    with pytest.raises(OperationFailed, match="Unable to locate package xmrig") as failed:
        SystemPackages(path=path, root=True).install("xmrig")
    assert "apt-get update" in failed.value.suggestion


@pytest.mark.parametrize(
    ("manager", "command"),
    [("dnf", "sudo dnf install xmrig"), ("pacman", "sudo pacman -S xmrig"), ("winget", "winget")],
)
def test_other_package_managers_are_told_and_not_run(tmp_path: Path, manager: str, command: str) -> None:
    path = programs_on(tmp_path / "bin", **{manager: "exit 0"})
    with pytest.raises(Refused) as refused:
        SystemPackages(path=path, root=True).install("xmrig")
    assert command in refused.value.suggestion
    assert not (tmp_path / "bin/called").exists()


def test_without_a_package_or_a_package_manager(tmp_path: Path) -> None:
    path = programs_on(tmp_path / "bin")
    for miner_type in ("xmrig", "tt-miner"):
        with pytest.raises(NotFound):
            SystemPackages(path=path, root=True).install(miner_type)


POLICY = "xmrig:\n  Installed: 6.22.2-1\n  Candidate: {}\n  Version table:\n     6.26.0-1 500\n"


def test_policy_is_read() -> None:
    assert parse_policy(POLICY.format("6.26.0-1")) == ("6.22.2-1", "6.26.0-1")
    assert parse_policy("xmrig:\n  Installed: (none)\n  Candidate: 6.26.0\n") == ("", "6.26.0")
    assert parse_policy("N: Unable to locate package") == ("", "")


async def test_newer_packages_and_bundles_are_found_and_nobody_is_asked(tmp_path: Path, machine: OwnMachine) -> None:
    installs: Any = machine.installs
    assert "asks nobody outside" in (await installs.updates()).status
    await installs.install("xmrig", named(tmp_path, "xmrig-6.22.2.tar.gz", xmrig("6.22.2")))
    installs._bundles = lambda: [("xmrig", "6.9.9"), ("xmrig", "6.26.0"), ("other", "9")]
    newer = (await installs.updates()).updates_available["xmrig"]
    assert (newer.installed, newer.available, newer.source) == ("6.22.2", "6.26.0", "bundle")
    installs._bundles = lambda: [("xmrig", "6.9.9")]
    assert (await installs.updates()).updates_available == {}


def test_a_newer_package_is_one_that_dpkg_calls_newer(tmp_path: Path) -> None:
    script = f"cat <<'E'\n{POLICY.format('6.26.0-1')}E"
    path = programs_on(tmp_path / "bin", apt_cache=script, dpkg='[ "$2" = 6.26.0-1 ] && [ "$3" = gt ]')
    packages = SystemPackages(path=path, root=False)
    assert packages.newer("xmrig", "/usr/bin/xmrig") == ("6.22.2-1", "6.26.0-1")
    assert packages.newer("xmrig", "/opt/xmrig") is None, "that one is no package's"
    assert packages.newer("tt-miner", "/usr/bin/tt-miner") is None
    older = programs_on(tmp_path / "older", apt_cache=script, dpkg="exit 1")
    assert SystemPackages(path=older, root=False).newer("xmrig", "/usr/bin/xmrig") is None
    assert SystemPackages(root=False).newer("xmrig", "/usr/bin/xmrig") is None, "this machine's own lists, if any"
