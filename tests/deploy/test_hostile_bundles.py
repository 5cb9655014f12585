"""Archives and offers that mean harm: each is refused with a sentence, and the disk is as it was."""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from miner_ctrl.deploy.making import make_offer
from miner_ctrl.deploy.offers import check_offer
from miner_ctrl.deploy.programs import ProgramStore
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.rig import BundleOffer
from tests.deploy.archives import (
    CONTENTS,
    END,
    PROGRAM,
    ROOT_FOLDER,
    member,
    offer_of,
    padded,
    sealed,
    tar_of,
    tree,
    zip_of,
)

GOOD = member(f"{ROOT_FOLDER}/xmrig", len(PROGRAM), mode=0o755) + padded(PROGRAM)


def with_file(name: str) -> bytes:
    """A tar with the program and one more file, of this name."""
    return GOOD + member(name, 4) + padded(b"evil") + END


def with_kind(kind: bytes, *, size: int = 0, link: str = "") -> bytes:
    """A tar with the program and one more entry, of this kind."""
    return GOOD + member(f"{ROOT_FOLDER}/x", size, kind, link=link) + bytes(size + -size % 512) + END


def pax(records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return member("pax", len(records), kind) + padded(records)


def record(key: str, value: str) -> bytes:
    body = f" {key}={value}\n".encode()
    size = len(body) + 2
    return f"{size if len(str(size)) == 2 else size + 1}".encode() + body


def unreadable_header() -> bytes:
    block = bytearray(member(f"{ROOT_FOLDER}/x", 4))
    block[124:136] = b"not a number"
    return GOOD + sealed(block) + padded(b"evil") + END


def endless_size() -> bytes:
    block = bytearray(member(f"{ROOT_FOLDER}/x"))
    block[124:136] = b"\x80" + b"\xff" * 11
    return GOOD + sealed(block) + END


def bent(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 0xFF,)) + data[at + 1 :]


def gzip_bomb() -> bytes:
    inner = member(f"{ROOT_FOLDER}/xmrig", 300_000_000, mode=0o755)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = squeeze.compress(inner)
    for _ in range(300):
        data += squeeze.compress(bytes(1_000_000))
    return data + squeeze.flush()


def zeros_behind() -> bytes:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = squeeze.compress(GOOD + END)
    for _ in range(100):
        data += squeeze.compress(bytes(1_000_000))
    return data + squeeze.flush()


def xz_for_a_giant() -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    return lzma.compress(GOOD + END, filters=filters)


# --- zip ------------------------------------------------------------------------------------------------


def zip_bytes(*entries: tuple[str, bytes], attributes: int = 0o100644 << 16, flags: int = 0, method: int = 8) -> bytes:
    """A zip with the program and entries that the standard library would not write."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{ROOT_FOLDER}/xmrig"), PROGRAM)
        for name, data in entries:
            info = zipfile.ZipInfo("x")
            info.filename, info.external_attr, info.create_system = name, attributes, 3
            with warnings.catch_warnings():  # of the same path twice
                warnings.simplefilter("ignore")
                archive.writestr(info, data, method)
    data = buffer.getvalue()
    if flags:
        at = data.rfind(b"PK\1\2")
        data = data[: at + 8] + struct.pack("<H", flags) + data[at + 10 :]
    return data


def patched(data: bytes, marker: bytes, offset: int, value: bytes) -> bytes:
    """``data`` with ``value`` at ``offset`` behind the last ``marker``."""
    at = data.rfind(marker) + offset
    return data[:at] + value + data[at + len(value) :]


def overlapping_zip() -> bytes:
    """Two entries of the directory that are the same bytes of the archive."""
    data = zip_bytes()
    listed, end = data.find(b"PK\1\2"), data.find(b"PK\5\6")
    entry = data[listed:end]
    closing = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, 2 * len(entry), listed, 0)
    return data[:listed] + entry + entry + closing


def file_within_a_file() -> bytes:
    """A zip whose second file lies within the bytes of its first: each is sound by itself."""
    inner = zip_bytes()
    listed, end = inner.find(b"PK\1\2"), inner.find(b"PK\5\6")
    local, entry = inner[:listed], inner[listed:end]
    name = b"outer"
    head = (
        struct.pack("<4s5H3L2H", b"PK\3\4", 20, 0, 0, 0, 0x21, zlib.crc32(local), len(local), len(local), 5, 0) + name
    )
    outer = struct.pack(
        "<4s6H3L5H2L", b"PK\1\2", 20, 20, 0, 0, 0, 0x21, zlib.crc32(local), len(local), len(local), 5, 0, 0, 0, 0, 0, 0
    ) + name  # fmt: skip
    entry = entry[:42] + struct.pack("<L", len(head)) + entry[46:]
    directory = outer + entry
    at = len(head) + len(local)
    return head + local + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(directory), at, 0)


def zip_bomb() -> bytes:
    return zip_bytes((f"{ROOT_FOLDER}/bomb", bytes(100_000_000)))


def lying_zip_bomb() -> bytes:
    """What unpacks to 100 MB says that it has 10 bytes, in both places."""
    data = zip_bytes((f"{ROOT_FOLDER}/bomb", bytes(100_000_000)))
    data = patched(data, b"PK\1\2", 24, struct.pack("<L", 10))
    return patched(data, b"PK\3\4", 22, struct.pack("<L", 10))


HOSTILE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "an absolute path": ("tar", lambda: with_file("/etc/cron.d/x")),
    "a path upwards": ("tar", lambda: with_file("../../../etc/cron.d/x")),
    "a path up in the middle": ("tar", lambda: with_file(f"{ROOT_FOLDER}/a/../../../x")),
    "a backslash": ("tar", lambda: with_file("..\\..\\x")),
    "a drive letter": ("tar", lambda: with_file("C:/Windows/x")),
    "a stream of another file": ("tar", lambda: with_file(f"{ROOT_FOLDER}/xmrig:stream")),
    "an empty part": ("tar", lambda: with_file(f"{ROOT_FOLDER}//x")),
    "no name": ("tar", lambda: with_file("./.")),
    "a name that is a device elsewhere": ("tar", lambda: with_file(f"{ROOT_FOLDER}/NUL.txt")),
    "a name that ends with a dot": ("tar", lambda: with_file(f"{ROOT_FOLDER}/xmrig.")),
    "a control character": ("tar", lambda: with_file(f"{ROOT_FOLDER}/x\x1b[2J")),
    "a newline": ("tar", lambda: with_file(f"{ROOT_FOLDER}/x\ny")),
    "text from right to left": ("tar", lambda: with_file(f"{ROOT_FOLDER}/x\u202egpj.exe")),
    "bytes that are no text": ("tar", lambda: with_file(f"{ROOT_FOLDER}/\udcff")),
    "a path longer than any": ("tar", lambda: tar_of({**CONTENTS, "a/" * 200 + "x": b""})),
    "a part longer than any": ("tar", lambda: tar_of({**CONTENTS, "x" * 240: b""})),
    "folders without end": ("tar", lambda: with_file("a/" * 40 + "x")),
    "the same path twice": ("tar", lambda: GOOD + GOOD + END),
    "two paths that differ in case": ("tar", lambda: with_file(f"{ROOT_FOLDER}/XMRIG")),
    "two paths that differ in an accent's form": (
        "tar",
        lambda: tar_of({**CONTENTS, "x/\u00e9": b"", "x/e\u0301": b""}),
    ),
    "a file where a folder is": ("tar", lambda: with_file(f"{ROOT_FOLDER}/xmrig/x")),
    "a symbolic link": ("tar", lambda: with_kind(tarfile.SYMTYPE, link="/etc")),
    "a hard link": ("tar", lambda: with_kind(tarfile.LNKTYPE, link="/etc/passwd")),
    "a character device": ("tar", lambda: with_kind(tarfile.CHRTYPE)),
    "a block device": ("tar", lambda: with_kind(tarfile.BLKTYPE)),
    "a named pipe": ("tar", lambda: with_kind(tarfile.FIFOTYPE)),
    "a sparse file": ("tar", lambda: with_kind(tarfile.GNUTYPE_SPARSE)),
    "a sparse file by pax": ("tar", lambda: pax(record("GNU.sparse.major", "1")) + GOOD + END),
    "a long link's name": ("tar", lambda: with_kind(tarfile.GNUTYPE_LONGLINK, size=10)),
    "a kind nobody knows": ("tar", lambda: with_kind(b"Z")),
    "a path by pax": ("tar", lambda: pax(record("path", "/etc/passwd")) + member("x", 4) + padded(b"evil") + END),
    "one path for all": ("tar", lambda: pax(record("path", "a"), tarfile.XGLTYPE) + GOOD + END),
    "a pax header that cannot be read": ("tar", lambda: pax(b"99999 path=x\n") + GOOD + END),
    "a pax header without an end": ("tar", lambda: member("pax", 1 << 30, tarfile.XHDTYPE) + bytes(4096)),
    "a pax size that is none": ("tar", lambda: pax(record("size", "-5")) + GOOD + END),
    "a long name without an end": ("tar", lambda: member("x", 1 << 32, tarfile.GNUTYPE_LONGNAME) + bytes(4096)),
    "a wrong checksum": ("tar", lambda: bent(GOOD + END, 10)),
    "a header that cannot be read": ("tar", unreadable_header),
    "a size without an end": ("tar", endless_size),
    "a tar that is cut off": ("tar", lambda: (GOOD + END)[:700]),
    "a tar without an end": ("tar", lambda: GOOD),
    "another archive behind the first": ("tar", lambda: GOOD + END + with_file("x")),
    "too many files": ("tar", lambda: tar_of({**CONTENTS, **{f"x/{n}": b"" for n in range(200)}})),
    "more bytes than were said": ("tar", lambda: tar_of({**CONTENTS, "x": bytes(2_000_000)})),
    "a gzip bomb": ("tar.gz", gzip_bomb),
    "a hundred megabytes of nothing": ("tar.gz", zeros_behind),
    "a gzip file that is cut off": ("tar.gz", lambda: gzip.compress(GOOD + END)[:-9]),
    "a gzip file with a wrong bit": ("tar.gz", lambda: bent(gzip.compress(GOOD + END), -5)),
    "something behind a gzip file": ("tar.gz", lambda: gzip.compress(GOOD + END) + b"more"),
    "an xz file that asks for a gigabyte": ("tar.xz", xz_for_a_giant),
    "garbage for bzip2": ("tar.bz2", lambda: b"BZh91AY&SYgarbage"),
    "nothing at all": ("tar.gz", lambda: b"\0"),
    "another kind of archive than was said": ("tar.gz", lambda: zip_of(CONTENTS)),
    "no program": ("tar", lambda: tar_of({"other/xmrig": PROGRAM})),
    "a program that is text": ("tar", lambda: tar_of({f"{ROOT_FOLDER}/xmrig": b"hello"})),
    "zip: an absolute path": ("zip", lambda: zip_bytes(("/etc/cron.d/x", b"evil"))),
    "zip: a path upwards": ("zip", lambda: zip_bytes(("../../x", b"evil"))),
    "zip: a backslash": ("zip", lambda: zip_bytes(("a\\..\\..\\x", b"evil"))),
    "zip: a symbolic link": ("zip", lambda: zip_bytes(("x", b"/etc"), attributes=0o120777 << 16)),
    "zip: a device": ("zip", lambda: zip_bytes(("x", b""), attributes=0o020666 << 16)),
    "zip: encrypted": ("zip", lambda: zip_bytes(("x", b"evil"), flags=1)),
    "zip: packed in a rare way": ("zip", lambda: zip_bytes(("x", b"evil" * 99), method=zipfile.ZIP_BZIP2)),
    "zip: a bomb": ("zip", zip_bomb),
    "zip: a bomb that lies": ("zip", lying_zip_bomb),
    "zip: files that share bytes": ("zip", overlapping_zip),
    "zip: a file within a file": ("zip", file_within_a_file),
    "zip: a wrong checksum": (
        "zip",
        lambda: patched(patched(zip_bytes(), b"PK\1\2", 16, b"\0\0\0\0"), b"PK\3\4", 14, b"\0\0\0\0"),
    ),
    "zip: another size in its own header": ("zip", lambda: patched(zip_bytes(), b"PK\3\4", 22, b"\1\0\0\0")),
    "zip: another name in its own header": ("zip", lambda: patched(zip_bytes(), b"PK\3\4", 30, b"X")),
    "zip: a place outside the file": ("zip", lambda: patched(zip_bytes(), b"PK\1\2", 42, b"\xff\xff\xff\x7f")),
    "zip: cut off": ("zip", lambda: zip_bytes()[:-30]),
    "zip: something before it": ("zip", lambda: b"#!/bin/sh\n" + zip_bytes()),
    "zip: something behind it": ("zip", lambda: zip_bytes() + b"more"),
    "zip: the same path twice": ("zip", lambda: zip_bytes((f"{ROOT_FOLDER}/xmrig", PROGRAM))),
    "zip: more entries than it says": ("zip", lambda: patched(zip_bytes(("x", b"y")), b"PK\5\6", 8, b"\1\0\1\0")),
    "zip: a folder with bytes": ("zip", lambda: zip_bytes(("x/", b"evil"))),
}


SAYS = {
    "an absolute path": "is absolute",
    "a path upwards": "leads out of its folder",
    "a path up in the middle": "leads out of its folder",
    "a backslash": "characters that some systems read in another way",
    "a symbolic link": "a symbolic link",
    "a hard link": "a hard link",
    "a block device": "a device",
    "a named pipe": "a named pipe",
    "a sparse file": "a sparse file",
    "two paths that differ in case": "is the same file",
    "a gzip bomb": "more than its description says",
    "a tar that is cut off": "is cut off",
    "zip: a symbolic link": "a symbolic link",
    "zip: files that share bytes": "share bytes of the archive",
    "zip: a file within a file": "share bytes of the archive",
    "zip: a bomb that lies": "more than its description says",
}


def installed(store: ProgramStore, offer: BundleOffer, archive: Path) -> None:
    store.install(offer, archive, try_program=lambda _, __: None, now_ms=0)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_with_a_sentence_and_leaves_nothing(tmp_path: Path, what: str) -> None:
    kind, make = HOSTILE[what]
    data = make()
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    programs = tmp_path / "rig" / "data" / "programs"
    store = ProgramStore(programs)
    good = tmp_path / "good"
    good.write_bytes(tar_of(CONTENTS))
    installed(store, offer_of(good.read_bytes(), "tar"), good)
    before = tree(tmp_path)
    with pytest.raises(MinerCtrlError) as refused:
        installed(store, offer_of(data, kind), archive)
    assert refused.value.message.endswith(".")
    assert refused.value.message.isprintable()
    assert SAYS.get(what, "") in refused.value.message
    assert len(refused.value.message) < 400
    assert refused.value.suggestion
    assert tree(tmp_path) == before
    assert store.version("xmrig") == "6.22.2"


@pytest.mark.parametrize("what", HOSTILE)
def test_no_offer_is_made_of_a_hostile_archive(tmp_path: Path, what: str) -> None:
    if what in {"too many files", "more bytes than were said", "a hundred megabytes of nothing", "a gzip bomb",
                "zip: a bomb", "no program", "another kind of archive than was said"}:  # fmt: skip
        pytest.skip("within what a bundle may hold at most, or only wrong beside an offer")
    archive = tmp_path / "archive"
    archive.write_bytes(HOSTILE[what][1]())
    with pytest.raises(MinerCtrlError) as refused:
        make_offer(archive, miner_type="xmrig", version="6.22.2")
    assert refused.value.message.isprintable()


def test_on_an_empty_rig_nothing_at_all_is_left(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    data = with_file("../x")
    archive.write_bytes(data)
    store = ProgramStore(tmp_path / "programs")
    with pytest.raises(MinerCtrlError):
        installed(store, offer_of(data, "tar"), archive)
    assert not (tmp_path / "programs" / "xmrig").exists()


GOOD_OFFER = offer_of(b"x", "tar")
HOSTILE_OFFERS: dict[str, dict[str, object]] = {
    "a type with a path": {"minerType": "../../bin"},
    "a type in capitals": {"minerType": "XMRIG"},
    "a version with a path": {"version": "../1"},
    "a version with a space": {"version": "1 2"},
    "a version with a newline": {"version": "1\n"},
    "another archive": {"archive": "rar"},
    "a digest that is none": {"sha256": "../../x"},
    "a digest with a newline": {"sha256": "a" * 64 + "\n"},
    "no bytes": {"sizeBytes": 0},
    "more bytes than any": {"sizeBytes": 2**60},
    "unpacked without end": {"unpackedBytes": 2**60},
    "files without end": {"files": 10**9},
    "a negative size": {"sizeBytes": -1},
    "text for a number": {"sizeBytes": "1000"},
    "a field of its own": {"run": "reboot"},
    "a short signature": {"signature": "AAAA"},
    "a system with a path": {"system": "../linux"},
    "a program elsewhere": {"program": "/bin/sh"},
    "a program upwards": {"program": "../../bin/sh"},
    "a program with a control character": {"program": "x\x1b[2J"},
    "a program with another spelling": {"program": "./x"},
    "a type that is a folder of ours": {"minerType": "incoming"},
    "a type that is a device elsewhere": {"minerType": "nul"},
    "another system": {"system": "windows"},
    "another architecture": {"architecture": "s390x"},
}


@pytest.mark.parametrize("what", HOSTILE_OFFERS)
def test_a_hostile_offer_is_refused(what: str) -> None:
    fields = {**msgspec.to_builtins(GOOD_OFFER), **HOSTILE_OFFERS[what]}
    with pytest.raises((msgspec.ValidationError, MinerCtrlError)) as refused:
        check_offer(msgspec.json.decode(msgspec.json.encode(fields), type=BundleOffer))
    if isinstance(refused.value, MinerCtrlError):
        assert refused.value.message.isprintable()
        assert refused.value.suggestion
