"""Connections to the PostgreSQL server that keeps a history: opened when they are needed, tried again when it was away.

The first connection brings the schema to this version. While the server is away nobody waits for it: who asks within
the pause after a failed attempt is told at once what the attempt was told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from miner_ctrl.errors import MinerCtrlError
from miner_ctrl.history.postgres_errors import OF_THE_ROWS, TROUBLE, sentence_of
from miner_ctrl.history.postgres_migrations import SCHEMA, check_version, migrate
from miner_ctrl.history.postgres_schema import MIGRATIONS, VIEWS
from miner_ctrl.storage.database_url import DatabaseUrl

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = PoolConnectionProxy[asyncpg.Record]
    Pool = asyncpg.Pool[asyncpg.Record]

CONNECT_WITHIN_S = 10.0
STATEMENT_WITHIN_S = 30.0
CONNECTIONS = 6
PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""How long nobody tries after so many failed attempts; the last one for ever."""
_ENDED_WITHIN_S = 5.0


class PostgresServer:
    """At most ``CONNECTIONS`` connections. ``clock`` is monotonic, in seconds."""

    def __init__(self, url: DatabaseUrl, *, clock: Callable[[], float]) -> None:
        self._url = url
        self._clock = clock
        self._pool: Pool | None = None
        self._opening = asyncio.Lock()
        self._failures = 0
        self._not_before_s = 0.0
        self._last: MinerCtrlError | None = None

    @property
    def shown(self) -> str:
        """The database, for people."""
        return self._url.shown

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Yield a connection with the present schema.

        Raises:
            StateDamaged: a newer version of miner-ctrl wrote the schema.
            Refused, NotFound: the server does not let this node in, or has no such database.
            OperationFailed: it cannot be reached, or did not do what was asked; ``STATE_NOT_WRITTEN``.
            asyncpg.PostgresError: those of ``OF_THE_ROWS``, as they are.
        """
        if self._last is not None and self._clock() < self._not_before_s:
            raise self._last.with_traceback(None)
        try:
            pool = await self._opened()
            async with pool.acquire(timeout=CONNECT_WITHIN_S) as connection:
                self._failures, self._last = 0, None
                yield connection
        except OF_THE_ROWS:
            raise
        except TROUBLE as error:
            raise self._failed(error) from None

    async def check(self) -> None:
        """See that the database can be used. Raises as ``connection``."""
        async with self.connection() as connection:
            await connection.fetchval("SELECT 1")

    async def close(self) -> None:
        """End every connection; what is being done gets a moment to end."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            await asyncio.wait_for(pool.close(), _ENDED_WITHIN_S)
        except TROUBLE:
            pool.terminate()

    async def _opened(self) -> Pool:
        async with self._opening:
            if self._pool is None:
                pool = await self._new_pool()
                try:
                    async with pool.acquire(timeout=CONNECT_WITHIN_S) as connection:
                        await migrate(connection, MIGRATIONS, VIEWS, shown=self.shown)
                except BaseException:
                    pool.terminate()
                    raise
                self._pool = pool
        return self._pool

    async def _new_pool(self) -> Pool:
        settings: dict[str, Any] = {
            "application_name": "miner-ctrl",
            "search_path": SCHEMA,
            "timezone": "UTC",
            "client_min_messages": "warning",
            "statement_timeout": str(round(STATEMENT_WITHIN_S * 1000)),
            "idle_in_transaction_session_timeout": str(round(STATEMENT_WITHIN_S * 1000)),
        }
        try:
            return await asyncpg.create_pool(
                self._url.whole,
                min_size=0,
                max_size=CONNECTIONS,
                timeout=CONNECT_WITHIN_S,
                command_timeout=STATEMENT_WITHIN_S + 5,
                server_settings=settings,
                init=self._check_version,
            )
        except (asyncpg.ClientConfigurationError, ValueError) as error:
            raise sentence_of(error, self.shown) from None

    async def _check_version(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        """Each new connection: a newer controller may have changed the schema while this one was away."""
        if self._pool is None:
            return
        version = await connection.fetchval(f"SELECT version FROM {SCHEMA}.schema_version")
        check_version(version, len(MIGRATIONS), self.shown)

    def _failed(self, error: BaseException) -> MinerCtrlError:
        """Note it, so that the next ones need not wait for the same, where it is the server and not the question."""
        said = sentence_of(error, self.shown)
        if not _of_the_server(error):
            return said
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        self._not_before_s, self._last = self._clock() + pause_s, said
        return said


def _of_the_server(error: BaseException) -> bool:
    """Whether the next question would be told the same."""
    if isinstance(error, asyncpg.PostgresError):
        return isinstance(
            error,
            (
                asyncpg.PostgresConnectionError,
                asyncpg.OperatorInterventionError,
                asyncpg.InvalidAuthorizationSpecificationError,
                asyncpg.InvalidCatalogNameError,
                asyncpg.TooManyConnectionsError,
            ),
        ) and not isinstance(error, asyncpg.QueryCanceledError)
    return True
