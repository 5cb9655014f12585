"""What a miner's last log lines say of its troubles, for those that its API does not tell."""

from __future__ import annotations

import re

from miner_ctrl.miners.log_file import LogFile
from miner_ctrl.model.text import one_line

LOOKED_AT_LINES = 60
MAX_WORDS_CHARS = 200

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_STAMP = re.compile(r"^\s*\[[0-9 :.-]{1,40}\]\s*(?:\w{1,12}\s{2,})?")
_POOL = re.compile(
    r"(?i)\b(connect error|dns error|read error|write error|tls error|fingerprint|login error|handshake|refused|"
    r"timed? ?out|unreachable|unknown node|no active pools)\b"
)
_PORT = re.compile(r"(?i)\b(http|api)\b.*(failed to start|address already in use|failed to bind|cannot be served)")
_BEGINNING = re.compile(r"(?i)\*.*\babout\b|this miner is")


def pool_words(log: LogFile) -> str:
    """Return the last line in which the miner complains of its pool, as a sentence; empty when there is none."""
    for line in reversed(_lines(log)):
        if _POOL.search(line):
            return f"It says: {one_line(_STAMP.sub('', line).strip(), MAX_WORDS_CHARS)}."
    return ""


def api_port_taken(log: LogFile) -> bool:
    """Return whether the miner, since it was last started, has said that it cannot open its API's port."""
    for line in reversed(_lines(log)):
        if _PORT.search(line):
            return True
        if _BEGINNING.search(line):
            return False
    return False


def _lines(log: LogFile) -> list[str]:
    return [_COLOUR.sub("", line) for line in log.tail(LOOKED_AT_LINES, ended=False).lines]
