"""Optional TLS below the session (``wss``). It hides the protocol from onlookers; safety never rests on it.

What reads and makes certificates is imported where it is used: few nodes have one, and it takes megabytes.
"""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.errors import BadInput, Conflict

if TYPE_CHECKING:
    from cryptography import x509

_VALID_DAYS = 3650


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context of a listener from a PEM certificate (chain) and its PEM key.

    Raises:
        BadInput: a file is missing, cannot be read, or the two do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else "not usable"
        raise BadInput(
            f"The TLS certificate {certificate} with the key {key} cannot be loaded: {reason}.",
            suggestion="Give a PEM certificate and its own PEM key without a password.",
            code="BAD_CERTIFICATE",
        ) from None
    return context


def client_context(*, ca_file: Path | None = None) -> ssl.SSLContext:
    """Return the context of a dialler that trusts the system's CAs, or those of a PEM file.

    Raises:
        BadInput: the file is missing or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise BadInput(
            f"The CA file {ca_file} cannot be loaded.", suggestion="Give a PEM file.", code="BAD_CERTIFICATE"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def pinned_context() -> ssl.SSLContext:
    """Return the context of a dialler that takes any certificate: the link compares it with the pin afterwards."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def pin_of(certificate_der: bytes) -> str:
    """Return the pin of a certificate: the SHA-256 over its DER bytes, hex."""
    return hashlib.sha256(certificate_der).hexdigest()


def pin_of_file(certificate: Path) -> str:
    """Return the pin of the first certificate in a PEM file.

    Raises:
        BadInput: it holds none.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (OSError, ValueError):
        raise BadInput(
            f"{certificate} holds no certificate.", suggestion="Give a PEM file.", code="BAD_CERTIFICATE"
        ) from None
    return pin_of(loaded.public_bytes(serialization.Encoding.DER))


def ensure_certificate(
    certificate: Path, key: Path, *, names: Sequence[str], now: datetime.datetime
) -> tuple[str, bool]:
    """Return the pin of the certificate that is there, or of one made now, and whether it was made.

    Raises:
        BadInput: what is there is no certificate.
        Conflict: the key is there without its certificate.
    """
    if certificate.exists():
        return pin_of_file(certificate), False
    return write_certificate(certificate, key, names=names, now=now), True


def write_certificate(certificate: Path, key: Path, *, names: Sequence[str], now: datetime.datetime) -> str:
    """Write a self-made certificate for ``names`` (host names and addresses) and its key (mode 0600); return the pin.

    Raises:
        Conflict: one of the files is there already.
    """
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "miner-ctrl")])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    key_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_new(key, key_pem, 0o600)
    try:
        _write_new(certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)
    except Conflict:
        key.unlink()
        raise
    return pin_of(made.public_bytes(serialization.Encoding.DER))


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise Conflict(f"{path} exists already.", suggestion="Move it away first, or use it as it is.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _no_password() -> str:
    raise ValueError("the key has a password")
