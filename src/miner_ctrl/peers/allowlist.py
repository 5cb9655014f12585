"""Keys let in before their nodes have come: the first node that proves to hold one is pinned, with both its keys."""

from __future__ import annotations

import apsw

from miner_ctrl.errors import Conflict
from miner_ctrl.model.nodes import Grant, Grants, parse_grants
from miner_ctrl.storage.sqlite import transaction

MAX_KEYS = 1000


class Allowlist:
    """The X25519 public keys noted in ``database`` (that of the registry), and what each may do here. Durable."""

    def __init__(self, database: apsw.Connection) -> None:
        self._database = database
        rows = database.execute("SELECT x, grants FROM allowed ORDER BY rowid")
        self._keys = {bytes(x): parse_grants(str(grants)) for x, grants in rows}

    def keys(self) -> list[bytes]:
        """Return the keys, those noted first, first."""
        return list(self._keys)

    def grants_for(self, x: bytes) -> Grants | None:
        """Return what the holder of ``x`` may do here; ``None`` for a key that is not noted."""
        return self._keys.get(x)

    def note(self, x: bytes, grants: Grants) -> None:
        """Note a key.

        Raises:
            Conflict: there are ``MAX_KEYS`` already.
        """
        if x not in self._keys and len(self._keys) >= MAX_KEYS:
            raise Conflict(
                f"{MAX_KEYS} keys are noted already, of nodes that have not come yet.",
                suggestion="Remove some of them, or let nodes join with a token: miner-ctrl peer invite.",
                code="ALLOWLIST_FULL",
            )
        text = ",".join(grant.value for grant in Grant if grant in grants)
        with transaction(self._database):
            self._database.execute("INSERT OR REPLACE INTO allowed (x, grants) VALUES (?, ?)", (x, text))
        self._keys[x] = grants

    def forget(self, x: bytes) -> bool:
        """Forget a key; false if it was not noted."""
        if x not in self._keys:
            return False
        with transaction(self._database):
            self._database.execute("DELETE FROM allowed WHERE x = ?", (x,))
        del self._keys[x]
        return True
