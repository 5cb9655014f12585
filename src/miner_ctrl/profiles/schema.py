"""The profile store's tables, and the one that keeps what profiles were."""

from __future__ import annotations

import apsw

from miner_ctrl.model.profiles import Profile

MAX_VERSIONS = 50
"""Of one profile; the oldest goes."""

MIGRATIONS = (
    """
    CREATE TABLE profile (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL COLLATE NOCASE UNIQUE,
        hash TEXT NOT NULL,
        miner_type TEXT NOT NULL,
        config TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX profile_hash ON profile (hash);

    CREATE TABLE remembered (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        hash TEXT NOT NULL UNIQUE,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        miner_type TEXT NOT NULL,
        config TEXT NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE version (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        profile TEXT NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
        hash TEXT NOT NULL,
        miner_type TEXT NOT NULL,
        config TEXT NOT NULL,
        at_ms INTEGER,
        UNIQUE (profile, hash)
    ) STRICT;
    INSERT INTO version (profile, hash, miner_type, config) SELECT id, hash, miner_type, config FROM profile;
    """,
)


def keep_version(database: apsw.Connection, profile: Profile, config: str, at_ms: int) -> None:
    """Note what a profile is from now on. A content it had before is not kept twice: it becomes the newest again."""
    newest = database.execute("SELECT hash FROM version WHERE profile = ? ORDER BY seq DESC LIMIT 1", (profile.id,)).get
    if newest == profile.content_hash:
        return
    database.execute("DELETE FROM version WHERE profile = ? AND hash = ?", (profile.id, profile.content_hash))
    database.execute(
        "INSERT INTO version (profile, hash, miner_type, config, at_ms) VALUES (?, ?, ?, ?, ?)",
        (profile.id, profile.content_hash, profile.miner_type, config, at_ms),
    )
    database.execute(
        "DELETE FROM version WHERE profile = ?1 AND seq <="
        " (SELECT seq FROM version WHERE profile = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        (profile.id, MAX_VERSIONS),
    )
