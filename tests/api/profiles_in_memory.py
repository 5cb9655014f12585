"""A node's profiles, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from miner_ctrl.errors import Conflict, NotFound
from miner_ctrl.model.profiles import ConfigValue, ImportOutcome, Profile, ProfileDraft, ProfileVersion
from miner_ctrl.profiles import Examination
from miner_ctrl.profiles.validation import examine


class Profiles:
    def __init__(self) -> None:
        self.kept: dict[str, Profile] = {}

    def list(self) -> Sequence[Profile]:
        return [*self.kept.values()]

    def find(self, query: str) -> Profile:
        found = next((held for held in self.kept.values() if query in (held.name, held.id)), None)
        if found is None:
            raise NotFound(f"There is no profile {query!r}.", code="PROFILE_NOT_FOUND")
        return found

    def create(self, name: str, miner_type: str, config: Mapping[str, ConfigValue]) -> Profile:
        if name in self.kept:
            raise Conflict("There is a profile of that name.", code="PROFILE_EXISTS")
        self.kept[name] = Profile(id=f"id-{name}", name=name, miner_type=miner_type, config=dict(config))
        return self.kept[name]

    def change(
        self, query: str, name: str, miner_type: str, config: Mapping[str, ConfigValue], *, if_hash: str
    ) -> Profile:
        held = self.kept.pop(self.find(query).name)
        if if_hash not in ("", held.content_hash):
            raise Conflict("It has changed.", code="PROFILE_CHANGED")
        self.kept[name] = Profile(id=held.id, name=name, miner_type=miner_type, config=dict(config))
        return self.kept[name]

    def versions(self, query: str) -> Sequence[ProfileVersion]:
        held = self.find(query)
        return [ProfileVersion(hash=held.content_hash, miner_type=held.miner_type, config=held.config, at_ms=None)]

    def version(self, query: str, hash_prefix: str) -> Profile:
        return self.revert(query, hash_prefix)

    def revert(self, query: str, hash_prefix: str) -> Profile:
        held = self.find(query)
        if not held.content_hash.startswith(hash_prefix):
            raise NotFound("There is no such version.", code="VERSION_NOT_FOUND")
        return held

    def import_drafts(self, drafts: Sequence[ProfileDraft], *, replace: bool) -> ImportOutcome:
        for draft in drafts:
            self.create(draft.name, draft.miner_type, draft.config)
        return ImportOutcome(created=tuple(draft.name for draft in drafts))

    def examine(
        self, name: str, miner_type: str, config: Mapping[str, ConfigValue], *, of: str | None = None
    ) -> Examination:
        return examine(miner_type, config)

    def delete(self, query: str) -> None:
        del self.kept[self.find(query).name]
