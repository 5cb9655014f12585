"""The rig owner's lock: which wallets and pools this rig may mine to, and who may change that (docs/lock.md)."""

from miner_ctrl.lock.changes import Change, SignedChange, read_change, sign_change, verified_change
from miner_ctrl.lock.owners_lock import OwnersLock

__all__ = ["Change", "OwnersLock", "SignedChange", "read_change", "sign_change", "verified_change"]
