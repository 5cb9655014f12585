"""Controllers that keep their history in one PostgreSQL database: named without its password, shared, gone and back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.components.monerod import free_ports
from tests.components.postgresql import Database, Server
from tests.integration.conftest import MakeNode
from tests.integration.nodes import NodeProcess, wait_for
from tests.integration.test_history_fill_in import as_stored, journal_of, shares_of

CAUGHT_UP_WITHIN_S = 150.0
"""The pause after failed attempts at the server, and the time until a rig is asked again."""


def rows(database: Database, sql: str) -> list[tuple[Any, ...]]:
    async def fetched() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database.socket_url)
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(fetched())


def history_in(database: Database, up_to: int) -> list[tuple[Any, ...]]:
    """Return what is stored of a rig's journal, in the shape of ``as_stored``."""
    rounds = rows(
        database,
        "SELECT name, seq, at_ms - offset_ms FROM miner_ctrl.rig_sample AS each"
        " JOIN miner_ctrl.journal ON journal.id = each.journal",
    )
    samples = rows(
        database,
        "SELECT journal.name, seq, miner.name, each.state, algorithm.name, hashrate FROM miner_ctrl.sample AS each"
        " JOIN miner_ctrl.journal ON journal.id = each.journal JOIN miner_ctrl.miner ON miner.id = each.miner"
        " JOIN miner_ctrl.algorithm ON algorithm.id = each.algorithm",
    )
    events = rows(
        database,
        "SELECT journal.name, seq, at_ms - offset_ms, kind, miner, who, text FROM miner_ctrl.event AS each"
        " JOIN miner_ctrl.journal ON journal.id = each.journal JOIN miner_ctrl.rig ON rig.id = journal.rig"
        " WHERE fingerprint <> ''",
    )
    return sorted((row for row in [*rounds, *samples, *events] if row[1] <= up_to), key=repr)


@pytest.fixture
def password_file(postgresql: Database, tmp_path: Path) -> Path:
    """What ``~/.pgpass`` is to a user."""
    file = tmp_path / "pgpass"
    file.write_text(f"*:*:*:*:{postgresql.server.password}\n")
    file.chmod(0o600)
    return file


def test_two_controllers_share_a_database_and_its_end_stops_neither(
    make_node: MakeNode, postgresql: Database, postgresql_server: Server, password_file: Path
) -> None:
    one = make_node("one", env={"PGPASSFILE": str(password_file)})
    other, rig = make_node("other"), make_node("rig")
    other.places.config.mkdir(parents=True)
    other.places.database_file.write_text(postgresql.url(password=postgresql.server.password))
    other.places.database_file.chmod(0o600)
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    (rig.places.config / "rig.toml").write_text("sample_every_s = 1\n")
    rig.serve()
    for controller, words in ((one, ("--database", postgresql.url())), (other, ())):
        controller.done("node", "init", "--name", controller.home.name, "--role", "controller")
        controller.serve("", *words)
        token = str(rig.answer("peer", "invite", "--address", rig.address)["token"])
        controller.done("peer", "add", "--token", "-", "--name", "rig-alpha", stdin=token)
        controller.wait_until_connected("rig-alpha")
    one.done("profile", "create", "sim", "--miner", "simulated", "--pool", "pool.example:3333")
    one.done("remote", "start", "rig-alpha", "--profile", "sim")
    wait_for("samples with the miner", lambda: rows(postgresql, "SELECT 1 FROM miner_ctrl.sample LIMIT 1"))

    postgresql_server.crash()
    told = len(journal_of(rig)[1])
    wait_for("both to say so", lambda: all(_problem(each) for each in (one, other)))
    assert "simulated-1" in one.done("remote", "status", "rig-alpha")
    other.done("remote", "pause", "rig-alpha")
    other.done("remote", "resume", "rig-alpha")
    wait_for("samples that nobody can store", lambda: len(journal_of(rig)[1]) >= told + 15)
    postgresql_server.start()

    told = len(journal_of(rig)[1])
    journal, entries = journal_of(rig)
    wait_for(
        "the history to be filled in",
        lambda: as_stored(journal, entries[:told]) == history_in(postgresql, told),
        CAUGHT_UP_WITHIN_S,
    )
    wait_for("both to be well again", lambda: not any(map(_problem, (one, other))), CAUGHT_UP_WITHIN_S)
    assert shares_of(entries[:told]) <= shares_in(postgresql, "sample")
    assert shares_in(postgresql, "sample") == shares_in(postgresql, "minute") == shares_in(postgresql, "hour")
    for controller in (one, other):
        kinds = [event["kind"] for event in controller.ask("/history/peers/rig-alpha/events")]
        assert {"started", "paused", "resumed"} <= set(kinds)
        assert controller.ask("/history/status")["database"] == "postgresql"
        assert "History is not recorded" in controller.log()
        assert postgresql.server.password not in controller.log()
        assert not any(
            postgresql.server.password in word for process in controller.processes() for word in process.cmdline()
        )
        assert not controller.places.history_database.exists()
    assert rows(postgresql, "SELECT DISTINCT rig FROM miner_ctrl.miner_minutes") == [("rig-alpha",)]


def _problem(controller: NodeProcess) -> str:
    return str((controller.ask("/history/status") or {}).get("problem", ""))


def shares_in(database: Database, table: str) -> int:
    [(found,)] = rows(database, f"SELECT sum(accepted)::bigint FROM miner_ctrl.{table}")
    return int(found)


# --- what a person has to mend -------------------------------------------------------------------------


def _wrong_password(database: Database) -> tuple[dict[str, str], str]:
    return {"PGPASSWORD": "hunter2"}, database.url()


def _no_such_database(database: Database) -> tuple[dict[str, str], str]:
    return {"PGPASSWORD": database.server.password}, database.url() + "x"


def _newer_schema(database: Database) -> tuple[dict[str, str], str]:
    database.run_sql(
        f"CREATE SCHEMA miner_ctrl AUTHORIZATION {database.name}; SET ROLE {database.name};"
        " CREATE TABLE miner_ctrl.schema_version AS SELECT 99 AS version;"
    )
    return {"PGPASSWORD": database.server.password}, database.url()


def _password_in_arguments(database: Database) -> tuple[dict[str, str], str]:
    return {}, database.url(password="hunter2")


def _no_address(database: Database) -> tuple[dict[str, str], str]:
    return {}, "mysql://ann:hunter2@db/x"


MENDED = {
    "a wrong password": (_wrong_password, 4, "does not let this user in"),
    "no such database": (_no_such_database, 1, "There is no database"),
    "a newer schema": (_newer_schema, 1, "newer version"),
    "a password in arguments": (_password_in_arguments, 2, "command line"),
    "no address": (_no_address, 2, "does not begin with postgresql://"),
}


@pytest.mark.parametrize(("make", "code", "sentence"), MENDED.values(), ids=MENDED)
def test_what_a_person_has_to_mend_is_one_sentence_before_anything_is_made(
    make_node: MakeNode,
    postgresql: Database,
    make: Callable[[Database], tuple[dict[str, str], str]],
    code: int,
    sentence: str,
) -> None:
    environment, url = make(postgresql)
    node = make_node("desk", env=environment)
    ended = node.cli("node", "serve", "--listen", "127.0.0.1:0", "--database", url)
    assert (ended.code, ended.out) == (code, ""), ended
    [line] = ended.err.strip().splitlines()
    assert line.startswith("Error: ")
    assert sentence in line
    assert "hunter2" not in ended.err
    assert not node.places.key_file.exists()


def test_without_the_extra_it_says_what_to_install(postgresql: Database, tmp_path: Path, make_node: MakeNode) -> None:
    node = make_node("desk")
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "sitecustomize.py").write_text("import sys\nsys.modules['asyncpg'] = None\n")
    node = make_node("desk", env={"PYTHONPATH": str(tmp_path / "missing")})
    ended = node.cli("node", "serve", "--listen", "127.0.0.1:0", "--database", postgresql.url())
    assert ended.code == 1
    assert "pip install 'miner-ctrl[postgresql]'" in ended.err
    assert "Traceback" not in ended.err
    assert sys.modules["asyncpg"]


def test_a_database_that_is_away_does_not_keep_a_node_from_starting_and_stopping(
    make_node: MakeNode,
) -> None:
    [port] = free_ports(1)
    node = make_node("desk")
    node.done("node", "init", "--name", "desk", "--role", "controller")
    node.serve("", "--database", f"postgresql://ann@127.0.0.1:{port}/x")
    assert "cannot be used now" in _problem(node)
    assert node.cli("remote", "status").code == 0
    node.stop()
    assert "The node starts without it." in node.log()


def test_a_rig_needs_no_database(make_node: MakeNode) -> None:
    """A variable that is set for every node of a machine stops none of its rigs, and loads nothing there."""
    rig = make_node("rig", env={"MINER_CTRL_DATABASE": "postgresql://ann@127.0.0.1:1/x"})
    rig.done("node", "init", "--name", "rig-alpha", "--role", "worker")
    rig.serve()
    maps = Path(f"/proc/{rig.process.pid if rig.process else 0}/maps")
    if maps.exists():
        assert "asyncpg" not in maps.read_text()
    rig.stop()
