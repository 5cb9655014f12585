"""A description as it was written → one that can be used, or the one sentence that says what is wrong with it.

What is refused, whoever wrote it: programs that run other programs, paths, local APIs for everybody, placeholders and
options that would let a profile say more than its fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from miner_ctrl.errors import BadInput
from miner_ctrl.miners.description import Description, Part
from miner_ctrl.miners.log_lines import HOLES
from miner_ctrl.miners.patterns import BadPattern, LinePattern
from miner_ctrl.miners.placeholders import FIELDS, HOLE, KNOWN, OF_A_POOL, POOLS, SWITCHES, holes_in, holes_of
from miner_ctrl.miners.pointers import BadPointer, Pointer
from miner_ctrl.model.text import one_line

MAX_BYTES = 64 * 1024
RUNS_OTHERS = re.compile(
    r"(ba|da|z|fi|k|c|tc|a)?sh|busybox|toybox|env|sudo|su|doas|nohup|nice|setsid|stdbuf|timeout|time|xargs|find|ssh|nc"
    r"|ncat|socat|curl|wget|screen|tmux|systemd-run|pkexec|chroot|unshare|nsenter|ld(-linux.*)?\.so.*|rm|dd|cp|mv|ln|tee"
    r"|chmod|chown|mkfs.*|kill|reboot|shutdown|(python|pypy|perl|ruby|node|nodejs|php|lua|tclsh|wish|expect|awk|gawk|mawk"
    r"|sed|vim?|ed|make|git|docker|podman)[0-9.]*|cmd|powershell|pwsh|wscript|cscript|mshta|rundll32",
    re.IGNORECASE,
)
_EVERYWHERE = re.compile(r"(?<![0-9.])0+(\.0+){3}(?![0-9.])|\[?::\]?(?::|$)|(?:^|=)\*:|(?:^|=)0:\d")
_PATH = re.compile(r"(?:^|[=:,])(?:[/\\~]|[A-Za-z]:[/\\])|\.\.(?:[/\\]|$)|/")
_SCHEME = re.compile(r"[a-z0-9+]+://")


def read_description(raw: bytes, *, name: str) -> Description:
    """Return the description that stands in the file called ``name``.

    Raises:
        BadInput: it cannot be used; names file, place and mistake.
    """
    if len(raw) > MAX_BYTES:
        raise _bad(name, f"has more than {MAX_BYTES // 1024} KiB")
    import tomllib  # noqa: PLC0415 - only where there is a description

    try:
        written = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise _bad(name, "is not text in UTF-8") from None
    except (RecursionError, ValueError) as error:
        raise _bad(name, f"is not TOML: {one_line(str(error) or 'nested too deep', 200)}") from None
    try:
        description = msgspec.convert(written, Description)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _bad(name, one_line(_place(str(error)), 300)) from None
    for mistake in _mistakes(description):
        raise _bad(name, one_line(mistake, 300))
    return description


def fields_of(description: Description) -> frozenset[str]:
    """Return the profile's fields that this miner heeds: those its arguments, its file and its options can hold."""
    start = description.start
    holes = {name.removesuffix("*") for name in _holes(description)}
    fields = {FIELDS[name] for name in holes if name in FIELDS} | {"pool"}
    fields |= {"tls"} if start.tls_scheme and "pool_url" in holes else set()
    fields |= {"failover"} if start.failover else set()
    fields |= {"extraArgs"} if description.extra_args else set()
    return frozenset(fields)


def _mistakes(description: Description) -> Iterator[str]:
    yield from (f"programs: {name} runs other programs" for name in description.programs if _runs_others(name))
    yield from _mistakes_of_start(description)
    yield from _mistakes_of_version(description)
    yield from _mistakes_of_extra_args(description)
    yield from _mistakes_of_read(description)
    for name in description.algorithms.values():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9/_.+-]*", name):
            yield f"algorithms: {name!r} is no algorithm's name"


def _runs_others(name: str) -> bool:
    return RUNS_OTHERS.fullmatch(name.removesuffix(".exe").removesuffix(".EXE")) is not None


def _mistakes_of_start(description: Description) -> Iterator[str]:
    start = description.start
    for text in _texts(description):
        yield from _mistakes_of_text(text)
    for when in _conditions((*start.arguments, *start.each_pool)):
        if when not in FIELDS:
            yield f"start: when cannot be {when!r}; it is one of {', '.join(sorted(FIELDS))}"
    pools = start.arguments.count(POOLS)
    if pools != (1 if start.each_pool else 0):
        yield f"start: each_pool and one argument {POOLS} belong together"
    if start.failover and not start.each_pool:
        yield "start: failover needs each_pool"
    for name in holes_of(start.each_pool):
        if name not in OF_A_POOL and name != "rig":
            yield f"start.each_pool: {{{name}}} is not of a pool"
    yield from _mistakes_of_holes(description, set(_holes(description)))


def _mistakes_of_holes(description: Description, holes: set[str]) -> Iterator[str]:
    if not holes & {"pool", "pool_url", "pool_host"}:
        yield "start: no argument holds the pool: {pool}, {pool_url} or {pool_host} and {pool_port}"
    if "wallet" not in holes:
        yield "start: no argument holds {wallet}: it would mine for somebody else"
    if "config" in holes and description.start.config is None:
        yield "start: {config} needs a table start.config"
    if description.read.kind == "log":
        return
    if not holes & {"api", "api_port"}:
        yield "start: no argument holds {api} or {api_port}, where it is to be read"
    if not holes & {"api", "api_host"} and not description.start.listens:
        yield 'start: no argument holds {api_host}; say listens = "loopback" or "everywhere", as it is'


def _mistakes_of_text(text: str) -> Iterator[str]:
    if text == POOLS:
        return
    if not text.isprintable() or not text.isascii():
        yield f"start: {text!r} has characters that no argument has"
    for name in holes_in(text):
        if name not in KNOWN or name in SWITCHES or (name == "devices*" and text != "{devices*}"):
            yield f"start: {{{name}}} is no placeholder; there are {', '.join(sorted(KNOWN - SWITCHES))}"
    bare = _SCHEME.sub("", HOLE.sub("", text))
    if "{" in bare or "}" in bare:
        yield f"start: {text!r} has a brace that nothing closes or opens"
    if _EVERYWHERE.search(text):
        yield f"start: {text!r} would open the local API to everybody: use {{api}} or {{api_host}}"
    elif _PATH.search(bare):
        yield f"start: {text!r} is a path: a description names none but {{config}}"


def _mistakes_of_version(description: Description) -> Iterator[str]:
    for text in description.version.arguments:
        if not re.fullmatch(r"-{0,2}[A-Za-z0-9][A-Za-z0-9_-]*", text):
            yield f"version: {text!r} is no option"
    try:
        LinePattern(description.version.pattern, {"version": "version"})
    except BadPattern as error:
        yield f"version.pattern: {error}"


def _mistakes_of_extra_args(description: Description) -> Iterator[str]:
    taken = {text.partition("=")[0] for text in _texts(description) if text.startswith("-")}
    for name in description.extra_args:
        if name in taken:
            yield f"extra_args: {name} is the template's own"


def _mistakes_of_read(description: Description) -> Iterator[str]:
    read = description.read
    if read.kind == "log":
        if not read.lines:
            yield "read: a log needs lines"
        for line in read.lines:
            try:
                LinePattern(line, HOLES)
            except BadPattern as error:
                yield f"read.lines: {error}"
        return
    if read.values is None:
        yield "read: there is no table read.values"
    if read.kind != "http" and not (read.request and read.request.isprintable()):
        yield f"read: {read.kind} needs a request of one line"
    if read.threads is not None and (read.kind != "tcp-text" or not read.threads.request.isprintable()):
        yield "read.threads: only tcp-text has a second question, of one line"
    for pointer in _pointers(read):
        try:
            Pointer(pointer)
        except BadPointer as error:
            yield f"read: {error}"


def _pointers(value: object) -> Iterator[str]:
    """Yield every text within the tables of places."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _pointers(each)
    elif isinstance(value, msgspec.Struct):
        skipped = ("kind", "path", "request", "lines")
        for name in value.__struct_fields__:
            if name not in skipped:
                yield from _pointers(getattr(value, name))


def _texts(description: Description) -> Iterator[str]:
    start = description.start
    for part in (*start.arguments, *start.each_pool):
        yield from (part,) if isinstance(part, str) else (*part.add, *part.otherwise)
    if start.config is not None:
        yield from (value for value in start.config.values.values() if isinstance(value, str))


def _holes(description: Description) -> Iterator[str]:
    start = description.start
    yield from (name for name in holes_of((*start.arguments, *start.each_pool)) if name != "pools")
    if start.config is not None:
        for value in start.config.values.values():
            if isinstance(value, str):
                yield from holes_in(value)


def _conditions(parts: Iterable[str | Part]) -> Iterator[str]:
    return (part.when for part in parts if isinstance(part, Part))


def _place(words: str) -> str:
    """Return msgspec's words with the field in front: "Expected `str` - at `$.read.path`"."""
    what, _, where = words.partition(" - at ")
    field = where.strip("`").removeprefix("$").removeprefix(".")
    return f"{field}: {what}" if field else what


def _bad(name: str, what: str) -> BadInput:
    return BadInput(
        f"The description {one_line(name, 80)} cannot be used: {what}.",
        suggestion="Mend the file (docs/miners.md shows a whole one) and restart the node.",
        code="BAD_DESCRIPTION",
        details={"file": one_line(name, 80)},
    )
