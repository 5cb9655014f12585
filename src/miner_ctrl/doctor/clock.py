"""Whether something keeps this machine's clock right: the kernel knows."""

from __future__ import annotations

import sys

_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 208
"""``struct timex`` on 64-bit: ``modes``, padding, ``offset``, ``freq``, ``maxerror``, ``esterror``, ``status``."""
_STATUS_AT = 40


def clock_is_synchronised() -> bool | None:
    """Return what the kernel was told of its clock by a time daemon; ``None`` where it cannot be asked."""
    if not sys.platform.startswith("linux") or sys.maxsize < 2**32:
        return None
    try:
        import ctypes  # noqa: PLC0415 - for the doctor alone

        library = ctypes.CDLL(None, use_errno=True)
        timex = (ctypes.c_char * _TIMEX_BYTES)()  # modes 0: nothing is changed
        if library.adjtimex(timex) < 0:
            return None
    except (ImportError, OSError, AttributeError):
        return None
    status = int.from_bytes(timex.raw[_STATUS_AT : _STATUS_AT + 4], sys.byteorder)
    return not status & _STA_UNSYNC
