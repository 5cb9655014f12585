"""Text that came from somebody else: made safe to show on one line."""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def one_line(text: str, max_chars: int = 1000) -> str:
    """Return ``text`` cut to ``max_chars``, with control, format (bidirectional ones too) and unassigned
    characters replaced by a space."""
    text = text[:max_chars]
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if unicodedata.category(char) in _HIDDEN else char for char in text)
