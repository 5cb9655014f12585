"""What PostgreSQL says, as sentences of ours. Never with the address as it was given: there may be a password in it."""

from __future__ import annotations

import asyncio

import asyncpg

from miner_ctrl.errors import MinerCtrlError, NotFound, OperationFailed, Refused

NOT_WRITTEN = "STATE_NOT_WRITTEN"
TROUBLE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, asyncio.TimeoutError)
"""What may come of any statement: the server went away, the disk there is full, it takes too long."""
OF_THE_ROWS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.TransactionRollbackError)
"""What is due to what was to be stored, or to another transaction: not to the server."""

_MAX_SAID = 200


def sentence_of(error: BaseException, shown: str) -> MinerCtrlError:
    """Return the error for a person; ``shown`` names the database.

    ``Refused`` and ``NotFound`` are mended by a person, ``OperationFailed`` may pass by itself.
    """
    match error:
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return Refused(
                f"The history's database {shown} does not let this user in: {_said(error)}.",
                suggestion="See to user and password: in ~/.pgpass, in the file database.url of this home's"
                " configuration, or in MINER_CTRL_DATABASE; and to the server's pg_hba.conf.",
                code="DATABASE_REFUSED",
            )
        case asyncpg.InvalidCatalogNameError():
            return NotFound(
                f"There is no database {shown}.",
                suggestion="Make it on the server: createdb --owner USER DATABASE. Its tables are made by miner-ctrl.",
                code="DATABASE_UNKNOWN",
            )
        case asyncpg.InsufficientPrivilegeError():
            return Refused(
                f"The history's database {shown} does not allow this user what is needed: {_said(error)}.",
                suggestion="Make the user its owner: ALTER DATABASE … OWNER TO …",
                code="DATABASE_REFUSED",
            )
        case _:
            return OperationFailed(
                f"The history's database {shown} cannot be used now: {_said(error)}.",
                suggestion="See to the server and to the network between; it is tried again by itself.",
                code=NOT_WRITTEN,
            )


def not_written(error: BaseException, shown: str) -> MinerCtrlError:
    """Return that what was to be stored was not, whatever the reason."""
    return OperationFailed(
        f"The history's database {shown} did not take it: {_said(error)}.",
        suggestion="See to the server's log.",
        code=NOT_WRITTEN,
    )


def _said(error: BaseException) -> str:
    """Return what the server or the system said, on one line and bounded."""
    if isinstance(error, asyncio.TimeoutError):
        return "it did not answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = str(error) or type(error).__name__
    printable = "".join(letter if letter.isprintable() else " " for letter in said)
    return " ".join(printable.split())[:_MAX_SAID].rstrip(".")
