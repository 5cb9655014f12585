"""Where the history is kept: what names a database, what cannot, and that no password is shown or in arguments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from miner_ctrl.errors import BadInput, StateDamaged
from miner_ctrl.storage.database_choice import DATABASE_VARIABLE, find_database
from miner_ctrl.storage.database_url import DatabaseUrl, parse_database_url

SECRET = "hunter2"

SHOWN = {
    "postgresql://db.lan/miner": "postgresql://db.lan/miner",
    "postgres://ann@db.lan:5433/miner": "postgresql://ann@db.lan:5433/miner",
    f"postgresql://ann:{SECRET}@db.lan/miner?sslmode=verify-full": "postgresql://ann@db.lan/miner",
    f"postgresql://ann:{SECRET}%40@[::1]:5433/miner": "postgresql://ann@[::1]:5433/miner",
    "postgresql://ann@/miner?host=/run/postgresql": "postgresql://ann@/run/postgresql/miner",
    "postgresql://a%1b%5b2J@db.lan/mi%0aner": "postgresql://a%1B%5B2J@db.lan/mi%0Aner",
}


@pytest.mark.parametrize(("given", "shown"), SHOWN.items())
def test_an_address_is_shown_without_its_password(given: str, shown: str) -> None:
    found = parse_database_url(f"  {given}\n")
    assert found is not None
    assert (found.whole, found.shown, found.has_password) == (given, shown, SECRET in given)
    assert SECRET not in repr(found) + str(found)


WRONG = [
    "",
    "mysql://db/x",
    f"POSTGRES:ann:{SECRET}@db/x",
    "postgresql:db",
    f"postgresql://ann:{SECRET}@db",
    f"postgresql://ann:{SECRET}@db/",
    f"postgresql://ann:{SECRET}@db/a/b",
    f"postgresql://ann:{SECRET}@db:99999999/x",
    f"postgresql://ann:{SECRET}@db:port/x",
    f"postgresql://ann:{SECRET}@one:1,two:2/x",
    f"postgresql://ann:{SECRET}@[::1/x",
    f"postgresql://ann:{SECRET}@db/x#y",
    f"postgresql://ann:{SECRET}@db/x?sslmode=maybe",
    f"postgresql://ann:{SECRET}@db/x?options=-cfsync%3Doff",
    f"postgresql://ann@db/x?password={SECRET}",
    f"postgresql://ann:{SECRET}@db/x?host",
    f"postgresql://ann:{SECRET}@db/x?port=70000",
    f"postgresql://ann:{SECRET}@db/x%00",
    f"postgresql://ann:{SECRET} @db/x",
    f"postgresql://änn:{SECRET}@db/x",
    f"postgresql://ann:{SECRET}@db/x\x1b[2J",
    "postgresql://db/" + "x" * 3000,
    "sqlite:///somewhere",
]


@pytest.mark.parametrize("given", WRONG)
def test_what_is_no_address_is_refused_in_one_sentence_that_repeats_no_password(given: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_database_url(given)
    assert refused.value.code == "BAD_DATABASE"
    assert refused.value.message.endswith(".")
    assert refused.value.suggestion
    assert SECRET not in refused.value.message + refused.value.suggestion


def test_the_command_line_comes_first_then_the_environment_then_the_file(tmp_path: Path) -> None:
    file = tmp_path / "database.url"
    assert find_database(None, file, {}) is None
    file.write_text("\n# of the shared server\n  postgresql://file/db \npostgresql://second/db\n")
    file.chmod(0o600)
    named = {DATABASE_VARIABLE: "postgresql://environment/db"}
    assert _shown(find_database(None, file, {})) == "postgresql://file/db"
    assert _shown(find_database(None, file, {DATABASE_VARIABLE: " "})) == "postgresql://file/db"
    assert _shown(find_database(None, file, named)) == "postgresql://environment/db"
    assert _shown(find_database("postgresql://arguments/db", file, named)) == "postgresql://arguments/db"
    assert find_database("sqlite", file, named) is None


def _shown(found: DatabaseUrl | None) -> str:
    assert found is not None
    return found.shown


def test_a_password_is_refused_on_the_command_line_alone(tmp_path: Path) -> None:
    file, given = tmp_path / "database.url", f"postgresql://ann:{SECRET}@db/x"
    with pytest.raises(BadInput) as refused:
        find_database(given, file, {})
    assert refused.value.code == "SECRET_IN_ARGUMENTS"
    assert ".pgpass" in refused.value.suggestion
    assert str(file) in refused.value.suggestion
    assert SECRET not in refused.value.message + refused.value.suggestion
    assert _shown(find_database(None, file, {DATABASE_VARIABLE: given})) == "postgresql://ann@db/x"
    file.write_text(given)
    file.chmod(0o600)
    found = find_database(None, file, {})
    assert found is not None
    assert found.whole == given


def test_a_file_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "database.url"
    file.write_text(f"postgresql://ann:{SECRET}@db/x")
    for mode in (0o640, 0o604, 0o644):
        file.chmod(mode)
        with pytest.raises(StateDamaged, match="open to other users") as refused:
            find_database(None, file, {})
        assert str(file) in refused.value.suggestion
    file.unlink()
    file.mkdir(mode=0o700)
    with pytest.raises(StateDamaged, match="cannot be read"):
        find_database(None, file, {})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "database.url"
    file.write_text("postgresql://elsewhere/x")
    file.chmod(0o600)
    os.chown(file, 65534, 65534)
    with pytest.raises(StateDamaged):
        find_database(None, file, {})
