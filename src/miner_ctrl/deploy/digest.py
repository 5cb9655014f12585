"""SHA-256 of whole programs: the library's, for Python's own may be slow (``late.py``)."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256, Hash


class Sha256:
    """A running SHA-256, as ``hashlib`` has it."""

    def __init__(self) -> None:
        self._hash = Hash(SHA256())
        self.update = self._hash.update

    def hexdigest(self) -> str:
        """Return the hash of everything so far, in hex."""
        return self._hash.copy().finalize().hex()
