"""Who may connect: the one place that decides (docs/protocol.md, "Handshake" and "Pairing")."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.identity.introductions import Introduction
from miner_ctrl.identity.keys import PublicKeys
from miner_ctrl.model.nodes import ALL_GRANTS, Role, check_name
from miner_ctrl.model.verdict import Verdict, VerdictStatus
from miner_ctrl.peers.allowlist import Allowlist
from miner_ctrl.peers.invites import Invites
from miner_ctrl.peers.pending import Pending
from miner_ctrl.peers.registry import Registry
from miner_ctrl.peers.trust_file import ProvisionedTrust

log = logging.getLogger(__name__)


class Trust:
    """Judges nodes that have proven their keys. Trust is decided on both whole keys, never on ID, name or role."""

    def __init__(
        self,
        registry: Registry,
        invites: Invites,
        pending: Pending,
        provisioned: Sequence[ProvisionedTrust],
        allowlist: Allowlist | None = None,
    ) -> None:
        self.allowlist = allowlist or Allowlist(registry.database)
        self._registry = registry
        self._invites = invites
        self._pending = pending
        self._provisioned = tuple(provisioned)

    def provisioned(self) -> tuple[ProvisionedTrust, ...]:
        """Return the provisioned trust that still counts: not that in peers who were removed here."""
        return tuple(entry for entry in self._provisioned if not self._registry.was_removed(entry.fingerprint))

    def judge(self, introduction: Introduction, remote_host: str) -> Verdict:
        """Decide about a node that introduced itself from ``remote_host``.

        In this order: blocked → refused; a join → the invite decides; pinned → accepted; provisioned, or its key noted
        in the allowlist → pinned and accepted; anybody else waits. What is accepted is durable before this returns.
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
            record = self._invites.redeem(introduction.invite_id, keys, introduction.name)
            log.info("%s (%s) joined from %s", record.name, keys.node_id, remote_host)
            return self._accepted(keys)
        name = introduction.name
        if held is not None or self._pin_provisioned(keys, name) or self._pin_allowed(keys, name):
            return self._accepted(keys)
        check_name(introduction.name)
        if not self._pending.note(introduction, remote_host):
            return Verdict(VerdictStatus.REFUSED, "A person here has turned this node away.")
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

    def _pin_allowed(self, keys: PublicKeys, name: str) -> bool:
        grants = self.allowlist.grants_for(keys.x)
        if grants is None:
            return False
        role = Role.CONTROLLER if grants else Role.WORKER
        record = self._registry.add(keys, name=name, role=role, grants=grants, verified=True)
        self.allowlist.forget(keys.x)
        log.info("%s (%s) is let in by the allowlist", record.name, keys.node_id)
        return True
