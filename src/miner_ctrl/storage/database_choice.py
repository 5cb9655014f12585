"""Where the history is kept, if not in a file of the home: on the command line, in the environment or in a file.

An address with a password comes from the environment or from a file of this user alone, never from the command line,
which every user of the machine can read. A node without another database, as every rig is, does not load what reads
addresses.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from miner_ctrl.errors import BadInput, StateDamaged

if TYPE_CHECKING:
    from miner_ctrl.storage.database_url import DatabaseUrl

DATABASE_VARIABLE = "MINER_CTRL_DATABASE"
_MAX_BYTES = 4096


def find_database(chosen: str | None, file: Path, environ: Mapping[str, str] = os.environ) -> DatabaseUrl | None:
    """Return the database that ``--database`` (``chosen``), the environment or ``file`` names, the first of them that
    does; ``None`` for the home's own SQLite file.

    Raises:
        BadInput: it cannot be one, or ``chosen`` has a password.
        StateDamaged: the file cannot be read, or others can read it.
    """
    said = chosen
    if said is None:
        said = environ.get(DATABASE_VARIABLE, "").strip() or _read(file)
        if not said:
            return None
    from miner_ctrl.storage.database_url import parse_database_url  # noqa: PLC0415 - see above

    found = parse_database_url(said)
    if chosen is not None and found is not None and found.has_password:
        raise BadInput(
            "The address of the database has a password, and every user of this machine can read a command line.",
            suggestion=f"Leave the password out and put it into ~/.pgpass, or put the whole address into {file}"
            f" (chmod 600) or into the environment variable {DATABASE_VARIABLE}.",
            code="SECRET_IN_ARGUMENTS",
        )
    return found


def _read(file: Path) -> str:
    """Return the first line of the file that says something; empty where there is no file."""
    try:
        with file.open("rb") as opened:
            facts = os.fstat(opened.fileno())
            if sys.platform != "win32" and (facts.st_mode & 0o077 or facts.st_uid != os.geteuid()):
                raise StateDamaged(
                    f"The file {file} is open to other users, and there may be a password in it.",
                    suggestion=f"Run: chmod 600 {file}",
                    code="UNSAFE_FILE",
                )
            text = opened.read(_MAX_BYTES).decode("ascii", "replace") if stat.S_ISREG(facts.st_mode) else ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StateDamaged(
            f"The file {file} cannot be read: {error.strerror or error}.",
            suggestion="See to its owner and permissions.",
            code="STATE_UNREADABLE",
        ) from None
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")
