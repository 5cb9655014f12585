"""What an archive holds, one entry after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple


class Entry(NamedTuple):
    """A file or folder. ``path`` is as the archive has it, unchecked; ``data`` is read before the next entry comes.
    ``executable`` is ``None`` where the archive does not say."""

    path: str
    directory: bool
    executable: bool | None
    size: int
    data: Iterator[bytes | memoryview]
