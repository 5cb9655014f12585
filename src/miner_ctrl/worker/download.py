"""An archive from an address that its owner named, with the hash it must have. Blocks: for a thread."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import SplitResult, urlsplit

from miner_ctrl import __version__
from miner_ctrl.deploy.digest import Sha256
from miner_ctrl.errors import MinerCtrlError, OperationFailed, Refused, Unreachable
from miner_ctrl.model.text import one_line
from miner_ctrl.worker.archive_url import check_url, shown_url

SILENT_FOR_S = 30.0
IN_ALL_S = 3600.0
MAX_REDIRECTS = 5
_PIECE_BYTES = 256 * 1024


def download(
    url: str,
    to: Path,
    *,
    sha256: str,
    max_bytes: int,
    in_all_s: float = IN_ALL_S,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Write what is at ``url`` to the new file ``to``. It is there only if it has the hash.

    Plain ``http`` is taken because the hash is pinned; a way that began with ``https`` does not leave it.
    ``max_bytes`` is what this machine takes.

    Raises:
        BadInput: the address cannot be used.
        Unreachable: nobody answers there, or too slowly.
        OperationFailed: the answer is an error, too large, or the disk is full.
        Refused: what came has another hash.
    """
    at = check_url(url)
    deadline_s = clock() + in_all_s
    try:
        with to.open("xb") as file:
            request = urllib.request.Request(url, headers={"User-Agent": f"miner-ctrl/{__version__}"})  # noqa: S310
            with _opener().open(request, timeout=SILENT_FOR_S) as response:
                _check_length(response.headers.get("Content-Length"), max_bytes, at)
                found = _copy(response, file, max_bytes, at, lambda: clock() > deadline_s)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        to.unlink(missing_ok=True)
        told = _told_of(error, at)
        if told is error:
            raise
        raise told from None
    if found != sha256.lower():
        to.unlink(missing_ok=True)
        raise Refused(
            f"What {shown_url(at)} gave has the SHA-256 {found}, and not the one that was named.",
            suggestion="Compare the hash with the one its publisher gives; do not install what does not match.",
            code="WRONG_HASH",
        )


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = MAX_REDIRECTS

    def redirect_request(  # noqa: PLR0917 - as the base has it
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), check_url(newurl)
        if before.scheme == "https" and after.scheme != "https":
            raise Refused(
                f"{shown_url(before)} sends on to {shown_url(after)}, which is not encrypted.",
                suggestion="Name the last address yourself if that is meant.",
                code="REDIRECT_REFUSED",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows HTTP and nothing else: no files, no FTP; and the proxies of the environment."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _check_length(announced: str | None, most: int, at: SplitResult) -> None:
    sound = announced is not None and announced.isascii() and announced.isdigit() and len(announced) < 20
    if sound and int(announced or 0) > most:
        raise _too_large(most, at)


def _copy(source: BinaryIO, file: BinaryIO, most: int, at: SplitResult, late: Callable[[], bool]) -> str:
    digest, size = Sha256(), 0
    while piece := source.read(_PIECE_BYTES):
        size += len(piece)
        if size > most:
            raise _too_large(most, at)
        if late():
            raise Unreachable(
                f"{shown_url(at)} is too slow: the download was given up.",
                suggestion="Download the archive yourself, and use --file.",
                code="DOWNLOAD_SLOW",
            )
        digest.update(piece)
        file.write(piece)
    expected = getattr(source, "length", 0)
    if expected:  # bytes that were announced and did not come
        raise Unreachable(f"{shown_url(at)} ended before all had come.", suggestion="Try again.", code="DOWNLOAD_CUT")
    return digest.hexdigest()


def _too_large(most: int, at: SplitResult) -> OperationFailed:
    return OperationFailed(
        f"{shown_url(at)} is larger than the {most // 1024**2} MB that this machine takes.",
        suggestion="See that the address is the archive's, and that the disk has room.",
        code="DOWNLOAD_TOO_LARGE",
    )


def _told_of(error: BaseException, at: SplitResult) -> BaseException:
    where = shown_url(at)
    match error:
        case MinerCtrlError():
            return error
        case urllib.error.HTTPError():
            return OperationFailed(
                f"{where} answers with HTTP {error.code}.",
                suggestion="See that the address is right: open it in a browser.",
                code="DOWNLOAD_FAILED",
            )
        case TimeoutError() | urllib.error.URLError(reason=TimeoutError()):
            return Unreachable(f"{where} does not answer.", suggestion="Try again later.", code="DOWNLOAD_TIMED_OUT")
        case urllib.error.URLError() | http.client.HTTPException() | ConnectionError():
            reason = getattr(error, "reason", None) or type(error).__name__
            return Unreachable(
                f"{where} cannot be reached ({one_line(str(reason), 200)}).",
                suggestion="See that this machine is online and the address is right.",
                code="DOWNLOAD_FAILED",
            )
        case OSError():
            return OperationFailed(
                f"The download could not be kept: {error.strerror}.",
                suggestion="Make room on the disk of this node's data.",
                code="NOT_STORED",
            )
        case _:
            return error
