"""A log as a file: it can be checked without its node, and shows what was done to it."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path

import pytest

from miner_ctrl.audit.checking import BAD_SIGNATURE, CHANGED, DAMAGED, MISSING, OK, REORDERED
from miner_ctrl.audit.exported import Header, check_file, comma_separated, json_lines
from miner_ctrl.errors import BadInput, OperationFailed
from miner_ctrl.identity.keys import PublicKeys
from tests.audit.keeping import FINGERPRINT, KEYS, OTHERS, START_MS, TOKEN, Clock, log_at, write

PUBLIC = KEYS.public


def header(since_ms: int = 0) -> Header:
    return Header(
        node=str(PUBLIC.node_id),
        name="control",
        fingerprint=FINGERPRINT.hex(),
        public_key=base64.b64encode(PUBLIC.x).decode(),
        signing_key=base64.b64encode(PUBLIC.e).decode(),
        since_ms=since_ms,
    )


def verifies(key: bytes, signature: bytes, data: bytes) -> bool:
    return PublicKeys(PUBLIC.x, key).verifies(signature, data)


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    await write(tmp_path / "audit.db", commands=600)
    file = tmp_path / "audit.jsonl"
    file.write_bytes(b"".join(json_lines(tmp_path / "audit.db", header())))
    return file


def test_a_file_that_is_as_it_was_written_is_sound(file: Path) -> None:
    found = check_file(file, fingerprint=FINGERPRINT, verifies=verifies)
    assert (found.found, found.first, found.last and found.last.seq) == (OK, 1, 1200)


def test_a_part_of_a_log_is_checked_from_its_first_entry_on(file: Path) -> None:
    file.write_bytes(b"".join(json_lines(file.with_name("audit.db"), header(START_MS + 1000))))
    found = check_file(file, fingerprint=FINGERPRINT, verifies=verifies)
    assert (found.found, found.first, found.last and found.last.seq) == (OK, 1000, 1200)


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ("drop", (MISSING, 5)),
        ("swap", (MISSING, 5)),
        ("double", (REORDERED, 4)),
        ("change", (CHANGED, 5)),
        ("resign", (BAD_SIGNATURE, 5)),
        ("garble", (DAMAGED, 0)),
        ("cut a line", (DAMAGED, 0)),
    ],
)
def test_what_was_done_to_a_file_shows(file: Path, what: str, found: tuple[str, int]) -> None:
    lines = file.read_bytes().splitlines(keepends=True)
    if what == "drop":
        del lines[5]
    elif what == "swap":
        lines[5], lines[6] = lines[6], lines[5]
    elif what == "double":
        lines.insert(5, lines[4])
    elif what == "change":
        lines[5] = lines[5].replace(b"operator", b"admin")
    elif what == "resign":
        entry = json.loads(lines[5])
        entry["signature"] = base64.b64encode(bytes(64)).decode()
        lines[5] = json.dumps(entry).encode() + b"\n"
    elif what == "garble":
        lines[5] = b"{}\n"
    else:
        lines[-1] = lines[-1][:-20]
    file.write_bytes(b"".join(lines))
    assert check_file(file, fingerprint=FINGERPRINT, verifies=verifies)[:2] == found


def test_another_nodes_key_in_the_file_is_no_help(file: Path) -> None:
    """The fingerprint is of both keys: whoever puts in a key of his own has another fingerprint."""
    lines = file.read_bytes().splitlines(keepends=True)
    forged = json.loads(lines[0]) | {"signingKey": base64.b64encode(OTHERS.public.e).decode()}
    file.write_bytes(json.dumps(forged).encode() + b"\n" + b"".join(lines[1:]))
    with pytest.raises(BadInput) as refused:
        check_file(file, fingerprint=FINGERPRINT, verifies=verifies)
    assert refused.value.code == "OTHER_NODES_LOG"


@pytest.mark.parametrize("content", [b"", b"\n", b"{}\n", b"\xff" * 100, b"[" * 100_000, b"seq,atMs\n"])
def test_what_is_no_export_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadInput) as refused:
        check_file(tmp_path / "x", fingerprint=FINGERPRINT, verifies=verifies)
    assert refused.value.code == "BAD_EXPORT"


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed):
        check_file(tmp_path / "x", fingerprint=FINGERPRINT, verifies=verifies)


async def test_csv_holds_every_entry_and_no_formula(tmp_path: Path) -> None:
    log = log_at(tmp_path / "audit.db", Clock())
    log.noted(TOKEN, "=HYPERLINK()", {"peer": "a,b"})
    await log.close()
    rows = list(csv.DictReader(io.StringIO(b"".join(comma_separated(log.path)).decode())))
    assert [(row["seq"], row["action"], row["target"]) for row in rows] == [("1", "'=HYPERLINK()", '{"peer":"a,b"}')]
    assert b"".join(comma_separated(tmp_path / "none.db")).startswith(b"seq,atMs,")
