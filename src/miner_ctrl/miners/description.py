"""A miner described by a TOML file: which program, how it is started, how it is read. Values only; nothing runs here.

``docs/miners.md`` explains the file with an example. Whoever wrote one may mean harm: what it can say is listed here,
bounded, and checked by ``description_check``; it names programs and not paths, and no part of it reaches a shell.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1, max_length=256)]
Word = Annotated[str, Meta(min_length=1, max_length=64)]
ProgramName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
OptionName = Annotated[str, Meta(pattern=r"^--?[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Factor = Annotated[float, Meta(gt=0, le=1e18)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Arguments that are there when the profile sets ``when``, and others (or none) when it does not."""

    when: Word
    add: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()
    otherwise: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()


Arguments = Annotated[tuple[Text | Part, ...], Meta(max_length=128)]


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON file with mode 0600 in the instance's folder; ``{config}`` is its path. Secrets may stand there. A text
    with a placeholder for something that is not set is left out."""

    values: Annotated[dict[Word, bool | int | Text], Meta(min_length=1, max_length=64)]


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The command line: ``arguments``, ``each_pool`` once for every pool where the first ``{pools}`` stands."""

    arguments: Arguments
    each_pool: Arguments = ()
    scheme: Annotated[str, Meta(pattern=r"^([a-z0-9+]{1,32}://)?$")] = ""
    """What ``{pool_url}`` begins with."""
    tls_scheme: Annotated[str, Meta(pattern=r"^([a-z0-9+]{1,32}://)?$")] = ""
    """The same for a pool with TLS; empty: the miner is told of TLS otherwise, or cannot do it."""
    failover: bool = False
    """Whether it takes several pools, by repeating ``each_pool``."""
    config: ConfigFile | None = None
    listens: Literal["", "loopback", "everywhere"] = ""
    """Where its local API listens when no argument says so (``{api}`` or ``{api_host}``)."""


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the program tells its version; ``pattern`` is a line of what it says, with ``{version}``."""

    arguments: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=4)] = ("--version",)
    pattern: Text = "{version}"


Places = Text | Annotated[tuple[Text, ...], Meta(min_length=1, max_length=8)]
"""A pointer, or several of which the first that leads somewhere counts: versions of a miner differ."""


class Scaled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place whose number is to be multiplied, by a number or by what stands at another place."""

    at: Places
    times: Factor | Places


Number = Places | Scaled


class Values(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the figures stand in the answer. Stars add up; ``uptime`` in seconds and hashrates in H/s once scaled."""

    hashrate: Number
    hashrate_60s: Number | None = None
    hashrate_15m: Number | None = None
    accepted: Number | None = None
    rejected: Number | None = None
    stale: Number | None = None
    invalid: Number | None = None
    uptime: Number | None = None
    difficulty: Number | None = None
    pool: Places | None = None
    algorithm: Places | None = None
    version: Places | None = None


class Devices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``at`` reaches the devices; the others are places within each. ``hashrates`` reaches all their hashrates, in the
    same order, from the top of the answer."""

    at: Places
    index: Number | None = None
    name: Places | None = None
    temperature: Number | None = None
    fan: Number | None = None
    power: Number | None = None
    hashrate: Number | None = None
    hashrates: Number | None = None


class Threads(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A second question (``tcp-text``), and the place of every thread's hashrate in its answer."""

    request: Text
    hashrates: Number


class Read(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is read. ``http``: ``path`` gives JSON. ``tcp-jsonrpc``: the line ``request`` is answered with JSON.
    ``tcp-text``: ``request`` is answered with ``KEY=VALUE;…|``. ``log``: ``lines`` are patterns of its log."""

    kind: Literal["http", "tcp-jsonrpc", "tcp-text", "log"]
    path: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9._~/-]{0,127}$")] = "/"
    request: Annotated[str, Meta(max_length=512)] = ""
    values: Values | None = None
    devices: Devices | None = None
    threads: Threads | None = None
    lines: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A miner type. ``type`` is its name in profiles."""

    type: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    title: Word
    description: Annotated[str, Meta(min_length=1, max_length=200)]
    programs: Annotated[tuple[ProgramName, ...], Meta(min_length=1, max_length=8)]
    how_to_get: Text = "Put it on the PATH, deploy it"
    version: Version = Version()
    start: Start
    algorithms: Annotated[dict[Word, Word], Meta(max_length=256)] = {}
    """The profile's name → the miner's; a name that is not here is passed on as it is."""
    extra_args: Annotated[dict[OptionName, Literal["flag", "value"]], Meta(max_length=128)] = {}
    read: Read
