"""Running one command: every way it can end becomes an exit code and at most one sentence on stderr.

=====  =====================================================================
  0    done (an attempt that now waits for approval on the other side too)
  1    failed
  2    wrong usage, or what was given cannot be used
  3    the peer cannot be reached
  4    refused: pending, not trusted, not allowed, changed keys
  130  interrupted (Ctrl-C)
  141  nobody reads the output any more
=====  =====================================================================
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence

import click

from miner_ctrl.cli.command import COMPLETION_VARIABLE, PROGRAM, Settings
from miner_ctrl.cli.format import shown
from miner_ctrl.cli.root import root
from miner_ctrl.errors import BadInput, MinerCtrlError, OperationFailed, Refused, Unreachable

DONE, FAILED, USAGE, UNREACHABLE, REFUSED = 0, 1, 2, 3, 4
INTERRUPTED, PIPE_CLOSED = 130, 141
_SYSTEM_SAYS_NO = {
    errno.ENOSPC: "Make room on the disk of this node's home, or choose another with --home DIR.",
    errno.EDQUOT: "Make room within your disk quota, or choose another home with --home DIR.",
    errno.EROFS: "Choose a home that can be written to with --home DIR.",
    errno.EACCES: "See to the owner and permissions of this node's home, or choose another with --home DIR.",
}
"""What to do where the machine is at fault, and not the program."""


def exit_code_of(error: MinerCtrlError) -> int:
    """Return the exit code for ``error``."""
    if isinstance(error, BadInput):
        return USAGE
    if isinstance(error, Unreachable):
        return UNREACHABLE
    return REFUSED if isinstance(error, Refused) else FAILED


def run(arguments: Sequence[str]) -> int:
    """Run one command line (without the program's name) and return the exit code."""
    settings = Settings()
    try:
        code = _invoke(list(arguments), settings)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the one boundary: whatever ends a command is told in its way
        return ended_by(error, as_json=settings.json or "--json" in arguments, debug=settings.debug)
    return code


def _invoke(arguments: list[str], settings: Settings) -> int:
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete  # noqa: PLC0415 - a shell asks, which is rare

        return shell_complete(root, {"obj": settings}, PROGRAM, COMPLETION_VARIABLE, instruction)
    with root.make_context(PROGRAM, arguments, obj=settings) as context:
        root.invoke(context)
    return DONE


def ended_by(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Tell a person, or a program, what has ended this process, and return its exit code."""
    match error:
        case click.exceptions.Exit():
            code = error.exit_code
        case SystemExit():
            code = error.code if isinstance(error.code, int) else FAILED
        case KeyboardInterrupt() | click.Abort():
            code = INTERRUPTED
        case click.ClickException():
            code = error.exit_code
            if isinstance(error, click.exceptions.NoArgsIsHelpError):
                error.show()
            else:
                show_error(_wrong_usage(error), as_json=as_json)
        case OSError(errno=errno.EPIPE):
            code = PIPE_CLOSED
            _silence_stdout()
        case _:
            if debug:
                traceback.print_exception(error)
            told = error if isinstance(error, MinerCtrlError) else _told_of(error)
            code = exit_code_of(told)
            show_error(told, as_json=as_json)
    return code


def _wrong_usage(error: click.ClickException) -> BadInput:
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else PROGRAM
    return BadInput(error.format_message(), suggestion=f"See {command} --help.", code="USAGE")


def _told_of(error: BaseException) -> MinerCtrlError:
    if not isinstance(error, OSError) or error.errno not in _SYSTEM_SAYS_NO:
        return _unexpected(error)
    where = f" ({error.filename})" if error.filename else ""
    return OperationFailed(
        f"The system refused to store something: {error.strerror}{where}.",
        suggestion=_SYSTEM_SAYS_NO[error.errno],
        code="NOT_STORED",
    )


def _unexpected(error: BaseException) -> MinerCtrlError:
    return MinerCtrlError(
        f"Something went wrong that should not ({type(error).__name__}: {error}).",
        suggestion="Run the same with --debug and report what it prints.",
        code="INTERNAL",
    )


def envelope_of(error: MinerCtrlError) -> dict[str, object]:
    """Return the error envelope of the REST API for ``error``."""
    envelope: dict[str, object] = {"error": error.message, "code": error.code}
    if error.details:
        envelope["details"] = error.details
    if error.suggestion:
        envelope["suggestion"] = error.suggestion
    return envelope


def show_error(error: MinerCtrlError, *, as_json: bool) -> None:
    """Write ``error`` to stderr: one line for people, or the envelope for programs."""
    if as_json:
        click.echo(json.dumps(envelope_of(error), ensure_ascii=False), err=True)
        return
    suggestion = f" {shown(error.suggestion, 1000)}" if error.suggestion else ""
    click.echo(f"{click.style('Error:', fg='red')} {shown(error.message, 1000)}{suggestion}", err=True)


def _silence_stdout() -> None:
    """Nobody reads stdout any more: point it at nothing, so that the interpreter's last flush is quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
