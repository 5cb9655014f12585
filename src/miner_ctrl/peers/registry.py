"""The registry of peers: whom this node knows, by which keys, and what each may do here.

All of it is in memory for reading; keys, names, addresses and grants are durable before a call that changes them
returns. Contact data (last seen, round trips, score, failures) changes with every message: it is written by
``flush`` and ``close``. Used from one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from miner_ctrl.errors import BadInput, Conflict, NotFound, StateDamaged
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.addresses import parse_address
from miner_ctrl.model.nodes import NO_GRANTS, Grants, Role, check_name
from miner_ctrl.model.text import one_line
from miner_ctrl.peers.database import WHAT, open_peers
from miner_ctrl.peers.index import PeerIndex
from miner_ctrl.peers.records import (
    COLUMNS,
    FAILURE_POINTS,
    SUCCESS_POINTS,
    TIMEOUT_POINTS,
    PeerRecord,
    from_row,
    to_row,
)
from miner_ctrl.storage.sqlite import transaction

MAX_TAGS = 32
MAX_TAG_CHARS = 63
_SHOWN_CANDIDATES = 8
_COLUMN_NAMES = COLUMNS.split(", ")
_UPSERT = (
    f"INSERT INTO peer ({COLUMNS}) VALUES ({', '.join('?' * len(_COLUMN_NAMES))}) ON CONFLICT (fingerprint)"  # noqa: S608
    f" DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _COLUMN_NAMES[4:])}"
)
"""Never ``INSERT OR REPLACE``: that would delete a peer whose name or key clashes."""


class Registry:
    """Open with ``Registry.open``; ``close`` writes what is not written yet."""

    def __init__(self, database: apsw.Connection, *, now_ms: Callable[[], int]) -> None:
        self.database = database
        self._now_ms = now_ms
        self._peers = PeerIndex()
        self._removed: set[bytes] = set()
        self._unwritten: set[bytes] = set()
        self.on_score: list[Callable[[bytes, int], None]] = []
        """Called with a peer's fingerprint and its score, when that changed."""

    @classmethod
    def open(cls, path: Path, *, now_ms: Callable[[], int]) -> Registry:
        """Open the file, made if it is not there, and read all of it. ``now_ms`` is Unix time.

        Raises:
            StateDamaged, HomeInUse: as ``storage.sqlite.open_database``; also when an entry cannot be right.
        """
        registry = cls(open_peers(path), now_ms=now_ms)
        try:
            registry._load(path)
        except BaseException:
            registry.database.close()
            raise
        return registry

    def close(self) -> None:
        """Write contact data and close the file; later calls fail, a second ``close`` does not."""
        try:
            self.flush()
        finally:
            self.database.close()

    # --- reading ----------------------------------------------------------------------------------------

    def all(self) -> list[PeerRecord]:
        """Return every peer, in the order of their names."""
        return sorted(self._peers, key=lambda record: record.name.lower())

    def __len__(self) -> int:
        return len(self._peers)

    def get(self, fingerprint: bytes) -> PeerRecord | None:
        """Return the peer with this fingerprint (32 bytes)."""
        return self._peers.get(fingerprint)

    def grants_of(self, fingerprint: bytes) -> Grants:
        """Return what a peer may do here; nothing for one that is unknown or blocked."""
        record = self._peers.get(fingerprint)
        return NO_GRANTS if record is None or record.blocked else record.grants

    def by_address(self, address: str) -> PeerRecord | None:
        """Return a peer that is dialled at ``address`` (as ``str(Address)`` writes it)."""
        return next((record for record in self._peers if record.address == address), None)

    def holder_of(self, keys: PublicKeys) -> PeerRecord | None:
        """Return the peer that has one of these keys, or their ID: the same peer, or one that would clash with it."""
        return self._peers.holder_of(keys)

    def was_removed(self, fingerprint: bytes) -> bool:
        """Whether a peer with this fingerprint was removed and has not been added again since."""
        return fingerprint in self._removed

    def find(self, query: str) -> PeerRecord:
        """Return the peer that a person means: by full ID, full fingerprint (hex), name, or unique prefix of the ID.

        Raises:
            NotFound: there is none.
            Conflict: there are several; ``details["candidates"]`` lists some of their IDs and names.
        """
        found = self._peers.matches(query.strip())
        if len(found) == 1:
            return found[0]
        if not found:
            raise NotFound(
                f"No peer is called {one_line(query, 80)!r}.",
                suggestion="See miner-ctrl peer list for the names and IDs there are.",
                code="PEER_NOT_FOUND",
            )
        shown = [f"{record.keys.node_id} ({record.name})" for record in found[:_SHOWN_CANDIDATES]]
        raise Conflict(
            f"{one_line(query, 80)!r} is ambiguous: {len(found)} peers match, such as {', '.join(shown[:2])}.",
            suggestion="Give more characters of the ID, or the whole name.",
            code="AMBIGUOUS_PEER",
            details={"candidates": shown},
        )

    # --- changing: durable on return --------------------------------------------------------------------

    def add(
        self,
        keys: PublicKeys,
        *,
        name: str,
        address: str = "",
        role: Role = Role.WORKER,
        grants: Grants = NO_GRANTS,
        verified: bool = False,
    ) -> PeerRecord:
        """Pin a peer's keys. A name that is taken gets a suffix: ``-2``, ``-3`` and so on.

        For keys that are pinned already, name, tags and blocking stay; address (unless empty), role and grants
        become what is given, and ``verified`` is never lost.

        Raises:
            BadInput: the name or the address cannot be one.
            Conflict: another peer has one of the keys, or the ID.
            OperationFailed: the file could not be written; nothing has changed.
        """
        with self.adding(keys, name=name, address=address, role=role, grants=grants, verified=verified) as record:
            return record

    @contextmanager
    def adding(
        self, keys: PublicKeys, *, name: str, address: str, role: Role, grants: Grants, verified: bool
    ) -> Iterator[PeerRecord]:
        """``add`` together with what the block writes to ``database``: both happen, or neither."""
        fingerprint = keys.fingerprint
        held = self.holder_of(keys)
        if held is None:
            record = PeerRecord(
                keys=keys,
                name=self._peers.free_name(check_name(name)),
                address=_normal_address(address),
                role=role,
                grants=grants,
                verified=verified,
                added_at_ms=self._now_ms(),
            )
        elif held.keys == keys:
            record = msgspec.structs.replace(
                held,
                address=_normal_address(address) or held.address,
                role=role,
                grants=grants,
                verified=held.verified or verified,
            )
        else:
            raise Conflict(
                f"The peer {held.name} has one of these keys, or this ID, together with another one.",
                suggestion=f"If {held.name} was set up anew, remove it first: miner-ctrl peer remove {held.name}.",
                code="KEYS_CLASH",
            )
        with transaction(self.database):
            self._write(record)
            self.database.execute("DELETE FROM removed WHERE fingerprint = ?", (fingerprint,))
            yield record
        self._peers.put(record)
        self._unwritten.discard(fingerprint)
        self._removed.discard(fingerprint)

    def update(
        self,
        fingerprint: bytes,
        *,
        name: str | None = None,
        address: str | None = None,
        grants: Grants | None = None,
        granted: Grants | None = None,
        role: Role | None = None,
        verified: bool | None = None,
        blocked: bool | None = None,
        dial: bool | None = None,
        tags: Iterable[str] | None = None,
    ) -> PeerRecord:
        """Change what is given of a peer's entry; a new name that is taken gets a suffix.

        Raises:
            NotFound: no such peer.
            BadInput: a name, address or tag that cannot be one.
            OperationFailed: the file could not be written; nothing has changed.
        """
        held = self._peers.get(fingerprint)
        if held is None:
            raise NotFound("This peer is not registered any more.", code="PEER_NOT_FOUND")
        changes: dict[str, object] = {
            field: value
            for field, value in (
                ("grants", grants),
                ("granted", granted),
                ("role", role),
                ("verified", verified),
                ("blocked", blocked),
                ("dial", dial),
            )
            if value is not None
        }
        if name is not None:
            same = check_name(name).lower() == held.name.lower()
            changes["name"] = name if same else self._peers.free_name(name)
        if address is not None:
            changes["address"] = _normal_address(address)
        if tags is not None:
            changes["tags"] = _check_tags(tags)
        record = msgspec.structs.replace(held, **changes)
        with transaction(self.database):
            self._write(record)
        self._peers.put(record)
        self._unwritten.discard(fingerprint)
        return record

    def remove(self, fingerprint: bytes) -> None:
        """Forget a peer. It is not let in again by provisioned trust, nor by repeating a join.

        Raises:
            NotFound: no such peer.
            OperationFailed: the file could not be written; the peer is still there.
        """
        record = self._peers.get(fingerprint)
        if record is None:
            raise NotFound("This peer is not registered any more.", code="PEER_NOT_FOUND")
        with transaction(self.database):
            self.database.execute("DELETE FROM peer WHERE fingerprint = ?", (fingerprint,))
            self.database.execute("INSERT OR REPLACE INTO removed VALUES (?, ?)", (fingerprint, self._now_ms()))
        self._peers.remove(record)
        self._unwritten.discard(fingerprint)
        self._removed.add(fingerprint)

    # --- contact data: written by flush -----------------------------------------------------------------

    def record_seen(self, fingerprint: bytes) -> None:
        """Note that a peer is there now. Like all of these: nothing happens for an unknown one."""
        self._contact(fingerprint, lambda record: {"last_seen_ms": self._now_ms()})

    def record_success(self, fingerprint: bytes) -> None:
        """Count an interaction that succeeded."""
        self._contact(
            fingerprint, lambda record: {"score": record.scored(SUCCESS_POINTS), "last_seen_ms": self._now_ms()}
        )

    def record_ping(self, fingerprint: bytes, rtt_s: float) -> None:
        """Note a round trip, in seconds."""
        self._contact(
            fingerprint,
            lambda record: {
                "ping_ms": rtt_s * 1000,
                "ping_smoothed_ms": record.smoothed(rtt_s * 1000),
                "last_seen_ms": self._now_ms(),
            },
        )

    def record_timeout(self, fingerprint: bytes, reason: str) -> None:
        """Count an interaction that timed out, with one sentence why."""
        self._failed(fingerprint, TIMEOUT_POINTS, reason)

    def record_failure(self, fingerprint: bytes, reason: str) -> None:
        """Count an interaction that failed, with one sentence why."""
        self._failed(fingerprint, FAILURE_POINTS, reason)

    def flush(self) -> None:
        """Write the contact data that changed, in one transaction.

        Raises:
            OperationFailed: the file could not be written; the next ``flush`` tries again.
        """
        if not self._unwritten:
            return
        with transaction(self.database):
            self.database.executemany(
                "UPDATE peer SET score = ?, last_seen_ms = ?, ping_ms = ?, ping_smoothed_ms = ?, failure_reason = ?,"
                " failure_at_ms = ? WHERE fingerprint = ?",
                (
                    (
                        record.score,
                        record.last_seen_ms,
                        record.ping_ms,
                        record.ping_smoothed_ms,
                        record.failure_reason,
                        record.failure_at_ms,
                        record.keys.fingerprint,
                    )
                    for record in map(self._peers.get, self._unwritten)
                    if record is not None
                ),
            )
        self._unwritten.clear()

    # --- within -----------------------------------------------------------------------------------------

    def _load(self, path: Path) -> None:
        try:
            for values in self.database.execute(f"SELECT {COLUMNS} FROM peer"):  # noqa: S608 - a constant
                self._peers.put(from_row(values))
            self._removed = {row[0] for row in self.database.execute("SELECT fingerprint FROM removed")}
        except (ValueError, msgspec.MsgspecError, BadInput, apsw.Error) as error:
            raise StateDamaged(
                f"The {WHAT} {path} holds an entry that cannot be right: {error}.",
                suggestion="Restore it from a backup, or move it away (all peers must join again then).",
            ) from None

    def _write(self, record: PeerRecord) -> None:
        self.database.execute(_UPSERT, to_row(record))

    def _contact(self, fingerprint: bytes, changes: Callable[[PeerRecord], dict[str, object]]) -> None:
        held = self._peers.get(fingerprint)
        if held is not None:
            record = msgspec.structs.replace(held, **changes(held))
            self._peers.touch(record)
            self._unwritten.add(fingerprint)
            if record.score != held.score:
                for told in self.on_score:
                    told(fingerprint, record.score)

    def _failed(self, fingerprint: bytes, points: int, reason: str) -> None:
        self._contact(
            fingerprint,
            lambda record: {
                "score": record.scored(points),
                "failure_reason": one_line(reason),
                "failure_at_ms": self._now_ms(),
            },
        )


def _normal_address(address: str) -> str:
    return str(parse_address(address)) if address else ""


def _check_tags(tags: Iterable[str]) -> tuple[str, ...]:
    checked = tuple(dict.fromkeys(tags))
    if len(checked) > MAX_TAGS or not all(
        0 < len(tag) <= MAX_TAG_CHARS and tag.isprintable() and tag == tag.strip() and "," not in tag for tag in checked
    ):
        raise BadInput(
            f"A peer has up to {MAX_TAGS} tags of 1 to {MAX_TAG_CHARS} printable characters without commas.",
            suggestion="Shorten or leave out a tag.",
            code="BAD_TAG",
        )
    return checked
