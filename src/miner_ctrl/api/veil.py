"""What a viewer sees in place of a profile's hash.

The hash of a profile's content covers its pools' passwords: whoever sees it, and the rest of the profile, can try
passwords on a machine of their own until one fits. So a viewer gets another value in its place, made with a key that
stays here: the same for the same content, so that what runs and what should run can be compared, and good for nothing
else. It is done to the JSON of every answer, whatever route it is of: none can forget it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from functools import lru_cache

from miner_ctrl.model.callers import AccessRole, Caller

HASH_FIELDS = frozenset({"hash", "profile_hash"})
"""Fields that hold such a hash; no list is searched or sorted by them: it would be told a character at a time."""
DIFFERENT_AT_MOST = 4096
"""How many hashes are remembered with what stands for them: a fleet runs few profiles."""
_KEY = secrets.token_bytes(32)
"""Another one at each start."""
_END = b'ash":"'
_END_TEXT = _END.decode()
_HASH = re.compile(rb'ash":"(?:(?<="hash":")(?=[0-9a-f]{64}")|(?<="profileHash":"))[0-9a-fA-F]{4,64}(?=")')
"""It begins with what is seldom: an answer of megabytes is gone through on the loop's thread. Only as a field and its
value: a quote within a text has a backslash before it. What was ordered has a ``profileHash`` as it was typed, a part
of one too."""


def sees_hashes(caller: Caller) -> bool:
    """Whether a caller sees passwords, and so what covers them."""
    return caller.role.includes(AccessRole.OPERATOR)


def veiled(json: bytes) -> bytes:
    """Return JSON as a viewer sees it."""
    return _HASH.sub(lambda found: _instead(found[0]), json) if _END in json else json


def veiled_text(json: str) -> str:
    """Return JSON as a viewer sees it; most messages hold no hash, and are not encoded to find that out."""
    return veiled(json.encode()).decode() if _END_TEXT in json else json


def veiled_tag(tag: str) -> str:
    """Return an entity tag as a viewer sees it: it is made of what can be edited, a hash too."""
    return f'"{_other(tag.encode())[:24]}"'


@lru_cache(maxsize=DIFFERENT_AT_MOST)
def _instead(field: bytes) -> bytes:
    """Return the end of a field's name and another value, for those of a hash."""
    return _END + _other(field.removeprefix(_END)).encode()


def _other(value: bytes) -> str:
    return hashlib.blake2b(value, key=_KEY, digest_size=32).hexdigest()
