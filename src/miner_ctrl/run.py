"""A process for a node: until it is told to stop, or for as long as one command takes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from miner_ctrl.app import Node
from miner_ctrl.config import ApiSettings, Home, NodeSettings, TlsFiles, page_is_built, parse_listen
from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.identity.node_file import read_node_file
from miner_ctrl.model.nodes import Role
from miner_ctrl.model.views import NodeInfoView
from miner_ctrl.storage.database_choice import find_database
from miner_ctrl.storage.home_lock import HomeLock

log = logging.getLogger("miner_ctrl")
MANY_FILES = 65_536


def serve(
    home: Home,
    *,
    listen: str,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    init: bool = True,
    trace: bool = False,
    api: ApiSettings | None = None,
    database: str | None = None,
) -> int:
    """Run the node of ``home`` until SIGINT or SIGTERM; return the process's exit code. ``api`` is where the API is
    served beside the local socket; ``database`` names another one for the history than what the home or the
    environment says.

    Raises:
        MinerCtrlError: it could not be started.
    """
    tls = TlsFiles(Path(tls_cert), Path(tls_key)) if tls_cert and tls_key else None
    settings = NodeSettings(home, parse_listen(listen), tls, trace, api, find_database(database, home.database_file))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home.prepare()
    _allow_many_files()
    with HomeLock(home.lock_file), _runner(home) as runner:
        runner.run(_serve(settings, init=init))
    return 0


@contextmanager
def brief_node(home: Home) -> Iterator[Path]:
    """Run the node of ``home`` in a thread, without listening and without miners; yield its socket's path.

    Raises:
        HomeInUse: a node runs, or another command like this one.
        MinerCtrlError: it could not be started.
    """
    home.prepare()
    settings = NodeSettings(home, database=find_database(None, home.database_file))
    with HomeLock(home.lock_file):
        started: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = (
            concurrent.futures.Future()
        )
        thread = threading.Thread(target=_run_briefly, args=(settings, started), name="node", daemon=True)
        thread.start()
        loop, stop = started.result()
        try:
            yield home.socket
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join()


async def _serve(settings: NodeSettings, *, init: bool) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    if settings.database is not None and not _only_works(settings.home):
        from miner_ctrl.app.history import check_database  # noqa: PLC0415 - only where there is one

        await check_database(settings.database)
    node = Node(settings, serving=True)
    try:
        await node.start(init=init)
        if settings.home.node_file.exists():
            log.info("Serving at %s. Stop with Ctrl-C; miners go on.", ", ".join(node.addresses()))
        else:
            log.info(
                "Waiting for an identity: miner-ctrl node init, or node join. Peers cannot reach this node before."
            )
        _tell_of_api(node.info(), settings.home)
        await stop.wait()
    finally:
        await node.close()


def _tell_of_api(info: NodeInfoView, home: Home) -> None:
    if info.api_addresses:
        pinned = f", certificate sha256:{info.api_tls_fingerprint}" if info.api_tls_fingerprint else ""
        log.info("The API answers at %s%s.", ", ".join(info.api_addresses), pinned)
        if page_is_built():
            log.info("The page: %s", info.api_addresses[0])
        elif not _only_works(home):
            log.info("The page is not built: `make page` in the checkout builds it.")
    elif info.api_problem:
        log.warning("%s", info.api_problem)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        else:
            loop.add_signal_handler(number, stop.set)


def _run_briefly(
    settings: NodeSettings, started: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
) -> None:
    async def live() -> None:
        stop = asyncio.Event()
        node = Node(settings, serving=False)
        try:
            await node.start()
            started.set_result((asyncio.get_running_loop(), stop))
            await stop.wait()
        finally:
            await node.close()

    try:
        with _runner(settings.home) as runner:
            runner.run(live())
    except BaseException as error:
        if started.done():
            log.exception("the node failed while it was stopping")
        else:
            started.set_exception(error)


def _allow_many_files() -> None:
    """Raise the soft limit of open files, usually 1024, as far as may be: every peer is a socket."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _runner(home: Home) -> asyncio.Runner:
    """Return a runner on uvloop, where there is one (not on Windows) and many peers to serve: a rig's node, with its
    few, is 2.2 MB smaller on asyncio's own loop."""
    if sys.platform == "win32" or _only_works(home):
        return asyncio.Runner()
    import uvloop  # noqa: PLC0415 - not on Windows

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _only_works(home: Home) -> bool:
    try:
        return read_node_file(home.node_file).role is Role.WORKER
    except MinerCtrlError:
        return False
