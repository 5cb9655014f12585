"""Who may connect: the one place that decides (docs/protocol.md, "Handshake" and "Pairing")."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, Role, check_name
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.peers.invites import Invites
from miner_ctrl.peers.notes import Note, Notes, no_note
from miner_ctrl.peers.pending import Pending
from miner_ctrl.peers.registry import Registry
from miner_ctrl.peers.trust_file import ProvisionedTrust

log = logging.getLogger(__name__)


class Trust:
    """Judges nodes that have proven their keys. Trust is decided on both whole keys, never on ID, name or role.

    ``note`` hears what was decided about a node that was not known: who (as a peer), the decision, what it was about.
    """

    def __init__(
        self,
        registry: Registry,
        invites: Invites,
        pending: Pending,
        provisioned: Sequence[ProvisionedTrust],
        *,
        note: Note = no_note,
    ) -> None:
        self._notes = Notes(note)
        self._registry = registry
        self._invites = invites
        self._pending = pending
        self._provisioned = tuple(provisioned)

    def provisioned(self) -> tuple[ProvisionedTrust, ...]:
        """Return the provisioned trust that still counts: not that in peers who were removed here."""
        return tuple(entry for entry in self._provisioned if not self._registry.was_removed(entry.fingerprint))

    def judge(self, introduction: Introduction, remote_host: str) -> Verdict:
        """Decide about a node that introduced itself from ``remote_host``.

        In this order: blocked → refused; a join → the invite decides; pinned → accepted; provisioned → pinned and
        accepted; anybody else waits. What is accepted is durable before this returns.
        """
        try:
            return self._judge(introduction, remote_host)
        except MinerCtrlError as error:
            return Verdict(VerdictStatus.REFUSED, error.message)

    def _judge(self, introduction: Introduction, remote_host: str) -> Verdict:
        keys = introduction.keys
        held = self._registry.holder_of(keys)
        if held is not None and held.blocked:
            return Verdict(VerdictStatus.REFUSED, "This node is blocked here.")
        if held is not None and held.keys != keys:
            log.warning("%s from %s shows a key or the ID of %s, with another key", keys, remote_host, held.name)
            return Verdict(VerdictStatus.REFUSED, "One of these keys is known here together with another one.")
        if introduction.invite_id is not None:
            self._join(introduction, introduction.invite_id, remote_host)
            return self._accepted(keys)
        if held is not None:
            return self._accepted(keys)
        if self._pin_provisioned(keys, introduction.name):
            self._notes.tell("provisioned_peer_pinned", introduction, remote_host)
            return self._accepted(keys)
        return self._let_wait(introduction, remote_host)

    def _join(self, introduction: Introduction, invite: bytes, remote_host: str) -> None:
        keys = introduction.keys
        try:
            record = self._invites.redeem(invite, keys, introduction.name)
        except MinerCtrlError as error:
            self._notes.tell("invite_used", introduction, remote_host, error.code, invite=invite.hex())
            raise
        self._notes.tell("invite_used", introduction, remote_host, invite=invite.hex(), name=record.name)
        log.info("%s (%s) joined from %s", record.name, keys.node_id, remote_host)

    def _let_wait(self, introduction: Introduction, remote_host: str) -> Verdict:
        check_name(introduction.name)
        waits = self._pending.waits(introduction.keys.fingerprint)
        if not self._pending.note(introduction, remote_host):
            return Verdict(VerdictStatus.REFUSED, "A person here has turned this node away.")
        if not waits:
            self._notes.tell("approval_asked", introduction, remote_host)
        return Verdict(VerdictStatus.PENDING, "This node waits for a person to approve it here.")

    def _accepted(self, keys: PublicKeys) -> Verdict:
        self._pending.forget(keys.fingerprint)
        return Verdict(VerdictStatus.ACCEPTED)

    def _pin_provisioned(self, keys: PublicKeys, name: str) -> bool:
        if not any(entry.fingerprint == keys.fingerprint for entry in self.provisioned()):
            return False
        record = self._registry.add(keys, name=name, role=Role.CONTROLLER, grants=ALL_GRANTS, verified=True)
        log.info("%s (%s) is trusted as provisioned", record.name, keys.node_id)
        return True
