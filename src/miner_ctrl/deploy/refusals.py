"""What is said of a bundle that cannot be used."""

from __future__ import annotations

from miner_ctrl.errors import BadInput, Refused


def bad_archive(what: str) -> BadInput:
    """Return what is wrong with an archive. ``what`` goes on after "The bundle"."""
    return BadInput(
        f"The bundle {what}.",
        suggestion="Make it anew, of plain files and folders, from an archive that its publisher vouches for.",
        code="BAD_BUNDLE",
    )


def cut_off() -> BadInput:
    """Return what is said of an archive that ends too early."""
    return bad_archive("is cut off: it ends before its archive does")


def not_of_the_lock() -> Refused:
    """Return what is said, on a locked rig, of a program that none of the lock's keys has signed."""
    return Refused(
        "This rig is locked: it takes only miner programs that are signed by a key its owner has named.",
        suggestion="Sign the bundle with that key: miner-ctrl bundle sign FILE --key KEYFILE.",
        code="BUNDLE_KEY_UNKNOWN",
    )
