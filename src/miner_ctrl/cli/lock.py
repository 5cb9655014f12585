"""``miner-ctrl lock``: which wallets and pools this rig may mine to; and the key that may change it from afar."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import click

from miner_ctrl.cli.command import Command, Group, Settings, completes, pass_settings
from miner_ctrl.cli.format import plural, shown
from miner_ctrl.cli.local_api import part
from miner_ctrl.cli.local_node import local_node
from miner_ctrl.cli.output import note, printed_json
from miner_ctrl.cli.tables import pairs
from miner_ctrl.errors import BadInput, Conflict, NotFound, OperationFailed

KEY_BYTES = 32
MAX_FILE_BYTES = 64 * 1024
HOLDS = "The wallets and pools of this rig are locked."


@click.group(cls=Group)
def lock() -> None:
    """Which wallets and pools this rig may mine to."""


wallet_option = click.option(
    "--wallet", "wallets", multiple=True, metavar="W", help="A whole address, without the worker's name. Repeatable."
)
pool_option = click.option(
    "--pool", "pools", multiple=True, metavar="P", help="HOST, HOST:PORT, *.DOMAIN or proxy:HOST:PORT. Repeatable."
)
key_option = click.option(
    "--key",
    "keys",
    multiple=True,
    metavar="KEY",
    help="Who may change the lock from afar: FILE.pub or the public key. Repeatable.",
)


@lock.command(epilog="miner-ctrl lock show")
@pass_settings
def show(settings: Settings) -> None:
    """Show this rig's lock."""
    with local_node(settings.home) as api:
        answer = api.get("/lock")
        if printed_json(settings, answer):
            return
    _print(answer.data)


@lock.command(
    name="set",
    epilog="""
    miner-ctrl lock set --wallet 48abcd… --pool pool.example:3333
    miner-ctrl lock set --wallet 48abcd… --pool '*.pool.example' --key owner.pem.pub
    """,
)
@wallet_option
@pool_option
@key_option
@pass_settings
def set_(settings: Settings, wallets: tuple[str, ...], pools: tuple[str, ...], keys: tuple[str, ...]) -> None:
    """Let this rig mine to these wallets and pools alone. Miners that may not any more are stopped."""
    body = lock_body(wallets, pools, keys)
    with local_node(settings.home) as api:
        answer = api.call("PUT", "/lock", body=body)
        if printed_json(settings, answer):
            return
    _print(answer.data)


@lock.command(epilog="miner-ctrl lock clear")
@pass_settings
def clear(settings: Settings) -> None:
    """Have no lock on this rig any more."""
    with local_node(settings.home) as api:
        answer = api.delete("/lock")
    if not printed_json(settings, answer):
        click.echo("This rig has no lock: it mines to whatever its profiles say.")


@lock.command(epilog="miner-ctrl lock keygen owner.pem")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def keygen(file: Path) -> None:
    """Make the key that may change locks from afar. Keep FILE away from rigs and controllers."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    from miner_ctrl.storage.atomic import write_new  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    public_file = file.with_name(f"{file.name}.pub")
    if public_file.exists():
        raise _exists(public_file)
    try:
        write_new(file, pem)
        write_new(public_file, f"{public}\n".encode(), 0o644)
    except FileExistsError as error:
        raise _exists(Path(error.filename)) from None
    click.echo(public)
    note(f"The private key is in {file}; give rigs {public_file}.")


@lock.command(
    epilog="miner-ctrl lock sign --key owner.pem --rig FP --wallet 48abcd… --pool '*.pool.example' --serial 2"
)
@click.option("--key", "key_file", required=True, metavar="FILE", help="The private key that keygen made.")
@click.option(
    "--rig", required=True, metavar="FP", help="The rig's whole fingerprint, as `miner-ctrl lock show` has it."
)
@wallet_option
@pool_option
@click.option("--keep-key", "keys", multiple=True, metavar="KEY", help="Keys of the new lock.  [default: this one]")
@click.option("--serial", type=click.IntRange(1, 2**53), required=True, help="Greater than the present lock's.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Where to write the signed change.")
def sign(key_file: str, rig: str, serial: int, output: str, **allowed: tuple[str, ...]) -> None:
    """Sign a change of one rig's lock, for `remote lock`.

    Nothing but the key is needed: sign on a machine that is kept apart.
    """
    import msgspec  # noqa: PLC0415 - only here

    from miner_ctrl.lock import Change, sign_change  # noqa: PLC0415 - cryptography: for who signs
    from miner_ctrl.model.rig import Lock  # noqa: PLC0415
    from miner_ctrl.storage.atomic import write_atomic  # noqa: PLC0415

    private, public = _private_key(Path(key_file))
    wallets, pools = allowed["wallets"], allowed["pools"]
    _check_some(wallets, pools)
    kept = tuple(map(public_key, allowed["keys"])) or (public,)
    fingerprint = "".join(rig.lower().split()).replace(":", "")
    if len(fingerprint) != 64 or set(fingerprint) - set("0123456789abcdef"):
        raise BadInput(
            "--rig takes the whole fingerprint: 64 hex digits.", suggestion="See miner-ctrl lock show on the rig."
        )
    change = Change(rig=fingerprint, lock=Lock(wallets=wallets, pools=pools, keys=kept, serial=serial))
    write_atomic(Path(output), msgspec.json.format(msgspec.json.encode(sign_change(change, private))) + b"\n", 0o644)
    click.echo(f"Signed. Send it:  miner-ctrl remote lock PEER --file {output}")


@click.command(cls=Command, name="lock", epilog="miner-ctrl remote lock rig-alpha --file change.json")
@click.argument("peer", shell_complete=completes("peers"))
@click.option("--file", required=True, metavar="FILE", help="A change that `miner-ctrl lock sign` has signed.")
@pass_settings
def remote_lock(settings: Settings, peer: str, file: str) -> None:
    """Send PEER a signed change of its wallet lock."""
    from miner_ctrl.lock import read_change  # noqa: PLC0415 - only here

    change = read_change(_read(Path(file)))
    body = {"document": change.document, "signature": base64.b64encode(change.signature).decode()}
    with local_node(settings.home) as api:
        answer = api.post(f"/remote/{part(peer)}/lock", body)
    if printed_json(settings, answer):
        return
    click.echo(f"{shown(peer)} has its new lock.")
    _print_stopped(answer.data.get("miners"))


def lock_body(wallets: tuple[str, ...], pools: tuple[str, ...], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return the body of ``PUT /lock``.

    Raises:
        UsageError: nothing is allowed by it.
        BadInput: a key cannot be read.
    """
    _check_some(wallets, pools)
    public = [base64.b64encode(public_key(key)).decode() for key in keys]
    return {"wallets": list(wallets), "pools": list(pools), "keys": public}


def _check_some(wallets: tuple[str, ...], pools: tuple[str, ...]) -> None:
    if not wallets or not pools:
        raise click.UsageError("A lock needs at least one --wallet and one --pool: it allows nothing else.")


def _print(facts: dict[str, Any]) -> None:
    if not facts["locked"]:
        click.echo("This rig has no lock: it mines to whatever its profiles say. Set one with `miner-ctrl lock set`.")
        return
    click.echo(HOLDS)
    rows = [("Wallet", shown(wallet)) for wallet in facts["wallets"]]
    rows += [("Pool", shown(pool)) for pool in facts["pools"]]
    rows += [("Key", shown(key)) for key in facts["keys"]]
    rows += [
        ("Serial", str(facts["serial"])),
        ("Fingerprint", shown(facts["fingerprint"])),
        ("File", shown(facts["file"], 400)),
    ]
    click.echo(pairs(rows))
    _print_stopped(facts.get("stopped"))


def _print_stopped(names: Any) -> None:
    if names:
        click.echo(f"{plural(len(names), 'miner')} stopped that may not mine any more: {', '.join(map(shown, names))}.")


def public_key(value: str) -> bytes:
    """Return the key that ``value`` is, or that the file of this name holds."""
    text = value.strip()
    try:
        if Path(value).is_file():
            text = _read(Path(value)).decode().strip()
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error, OSError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadInput(
            f"{shown(value, 80)} is no public key, and no file with one.",
            suggestion="Make one with miner-ctrl lock keygen FILE, and give FILE.pub.",
            code="BAD_KEY",
        )
    return key


def _private_key(path: Path) -> tuple[bytes, bytes]:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    try:
        key = serialization.load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadInput(
            f"{path} holds no Ed25519 key in PEM.", suggestion="Use the file that miner-ctrl lock keygen made."
        )
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.", suggestion="Give the path of one that is there.") from None
    except OSError as error:
        raise OperationFailed(f"{path} cannot be read: {error.strerror}.", suggestion="See to it.") from None


def _exists(path: Path) -> Conflict:
    return Conflict(
        f"{path} is there already.", suggestion="Choose another name: a key is never overwritten.", code="KEY_EXISTS"
    )
