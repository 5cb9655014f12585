"""Archives for tests, made on the fly: sound ones with the standard library, hostile ones by hand."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from bz2 import compress as bz2_compress
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from miner_ctrl.deploy.program_heads import this_platform
from miner_ctrl.model.rig import BundleOffer

PROGRAM = b"#!/bin/sh\necho 'XMRig 6.22.2 with GCC 14.2.0'\n"
ROOT_FOLDER = "xmrig-6.22.2"
CONTENTS = {f"{ROOT_FOLDER}/xmrig": PROGRAM, f"{ROOT_FOLDER}/config.json": b"{}", f"{ROOT_FOLDER}/empty": b""}

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "tar": lambda data: data,
    "tar.gz": lambda data: gzip.compress(data, 1),
    "tar.xz": lzma.compress,
    "tar.bz2": bz2_compress,
}


def speaking(version: str) -> bytes:
    """Return a program that says it is that XMRig, and nothing else."""
    return f"#!/bin/sh\necho 'XMRig {version} with GCC 14.2.0'\n".encode()


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, *, mode: int = 0o644, link: str = "") -> bytes:
    """Return the header of one tar entry, whatever it says."""
    info = tarfile.TarInfo("x")
    info.size, info.type, info.mode, info.linkname = size, kind, mode, link
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT)[:512])
    raw = name.encode("utf-8", "surrogateescape")
    assert len(raw) <= 100
    block[:100] = raw.ljust(100, b"\0")
    return sealed(block)


def sealed(block: bytearray) -> bytes:
    """Return a tar header with the checksum it should have."""
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Return ``data`` filled up to whole blocks."""
    return data + bytes(-len(data) % 512)


END = bytes(1024)


def tar_of(files: Mapping[str, bytes], *, executable: Iterable[str] = (), form: int = tarfile.PAX_FORMAT) -> bytes:
    """Return a tar archive as the standard library writes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755 if name in executable or name.endswith("xmrig") else 0o644
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(files: Mapping[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive as the standard library writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name.endswith("xmrig") else 0o100644) << 16
            info.compress_type = method
            archive.writestr(info, data)
    return buffer.getvalue()


def offer_of(data: bytes, archive: str, **changes: object) -> BundleOffer:
    """Return an offer of these bytes, for this machine; unsigned."""
    here = this_platform()
    offer = BundleOffer(
        miner_type="xmrig",
        version="6.22.2",
        system=here.system,
        architecture=here.architecture,
        archive=archive,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        unpacked_bytes=1_000_000,
        files=100,
        program=f"{ROOT_FOLDER}/xmrig",
    )
    return msgspec.structs.replace(offer, **changes)


def tree(folder: Path) -> dict[str, object]:
    """Return everything below ``folder``: modes and bytes."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in sorted(folder.rglob("*"))
    }
