"""Sound archives, as upstreams publish them: read, described, unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from miner_ctrl.deploy.making import make_offer
from miner_ctrl.deploy.program_heads import Platform, platform_of, this_platform
from miner_ctrl.deploy.unpacking import Bounds, unpack
from miner_ctrl.errors import BadInput, MinerCtrlError, NotFound, OperationFailed
from tests.deploy.archives import COMPRESS, CONTENTS, PROGRAM, ROOT_FOLDER, tar_of, zip_of

LARGE = {**CONTENTS, f"{ROOT_FOLDER}/lib/data.bin": os.urandom(700_001), f"{ROOT_FOLDER}/zeros": bytes(900_000)}
ARCHIVES = {
    **{kind: COMPRESS[kind](tar_of(LARGE)) for kind in COMPRESS},
    "tar of GNU": tar_of(LARGE, form=tarfile.GNU_FORMAT),
    "ustar": tar_of(LARGE, form=tarfile.USTAR_FORMAT),
    "zip": zip_of(LARGE),
    "zip, stored": zip_of(LARGE, method=zipfile.ZIP_STORED),
}


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "archive"
    path.write_bytes(data)
    return path


def unpacked(tmp_path: Path, data: bytes, kind: str) -> Path:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(written(tmp_path, data), kind, Bounds(files=100, unpacked_bytes=10_000_000), folder)
    return folder


@pytest.mark.parametrize("name", ARCHIVES)
def test_every_kind_is_described_and_unpacked_to_what_went_in(tmp_path: Path, name: str) -> None:
    data = ARCHIVES[name]
    offer = make_offer(written(tmp_path, data), miner_type="xmrig", version="6.22.2")
    assert (offer.files, offer.unpacked_bytes) == (len(LARGE), sum(map(len, LARGE.values())))
    assert (offer.sha256, offer.size_bytes) == (hashlib.sha256(data).hexdigest(), len(data))
    assert offer.program == f"{ROOT_FOLDER}/xmrig"
    folder = tmp_path / "unpacked"
    folder.mkdir()
    unpack(tmp_path / "archive", offer.archive, Bounds(offer.files, offer.unpacked_bytes), folder)
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == LARGE
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}
    assert modes == {ROOT_FOLDER: 0o755, "lib": 0o755, "xmrig": 0o755, "config.json": 0o644, "empty": 0o644,
                     "data.bin": 0o644, "zeros": 0o644}  # fmt: skip


@pytest.mark.parametrize("bits", [0o4755, 0o2755, 0o1777, 0o777])
def test_of_modes_only_may_be_executed_is_kept(tmp_path: Path, bits: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("tool")
        info.mode = bits
        tar.addfile(info)
    folder = unpacked(tmp_path, buffer.getvalue(), "tar")
    assert stat.S_IMODE((folder / "tool").stat().st_mode) == 0o755


def test_long_paths_and_folders_that_come_again_are_taken(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    long = "x/" + "y" * 120 + "/z"
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in ("./", "./x", "./x/"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
        info = tarfile.TarInfo(long)
        info.size = 3
        tar.addfile(info, io.BytesIO(b"abc"))
    folder = unpacked(tmp_path, buffer.getvalue(), "tar")
    assert (folder / long).read_bytes() == b"abc"


def test_two_gzip_files_in_one_are_one(tmp_path: Path) -> None:
    data = tar_of(CONTENTS)
    both = COMPRESS["tar.gz"](data[:1000]) + COMPRESS["tar.gz"](data[1000:])
    assert (unpacked(tmp_path, both, "tar.gz") / ROOT_FOLDER / "xmrig").read_bytes() == PROGRAM


def test_unpacking_stops_when_it_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    archive = written(tmp_path, tar_of(LARGE))
    with pytest.raises(OperationFailed, match="shutting down"):
        unpack(archive, "tar", Bounds(100, 10_000_000), folder, stopped=lambda: True)


def test_the_program_is_found_by_its_name_or_being_the_only_one_or_as_said(tmp_path: Path) -> None:
    def program_of(files: dict[str, bytes], program: str | None = None) -> str:
        path = written(tmp_path, tar_of(files))
        return make_offer(path, miner_type="xmrig", version="1", program=program).program

    assert program_of({"a/other": b"#!/bin/sh\n", "a/xmrig": PROGRAM}) == "a/xmrig"
    assert program_of({"a/xmrig": PROGRAM, "a/bin/xmrig": PROGRAM}) == "a/xmrig"
    assert program_of({"a/run": PROGRAM, "a/text": b"hello"}) == "a/run"
    assert program_of({"a/one": PROGRAM, "a/two": PROGRAM}, "./a/two") == "a/two"
    with pytest.raises(NotFound, match="a/one, a/two"):
        program_of({"a/one": PROGRAM, "a/two": PROGRAM})
    with pytest.raises(NotFound):
        program_of({"a/text": b"hello"}, "a/text")


def test_what_a_program_runs_on_is_read_from_it() -> None:
    own = Path("/proc/self/exe").resolve().read_bytes()[:4096]
    assert platform_of(own) == this_platform()
    assert platform_of(b"\x7fELF\2\1" + bytes(12) + b"\xb7\0") == Platform("linux", "aarch64")
    windows = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0\x64\x86"
    assert platform_of(windows) == Platform("windows", "x86_64")
    for nothing in (b"", b"MZ", b"\x7fELF", b"MZ" + b"\xff" * 100, b"hello"):
        assert platform_of(nothing) is None


def test_the_offer_is_for_the_machine_that_the_program_is_for(tmp_path: Path) -> None:
    elf = b"\x7fELF\2\1" + bytes(12) + b"\xb7\0" + bytes(100)
    offer = make_offer(written(tmp_path, tar_of({"xmrig": elf})), miner_type="xmrig", version="1")
    assert (offer.system, offer.architecture) == ("linux", "aarch64")


@pytest.mark.parametrize("fields", [{"miner_type": "X Y"}, {"version": ""}, {"system": "../x"}])
def test_what_cannot_be_said_in_an_offer_is_refused(tmp_path: Path, fields: dict[str, str]) -> None:
    path = written(tmp_path, tar_of(CONTENTS))
    given = {"miner_type": "xmrig", "version": "1", "program": f"{ROOT_FOLDER}/xmrig", **fields}
    with pytest.raises(BadInput):
        make_offer(path, **given)


def test_what_is_not_there_or_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="cannot be read"):
        make_offer(tmp_path / "nothing", miner_type="xmrig", version="1")
    for data in (b"", b"hello", bytes(1024)):
        with pytest.raises(MinerCtrlError):
            make_offer(written(tmp_path, data), miner_type="xmrig", version="1")
