"""The schema of ``peers.db``: registered peers, invites, who was removed, keys let in ahead."""

from __future__ import annotations

from pathlib import Path

import apsw

from miner_ctrl.storage.sqlite import open_database

WHAT = "peer registry"

MIGRATIONS = (
    """
    CREATE TABLE peer (
        fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32),
        x BLOB NOT NULL UNIQUE CHECK (length(x) = 32),
        e BLOB NOT NULL UNIQUE CHECK (length(e) = 32),
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL COLLATE NOCASE UNIQUE,
        address TEXT NOT NULL,
        role TEXT NOT NULL,
        grants TEXT NOT NULL,
        granted TEXT NOT NULL,
        added_at_ms INTEGER NOT NULL,
        verified INTEGER NOT NULL,
        blocked INTEGER NOT NULL,
        dial INTEGER NOT NULL,
        tags TEXT NOT NULL,
        score INTEGER NOT NULL CHECK (score BETWEEN 0 AND 100),
        last_seen_ms INTEGER,
        ping_ms REAL,
        ping_smoothed_ms REAL,
        failure_reason TEXT NOT NULL,
        failure_at_ms INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE removed (
        fingerprint BLOB PRIMARY KEY CHECK (length(fingerprint) = 32),
        at_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE invite (
        id BLOB PRIMARY KEY CHECK (length(id) = 16),
        kind INTEGER NOT NULL CHECK (kind IN (0, 1)),
        psk BLOB CHECK (length(psk) = 32),
        uses INTEGER NOT NULL,
        used INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND uses),
        created_at_ms INTEGER NOT NULL,
        expires_at_ms INTEGER NOT NULL,
        revoked_at_ms INTEGER,
        addresses TEXT NOT NULL
    ) STRICT;

    CREATE TABLE redemption (
        invite BLOB NOT NULL REFERENCES invite (id) ON DELETE CASCADE,
        fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (invite, fingerprint)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE allowed (
        x BLOB NOT NULL UNIQUE CHECK (length(x) = 32),
        grants TEXT NOT NULL
    ) STRICT;
    """,
)
"""An invite's ``psk`` is NULL once it has expired or was revoked. ``redemption`` outlives the peer's entry: a removed
peer does not come back by repeating its join."""


def open_peers(path: Path) -> apsw.Connection:
    """Open ``peers.db``; what is deleted from it is overwritten.

    Raises:
        StateDamaged, HomeInUse: as ``open_database``.
    """
    database = open_database(path, MIGRATIONS, what=WHAT)
    database.pragma("secure_delete", True)
    return database
