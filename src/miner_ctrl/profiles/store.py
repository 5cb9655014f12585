"""The profiles of this node, durable, and the ones it was sent along with a command.

A profile of ours has a name and an ID. One that came with ``start_miner`` is kept by content hash alone, so that it
need not be sent again and takes no name here. Everything that comes in is validated first, so what is kept is small.
What a profile of ours was before stays as its versions, each by its hash.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import apsw
import msgspec

from miner_ctrl.errors import BadInput, Conflict, NotFound, StateDamaged
from miner_ctrl.model.profiles import (
    ConfigValue,
    ImportOutcome,
    MinerConfig,
    Profile,
    ProfileDraft,
    ProfileVersion,
    check_profile_name,
)
from miner_ctrl.model.text import one_line
from miner_ctrl.model.times import now_ms as wall_clock_ms
from miner_ctrl.profiles.findings import Enough, Findings
from miner_ctrl.profiles.schema import MIGRATIONS, keep_version
from miner_ctrl.profiles.validation import Examination, look_at, validate
from miner_ctrl.storage.sqlite import open_database, transaction

MAX_PROFILES = 1000
MAX_REMEMBERED = 256
_WHAT = "profile store"
_ID_BYTES = 8
_ID_PREFIX = re.compile(r"[0-9a-f]{4,16}")


class ProfileStore:
    """The profiles in one SQLite file; changes are durable when a call returns. Used from one thread.

    ``random_bytes`` is as ``secrets.token_bytes``; ``now_ms`` is Unix time.
    """

    def __init__(
        self,
        path: Path,
        *,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        now_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._path = path
        self._random_bytes = random_bytes
        self._now_ms = now_ms
        self._database: apsw.Connection | None = None
        self.revision = 0
        """Another number after each change of what ``list`` returns: a thousand profiles are slow to read."""

    def open(self) -> None:
        """Open the file, made if it is not there.

        Raises:
            StateDamaged, HomeInUse: as ``storage.sqlite.open_database``.
        """
        self._database = open_database(self._path, MIGRATIONS, what=_WHAT)

    def close(self) -> None:
        """Close the file."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def list(self) -> list[Profile]:
        """Return the profiles of this node, in the order of their names."""
        return [*self._select("profile ORDER BY name")]

    def find(self, query: str) -> Profile:
        """Return the profile with this ID or name (case does not matter), or with a unique prefix of its ID.

        Raises:
            NotFound, Conflict: there is none, or several.
        """
        wanted = query.strip()
        found = self._select("profile WHERE id = ?1 OR name = ?1", wanted)
        if not found and _ID_PREFIX.fullmatch(wanted):
            found = self._select("profile WHERE substr(id, 1, length(?1)) = ?1", wanted)
        if not found:
            raise NotFound(
                f"There is no profile {one_line(query, 80)!r}.",
                suggestion="See miner-ctrl profile list for those there are.",
                code="PROFILE_NOT_FOUND",
            )
        if len(found) > 1:
            raise Conflict(
                f"{one_line(query, 80)!r} is ambiguous: {len(found)} profiles match.",
                suggestion="Give more characters of the ID, or the name.",
                code="AMBIGUOUS_PROFILE",
            )
        return found[0]

    def by_hash(self, content_hash: str) -> Profile | None:
        """Return a profile with this content: one of ours, or one that was remembered."""
        found = self._select("profile WHERE hash = ? LIMIT 1", content_hash)
        found = found or self._select("remembered WHERE hash = ?", content_hash)
        return found[0] if found else None

    def create(self, name: str, miner_type: str, config: Mapping[str, ConfigValue]) -> Profile:
        """Keep a new profile, under a new random ID.

        Raises:
            BadInput: the name or the config cannot be one.
            Conflict: the name is taken, or there are ``MAX_PROFILES``.
        """
        self._look_at(name, miner_type, config, Findings())
        profile = self._new(name, miner_type, config)
        self._store(profile)
        return profile

    def examine(
        self, name: str, miner_type: str, config: Mapping[str, ConfigValue], *, of: str | None = None
    ) -> Examination:
        """Return everything for which ``create`` would refuse this; with ``of``, ``change`` of that profile.

        Raises:
            NotFound, Conflict: there is no profile ``of``, or several match.
        """
        held = None if of is None else self.find(of)
        found = Findings(all_of_them=True)
        checked = MinerConfig(pool="")
        with suppress(Enough):
            checked = self._look_at(name, miner_type, config, found, id_=held.id if held else "")
        return Examination(tuple(found.errors), checked)

    def change(
        self, query: str, name: str, miner_type: str, config: Mapping[str, ConfigValue], *, if_hash: str = ""
    ) -> Profile:
        """Replace all of a profile but its ID. With ``if_hash``, only if that is what it is now.

        Raises:
            BadInput: the name or the config cannot be one.
            NotFound: there is none.
            Conflict: several match, the name is another's, or it is not what ``if_hash`` says.
        """
        held = self.find(query)
        if if_hash and held.content_hash != if_hash:
            raise Conflict(
                f"The profile {held.name} has changed meanwhile.",
                suggestion="Look at it again (miner-ctrl profile show), and make your change to what it is now.",
                code="PROFILE_CHANGED",
            )
        self._look_at(name, miner_type, config, Findings(), id_=held.id)
        changed = Profile(id=held.id, name=name, miner_type=miner_type, config=dict(config))
        self._store(changed)
        return changed

    def put(self, profile: Profile) -> Profile:
        """Keep a profile under its name, in place of the one that has it; the ID is this node's own.

        Raises:
            BadInput: the name or the config cannot be one.
            Conflict: there are ``MAX_PROFILES``.
        """
        held = self._select("profile WHERE name = ?", profile.name)
        checked = self._checked(profile.name, profile.miner_type, profile.config)
        if held:
            checked = msgspec.structs.replace(checked, id=held[0].id)
        self._store(checked)
        return checked

    def delete(self, query: str) -> Profile:
        """Delete a profile with its versions, found as by ``find``.

        Raises:
            NotFound, Conflict: there is none, or several.
        """
        profile = self.find(query)
        with transaction(self._connection):
            self._connection.execute("DELETE FROM profile WHERE id = ?", (profile.id,))
        self.revision += 1
        return profile

    def versions(self, query: str) -> tuple[ProfileVersion, ...]:
        """Return what a profile is and was, the present first; at most ``schema.MAX_VERSIONS``.

        Raises:
            NotFound, Conflict: there is no such profile, or several.
        """
        held = self.find(query)
        rows = self._connection.execute(
            "SELECT hash, miner_type, config, at_ms FROM version WHERE profile = ? ORDER BY seq DESC", (held.id,)
        )
        return tuple(
            ProfileVersion(hash=content_hash, miner_type=miner_type, config=profile.config, at_ms=at_ms)
            for content_hash, miner_type, config, at_ms in rows
            for profile in [self._from_row(held.id, held.name, content_hash, miner_type, config)]
        )

    def revert(self, query: str, hash_prefix: str) -> Profile:
        """Make a profile again what it was in the version whose hash begins with ``hash_prefix``.

        Raises:
            BadInput: what it was then is not allowed any more.
            NotFound, Conflict: there is no such profile or version, or several.
        """
        then = self.version(query, hash_prefix)
        return self.change(then.id, then.name, then.miner_type, then.config)

    def version(self, query: str, hash_prefix: str) -> Profile:
        """Return a profile as it was in the version whose hash begins with ``hash_prefix``; its name is that of now.

        Raises:
            NotFound, Conflict: there is no such profile or version, or several.
        """
        held = self.find(query)
        wanted = hash_prefix.strip().lower()
        if wanted == held.content_hash:  # most often, and for each rig of a job
            return held
        found = [version for version in self.versions(held.id) if version.hash.startswith(wanted)] if wanted else []
        if not found:
            raise NotFound(
                f"{held.name} has no such version.",  # a viewer of a job sees this: no hash, nor a part of one
                suggestion=f"See miner-ctrl profile history {held.name} for those there are.",
                code="VERSION_NOT_FOUND",
            )
        if len(found) > 1:
            raise Conflict(
                f"That is ambiguous: {len(found)} versions of {held.name} begin so.",
                suggestion="Give more characters of the hash.",
                code="AMBIGUOUS_VERSION",
            )
        return msgspec.structs.replace(held, miner_type=found[0].miner_type, config=found[0].config)

    def import_drafts(self, drafts: Iterable[ProfileDraft], *, replace: bool = False) -> ImportOutcome:
        """Keep all of ``drafts`` or, if one cannot be kept, none. Those that are there already with the same content
        stay as they are; with ``replace`` those with other content are replaced, by name.

        Raises:
            BadInput: a name or a config cannot be one.
            Conflict: without ``replace``, names are taken; or there would be more than ``MAX_PROFILES``.
        """
        done: dict[str, list[str]] = {"created": [], "replaced": [], "unchanged": []}
        with transaction(self._connection):
            for draft in drafts:
                new = self._checked(draft.name, draft.miner_type, draft.config)
                held = self._select("profile WHERE name = ?", draft.name)
                if held and held[0].content_hash == new.content_hash:
                    done["unchanged"].append(held[0].name)
                    continue
                done["replaced" if held else "created"].append(draft.name)
                if replace or not held:
                    self._store(msgspec.structs.replace(new, id=held[0].id) if held else new)
            if done["replaced"] and not replace:
                raise _taken(done["replaced"])
        return ImportOutcome(**{what: tuple(names) for what, names in done.items()})

    def remember(self, profile: Profile) -> None:
        """Keep a profile that was sent along, by its hash; the ``MAX_REMEMBERED`` newest stay.

        Raises:
            BadInput: its config cannot be one.
        """
        validate(profile.miner_type, profile.config)
        with transaction(self._connection):
            self._connection.execute("DELETE FROM remembered WHERE hash = ?", (profile.content_hash,))
            self._connection.execute(
                "INSERT INTO remembered (hash, id, name, miner_type, config) VALUES (?, ?, ?, ?, ?)",
                (profile.content_hash, profile.id, profile.name, profile.miner_type, _config_text(profile)),
            )
            self._connection.execute(
                "DELETE FROM remembered WHERE seq <= (SELECT seq FROM remembered ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                (MAX_REMEMBERED,),
            )

    @property
    def _connection(self) -> apsw.Connection:
        if self._database is None:
            raise RuntimeError("the profile store is not open")
        return self._database

    def _look_at(
        self, name: str, miner_type: str, config: Mapping[str, ConfigValue], found: Findings, *, id_: str = ""
    ) -> MinerConfig:
        """Check what a profile is to be, that of this ID or a new one; what is wrong goes to ``found``."""
        found.of(partial(_check_name, name), None)
        checked = look_at(miner_type, config, found)
        found.of(partial(self._check_free, name, but=id_), None)
        found.of(partial(self._check_room, id_), None)
        return checked

    def _checked(self, name: str, miner_type: str, config: Mapping[str, ConfigValue]) -> Profile:
        check_profile_name(name)
        validate(miner_type, config)
        return self._new(name, miner_type, config)

    def _new(self, name: str, miner_type: str, config: Mapping[str, ConfigValue]) -> Profile:
        return Profile(id=self._random_bytes(_ID_BYTES).hex(), name=name, miner_type=miner_type, config=dict(config))

    def _check_room(self, id_: str) -> None:
        others = self._connection.execute("SELECT count(*) FROM profile WHERE id <> ?", (id_,)).get
        if others >= MAX_PROFILES:
            raise Conflict(
                f"There are {MAX_PROFILES} profiles already.", suggestion="Delete some first.", code="TOO_MANY_PROFILES"
            )

    def _store(self, profile: Profile) -> None:
        self._check_room(profile.id)
        with transaction(self._connection):
            self._connection.execute(
                "INSERT INTO profile (id, name, hash, miner_type, config) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id)"
                " DO UPDATE SET name = excluded.name, hash = excluded.hash, miner_type = excluded.miner_type,"
                " config = excluded.config",
                (profile.id, profile.name, profile.content_hash, profile.miner_type, _config_text(profile)),
            )
            keep_version(self._connection, profile, _config_text(profile), self._now_ms())
        self.revision += 1

    def _check_free(self, name: str, *, but: str = "") -> None:
        if self._select("profile WHERE name = ? AND id <> ?", name, but):
            raise Conflict(
                f"There is a profile {name} already.",
                suggestion="Choose another name, or delete that one first.",
                code="PROFILE_EXISTS",
                details={"field": "name"},
            )

    def _select(self, rest: str, *values: str) -> tuple[Profile, ...]:
        rows = self._connection.execute(f"SELECT id, name, hash, miner_type, config FROM {rest}", values)  # noqa: S608
        return tuple(self._from_row(*row) for row in rows)

    def _from_row(self, id_: str, name: str, content_hash: str, miner_type: str, config: str) -> Profile:
        try:
            decoded = msgspec.json.decode(config, type=dict[str, ConfigValue])
        except (msgspec.DecodeError, RecursionError):
            raise self._damaged(name) from None
        profile = Profile(id=id_, name=name, miner_type=miner_type, config=decoded)
        if profile.content_hash != content_hash:
            raise self._damaged(name)
        return profile

    def _damaged(self, name: str) -> StateDamaged:
        return StateDamaged(
            f"The {_WHAT} {self._path} is damaged: its profile {one_line(name, 63)!r} is not what was stored.",
            suggestion="Restore it from a backup, or move it away (the profiles are lost then).",
        )


def _config_text(profile: Profile) -> str:
    return msgspec.json.encode(profile.config).decode()


def _check_name(name: str) -> None:
    try:
        check_profile_name(name)
    except BadInput as error:
        error.details.setdefault("field", "name")
        raise


def _taken(names: list[str]) -> Conflict:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return Conflict(
        f"{len(names)} of these profiles {'is' if len(names) == 1 else 'are'} there already, and different: {shown}.",
        suggestion="Import with --replace to put them in place of those there are, or rename them in the file.",
        code="PROFILE_EXISTS",
        details={"names": names[:100]},
    )
