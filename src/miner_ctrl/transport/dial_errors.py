"""Why a dial failed, in one sentence each, always with the address."""

from __future__ import annotations

import socket
import ssl

from miner_ctrl.errors import IdentityMismatch, MinerCtrlError, OperationFailed, Unreachable
from miner_ctrl.model.addresses import Address

NOT_MINER_CTRL = "NOT_MINER_CTRL"


def no_connection(address: Address, error: OSError) -> MinerCtrlError:
    """Return what a failed TCP or TLS connect means."""
    if isinstance(error, socket.gaierror):
        return Unreachable(
            f"The name {address.host} cannot be found (dialling {address}).",
            suggestion="Check the spelling, or use the machine's IP address.",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return IdentityMismatch(
            f"The TLS certificate at {address} is not trusted: {error.verify_message.rstrip('.')}.",
            suggestion="Pin it by adding #sha256:HEX to the address, as `miner-ctrl node tls` shows it there.",
            code="TLS_REFUSED",
        )
    if isinstance(error, ssl.SSLError):
        return OperationFailed(
            f"What answers at {address} does not speak TLS as expected ({error.reason or 'handshake failed'}).",
            suggestion="Check whether that node listens with TLS: wss:// if it does, the plain address if not.",
            code=NOT_MINER_CTRL,
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"Nobody listens at {address}.",
            suggestion="Check that `miner-ctrl node serve` runs there, and the port.",
        )
    return Unreachable(
        f"{address} cannot be reached: {error.strerror or str(error) or 'the connection broke'}.",
        suggestion=f"Check the network, the address and its firewall (TCP port {address.port}){_or_tls(address)}.",
    )


def wrong_certificate(address: Address, found: str) -> MinerCtrlError:
    """Return what a certificate that is not the pinned one means."""
    return IdentityMismatch(
        f"The TLS certificate at {address} is not the pinned one: it has SHA-256 {found}.",
        suggestion="If it was renewed, take the new pin from that node; otherwise something sits in between.",
        code="TLS_REFUSED",
    )


def not_miner_ctrl(address: Address, saw: str) -> MinerCtrlError:
    """Return what bytes that are no part of this protocol mean; ``saw`` is our own description of them."""
    return OperationFailed(
        f"Something answers at {address}, but not with miner-ctrl's protocol: {saw}.",
        suggestion="Check the port: a miner-ctrl node listens on 9091 unless told otherwise.",
        code=NOT_MINER_CTRL,
    )


def silent(address: Address, timeout_s: float) -> MinerCtrlError:
    """Return what a connection that stands, but on which nothing comes, means."""
    return Unreachable(
        f"Something accepts connections at {address}, but does not answer as a miner-ctrl node within {timeout_s:g} s.",
        suggestion="Check the port; if it is right, the node there may hang: restart it.",
        code=NOT_MINER_CTRL,
    )


def no_answer(address: Address, timeout_s: float) -> MinerCtrlError:
    """Return what it means that not even a connection came about in time."""
    return Unreachable(
        f"{address} does not answer: no connection within {timeout_s:g} s.",
        suggestion=f"Check that the machine is on, the address, and the firewall there (TCP port {address.port}).",
    )


def hung_up(address: Address) -> MinerCtrlError:
    """Return what a connection that the other side closed before the session stood means."""
    return Unreachable(
        f"{address} closed the connection before a session stood.",
        suggestion=f"It may be starting, stopping or too busy: try again in a few seconds{_or_tls(address)}.",
    )


def _or_tls(address: Address) -> str:
    return (
        "; if it listens without TLS, leave wss:// away"
        if address.tls
        else "; if it listens with TLS, put wss:// before"
    )
