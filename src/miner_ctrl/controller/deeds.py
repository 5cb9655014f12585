"""What was asked of this controller, as events of its history: who asked, for what, and whether it was refused.

It hears what the audit log hears. What a rig did of it is in that rig's own journal; which person was behind the
controller is only here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import NamedTuple

from miner_ctrl.controller.own_journal import ASKED_BY, HOUR_MS, OwnJournal
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.model.callers import Caller, Door
from miner_ctrl.model.jobs import JobCounts, JobState, JobView
from miner_ctrl.model.text import one_line
from miner_ctrl.peers import Registry

PAIRING, SETTINGS, DEPLOY, COMMAND, JOB, REFUSED = "pairing", "settings", "deploy", "command", "job", "refused"
MAX_FIELD_CHARS = 100
REFUSALS_AT_MOST = 40
"""Refusals of one caller that are noted in an hour: one that goes on asking does not fill the history."""

REFUSALS = frozenset({
    "NOT_ALLOWED", "ONLY_LOCAL", "REFUSED", "RATE_LIMITED", "WALLET_LOCKED", "LOCK_NOT_CHANGED", "NOT_ROOT", "NOT_OURS",
    "PENDING_APPROVAL", "JOIN_REFUSED", "INVITE_USED", "INVITE_EXPIRED", "INVITE_REVOKED", "INVITE_UNKNOWN",
    "IDENTITY_MISMATCH", "IDENTITY_CHANGED", "ADDRESS_MOVED", "OWN_KEYS", "PEER_REMOVED", "OPEN_MODE_REFUSED",
    "STRONGER_TOKEN", "BUNDLE_KEY_UNKNOWN", "BUNDLE_OLDER", "BUNDLE_SIGNATURE", "TOO_MANY_BUNDLES", "TOO_MANY_JOBS",
})  # fmt: skip
"""Codes of errors by which a rig, another node or a rule here said no. Anything else was tried, or could not be."""


class Deed(NamedTuple):
    """What one action is in the history: ``{names}`` in its text are of what was asked for, or of what with."""

    kind: str
    text: str
    says_so: bool = True
    """Whether its success is an event: not where what it does is one already."""


DEEDS: Mapping[str, Deed] = {
    # who is trusted
    "add_peer": Deed(PAIRING, "Add the node at {address}.", says_so=False),
    "remove_peer": Deed(PAIRING, "Remove the peer {peer}.", says_so=False),
    "approve_pending": Deed(PAIRING, "Let the waiting node {id} in.", says_so=False),
    "deny_pending": Deed(PAIRING, "Turn the waiting node {id} away."),
    "create_invite": Deed(PAIRING, "Make an invite for {for_} ({uses})."),
    "revoke_invite": Deed(PAIRING, "Revoke the invite {id}."),
    "add_to_allowlist": Deed(PAIRING, "Put a key on the allowlist."),
    "remove_from_allowlist": Deed(PAIRING, "Take a key off the allowlist."),
    "set_auth_mode": Deed(SETTINGS, "Set the mode of pairing to {mode}."),
    # decided about nodes, by what they showed
    "invite_used": Deed(PAIRING, "Joined with the invite {invite}."),
    "approval_asked": Deed(PAIRING, "Waits for approval."),
    "provisioned_peer_pinned": Deed(PAIRING, "Let in as provisioned."),
    "allowed_peer_pinned": Deed(PAIRING, "Let in by the allowlist."),
    # settings
    "change_peer": Deed(SETTINGS, "Change the peer's {changed}."),
    "create_profile": Deed(SETTINGS, "Make the profile {name}."),
    "change_profile": Deed(SETTINGS, "Change the profile {profile}."),
    "delete_profile": Deed(SETTINGS, "Delete the profile {profile}."),
    # a viewer reads this: no hash of a profile stands in it
    "revert_profile": Deed(SETTINGS, "Make the profile {profile} what it was in an earlier version."),
    "import_profiles": Deed(SETTINGS, "Import profiles."),
    "create_token": Deed(SETTINGS, "Make the token {name}, a {role}'s."),
    "revoke_token": Deed(SETTINGS, "Revoke the token {id}."),
    "set_login": Deed(SETTINGS, "Set the login {name}, a {role}'s."),
    "change_own_password": Deed(SETTINGS, "Change the own password."),
    "remove_login": Deed(SETTINGS, "Remove the login {login}."),
    "set_history_settings": Deed(
        SETTINGS,
        "Keep history: samples {samples_hours} h, minutes {minutes_days}, hours {hours_days}, events"
        " {events_days} days.",
    ),
    "set_rig_schedule": Deed(SETTINGS, "Set the schedule."),
    "change_lock": Deed(SETTINGS, "Change the wallet lock."),
    "set_own_schedule": Deed(SETTINGS, "Set the schedule of this machine."),
    "clear_own_schedule": Deed(SETTINGS, "Remove the schedule of this machine."),
    "set_lock": Deed(SETTINGS, "Set the wallet lock of this machine."),
    "clear_lock": Deed(SETTINGS, "Remove the wallet lock of this machine."),
    "tls": Deed(SETTINGS, "Make a certificate, or show it."),
    "add_bundle": Deed(SETTINGS, "Keep a bundle of {miner_type} {version}."),
    "remove_bundle": Deed(SETTINGS, "Remove the bundle {sha256}."),
    # deploys
    "deploy": Deed(DEPLOY, "Deploy {profile_id} {miner_type} {version} {sha256}."),
    "rollback": Deed(DEPLOY, "Go back to the {miner_type} of before."),
    "install_program": Deed(DEPLOY, "Install {miner_type} {version} on this machine."),
    "uninstall_program": Deed(DEPLOY, "Remove {miner_type} from this machine."),
    # commands
    "start_miner": Deed(COMMAND, "Start {profile_id} {miner_type}."),
    "stop_miner": Deed(COMMAND, "Stop {miner_name}."),
    "restart_miner": Deed(COMMAND, "Restart {miner_name}."),
    "pause_miner": Deed(COMMAND, "Pause {miner_name}."),
    "resume_miner": Deed(COMMAND, "Resume {miner_name}."),
    "connect_peer": Deed(COMMAND, "Connect."),
    "disconnect_peer": Deed(COMMAND, "Disconnect."),
    "start_profile": Deed(COMMAND, "Start {profile} on this machine."),
    "stop_miners": Deed(COMMAND, "Stop {miner_name} on this machine."),
    "restart_miners": Deed(COMMAND, "Restart {miner_name} on this machine."),
    "pause_miners": Deed(COMMAND, "Pause {miner_name} on this machine."),
    "resume_miners": Deed(COMMAND, "Resume {miner_name} on this machine."),
    "stop_one_miner": Deed(COMMAND, "Stop {miner} on this machine."),
    "restart_one_miner": Deed(COMMAND, "Restart {miner} on this machine."),
    "pause_one_miner": Deed(COMMAND, "Pause {miner} on this machine."),
    "resume_one_miner": Deed(COMMAND, "Resume {miner} on this machine."),
    "type_at_miner": Deed(COMMAND, "Type at {miner} on this machine."),
    "adopt_miner": Deed(COMMAND, "Adopt a {miner_type} on this machine."),
    "release_miner": Deed(COMMAND, "Let go of {miner} on this machine."),
    # many rigs at once: how a job goes is said by the job
    **{
        f"{action}_many": Deed(JOB, f"{action.capitalize()} on many rigs.", says_so=False)
        for action in ("start", "stop", "restart", "pause", "resume", "deploy", "rollback", "schedule", "lock")
    },
    "retry_job": Deed(JOB, "Try the job {id} again.", says_so=False),
    "cancel_job": Deed(JOB, "Cancel the job {id}."),
}
"""By the route's handler, or by what was decided about a node."""

_ALL = {"miner_name": "all miners", "for_": "the usual"}
"""What is meant where a name is left out."""
_PROFILES = frozenset({"profile", "profile_id"})
"""What people may give an ID in, and want to read a name in."""


class _Asked(NamedTuple):
    caller: Caller
    deed: Deed
    text: str
    peer: bytes
    is_missing: bool
    miner: str


class Deeds:
    """Writes them into ``journal``; methods as those of ``Audit``. ``now_ms`` is Unix time; ``profile_name`` gives the
    name of the profile that an ID or a name stands for, and anything else back.
    """

    def __init__(
        self,
        registry: Registry,
        journal: OwnJournal,
        *,
        now_ms: Callable[[], int],
        profile_name: Callable[[str], str] = str,
    ) -> None:
        self._registry = registry
        self._journal = journal
        self._profile_name = profile_name
        self._now_ms = now_ms
        self._refused: dict[str, int] = {}
        self._refused_in = 0
        self._open: dict[int, _Asked] = {}

    def asked(self, entry: int, caller: Caller, action: str, target: Mapping[str, str], body: object) -> None:
        """``caller`` asked for something; ``ended`` says with the same ``entry`` what came of it."""
        if caller.door is Door.PEER:  # of the rig that this node is: its own journal has it
            return
        ASKED_BY.set(caller.shown)
        asked = self._read(caller, action, target, body)
        if asked is not None:
            self._open[entry] = asked

    def ended(self, entry: int, code: str) -> None:
        """It was done (no ``code``), or not."""
        ASKED_BY.set("")
        asked = self._open.pop(entry, None)
        if asked is not None:
            self._note(asked, code)

    def noted(self, caller: Caller, action: str, target: Mapping[str, str], code: str) -> None:
        """Something was decided at once: about a caller's request, about a node, about a peer's command."""
        asked = self._read(caller, action, target, None)
        if asked is not None:
            self._note(asked, code)
        elif code in REFUSALS:
            peer = self._peer(caller.id) if caller.door is Door.PEER else b""
            self._refuse(caller, peer, "", f"{action} ({code}).")

    def job(self, job: JobView) -> None:
        """A job begins, or has ended."""
        text = f"{job.action.capitalize()} on {_rigs(job.total)}"
        if job.state is JobState.RUNNING:
            text += f": job {job.id} begins."
        else:
            text += f": job {job.id} is {job.state.value} ({_counted(job.counts)})."
        self._journal.note_own(JOB, by=job.asked_by, text=text)

    def _read(self, caller: Caller, action: str, target: Mapping[str, str], body: object) -> _Asked | None:
        deed = DEEDS.get(action)
        if deed is None:
            return None
        said = _Said(target, body, self._profile_name)
        query = caller.id if caller.door is Door.PEER else target.get("peer", "")
        peer = self._peer(query)
        text = " ".join(deed.text.format_map(said).split()).replace(" .", ".")
        if caller.door is Door.PEER and not peer:  # nobody's name stands beside it
            text = f"{one_line(caller.name, MAX_FIELD_CHARS)} ({caller.id}) from {caller.address}: {text}"
        is_missing = caller.door is not Door.PEER and bool(query) and not peer
        return _Asked(caller, deed, text, peer, is_missing, said.plain("miner_name") or said.plain("miner"))

    def _peer(self, query: str) -> bytes:
        try:
            return self._registry.find(query).keys.fingerprint if query else b""
        except MinerCtrlError:
            return b""

    def _note(self, asked: _Asked, code: str) -> None:
        kind, text = asked.deed.kind, asked.text
        if code in REFUSALS:
            self._refuse(asked.caller, asked.peer, asked.miner, f"{text[:-1]} ({code}).")
            return
        if code:
            if kind not in (DEPLOY, COMMAND) or asked.is_missing:
                return  # a slip of the pen: nothing was changed, and nobody said no
            text = f"{text[:-1]}: failed ({code})."
        elif not asked.deed.says_so:
            return
        self._journal.note_own(kind, peer=asked.peer, miner=asked.miner, by=asked.caller.shown, text=text)

    def _refuse(self, caller: Caller, peer: bytes, miner: str, text: str) -> None:
        hour = self._now_ms() // HOUR_MS
        if hour != self._refused_in:
            self._refused_in, self._refused = hour, {}
        count = self._refused[caller.shown] = self._refused.get(caller.shown, 0) + 1
        if count > REFUSALS_AT_MOST:
            if count > REFUSALS_AT_MOST + 1:
                return
            text = "It goes on asking; no more of it is noted in this hour."
        self._journal.note_own(REFUSED, peer=peer, miner=miner, by=caller.shown, text=text)


class _Said(dict[str, str]):
    """What may stand in a sentence: what was asked for, and plain fields of what it was asked with."""

    def __init__(self, target: Mapping[str, str], body: object, profile_name: Callable[[str], str]) -> None:
        super().__init__()
        self._target = target
        self._body = body
        self._profile_name = profile_name

    def plain(self, name: str) -> str:
        """Return one of them as one short line; a profile by its name."""
        value = self._plain(name)
        return one_line(self._profile_name(value), MAX_FIELD_CHARS) if value and name in _PROFILES else value

    def _plain(self, name: str) -> str:
        if name in self._target:
            return one_line(self._target[name], MAX_FIELD_CHARS)
        value = getattr(self._body, name, None)
        if isinstance(value, Enum):
            value = value.value
        return one_line(str(value), MAX_FIELD_CHARS) if isinstance(value, str | int) else ""

    def __missing__(self, name: str) -> str:
        if name == "changed":
            names = ("name", "address", "tags", "grant")
            return ", ".join(each for each in names if getattr(self._body, each, None) is not None) or "entry"
        return self.plain(name) or _ALL.get(name, "")


def _rigs(count: int) -> str:
    return "1 rig" if count == 1 else f"{count} rigs"


def _counted(counts: JobCounts) -> str:
    names = ("done", "failed", "skipped", "cancelled", "interrupted")
    return ", ".join(f"{count} {name}" for name in names if (count := getattr(counts, name))) or "none"
