"""Profiles: what a miner should run, checked and kept."""

from miner_ctrl.profiles.documents import (
    DocumentFormat,
    has_passwords,
    read_document,
    without_passwords,
    write_document,
)
from miner_ctrl.profiles.fields import FIELDS
from miner_ctrl.profiles.store import ProfileStore
from miner_ctrl.profiles.validation import Examination, validate

__all__ = [
    "FIELDS",
    "DocumentFormat",
    "Examination",
    "ProfileStore",
    "has_passwords",
    "read_document",
    "validate",
    "without_passwords",
    "write_document",
]
