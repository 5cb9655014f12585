"""Whom this node knows and lets in: the registry, invites and their tokens, waiting strangers, trust."""

from miner_ctrl.peers.allowlist import Allowlist
from miner_ctrl.peers.invites import Invites
from miner_ctrl.peers.pending import Pending, PendingEntry
from miner_ctrl.peers.records import PeerRecord
from miner_ctrl.peers.registry import Registry
from miner_ctrl.peers.tokens import JoinToken, TokenKind, encode_token, parse_token, token_qr
from miner_ctrl.peers.trust import Trust
from miner_ctrl.peers.trust_file import ProvisionedTrust, parse_trust, read_trust, write_trust

__all__ = [
    "Allowlist",
    "Invites",
    "JoinToken",
    "PeerRecord",
    "Pending",
    "PendingEntry",
    "ProvisionedTrust",
    "Registry",
    "TokenKind",
    "Trust",
    "encode_token",
    "parse_token",
    "parse_trust",
    "read_trust",
    "token_qr",
    "write_trust",
]
