"""Where a check says what is wrong: the first mistake ends it, or all of them are kept. One code for both."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from miner_ctrl.errors import MinerCtrlError

T = TypeVar("T")
MAX_FINDINGS = 64
"""More mistakes are not looked for: explaining an unknown field costs."""


class Enough(Exception):
    """There are ``MAX_FINDINGS``."""


class Findings:
    """What is wrong. Unless ``all_of_them``, ``wrong`` raises, so that ``errors`` stays empty.

    The same checks are gone through in the same order either way: what is raised is what would be kept first, and
    there is nothing in ``errors`` exactly where nothing would be raised.
    """

    def __init__(self, *, all_of_them: bool = False) -> None:
        self._all = all_of_them
        self.errors: list[MinerCtrlError] = []

    def wrong(self, error: MinerCtrlError) -> None:
        """Take in a mistake.

        Raises:
            MinerCtrlError: it, unless all are kept.
            Enough: there are too many.
        """
        if not self._all:
            raise error
        self.errors.append(error)
        if len(self.errors) >= MAX_FINDINGS:
            raise Enough

    def of(self, check: Callable[[], T], otherwise: T) -> T:
        """Return what ``check`` returns, or ``otherwise`` where it raised a mistake that is kept."""
        try:
            return check()
        except MinerCtrlError as error:
            self.wrong(error)
            return otherwise
