"""Logins and sessions: bounded, and gone when they should be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from miner_ctrl.access import Access
from miner_ctrl.access import passwords as passwords_module
from miner_ctrl.access.attempts import FREE_BY_NAME, LONGEST_WAIT_S
from miner_ctrl.access.logins import MAX_SESSIONS
from miner_ctrl.access.passwords import AT_ONCE, WAITING, Passwords
from miner_ctrl.errors import Conflict, RateLimited, Refused
from miner_ctrl.model.callers import OWNER, AccessRole, Visit

T = TypeVar("T")

PASSWORD = "correct horse battery"
HERE = Visit(address="127.0.0.1")


@pytest.fixture
async def access(tmp_path: Path) -> AsyncIterator[Access]:
    access = Access(tmp_path / "access.db")
    await access.set_login(OWNER, "Alice", AccessRole.OPERATOR, PASSWORD)
    yield access
    await access.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a password be checked in no time: what is tested is around it."""
    monkeypatch.setattr(passwords_module, "_matches", lambda kept, password: password == PASSWORD)


@pytest.mark.usefixtures("quick")
async def test_a_login_has_so_many_browsers_and_the_oldest_makes_room(access: Access) -> None:
    texts = [(await access.log_in("alice", PASSWORD, HERE))[0] for _ in range(MAX_SESSIONS + 1)]
    [view] = await access.logins()
    assert view.sessions == MAX_SESSIONS
    assert len(set(texts)) == len(texts)
    with pytest.raises(Refused, match="logged in"):
        await access.logged_in(texts[0], "127.0.0.1")
    assert (await access.logged_in(texts[-1], "127.0.0.1")).name == "Alice"


@pytest.mark.usefixtures("quick")
async def test_sessions_outlive_the_node(tmp_path: Path, access: Access) -> None:
    session, _ = await access.log_in("ALICE", PASSWORD, HERE)
    await access.close()
    again = Access(tmp_path / "access.db")
    caller = await again.logged_in(session, "127.0.0.1")
    assert (caller.name, caller.role) == ("Alice", AccessRole.OPERATOR)
    await again.remove_login("alice")
    await again.close()
    once_more = Access(tmp_path / "access.db")
    with pytest.raises(Refused):
        await once_more.logged_in(session, "127.0.0.1")
    await once_more.close()


@pytest.mark.usefixtures("quick")
async def test_strangers_keep_nobody_out_after_a_restart_where_a_session_goes_on(
    tmp_path: Path, access: Access
) -> None:
    session, _ = await access.log_in("alice", PASSWORD, HERE)
    await access.close()
    again = Access(tmp_path / "access.db")
    await again.logged_in(session, HERE.address)
    for number in range(20):
        with pytest.raises((Refused, RateLimited)):
            await again.log_in("alice", "a guess of somebody's", Visit(address=f"10.0.0.{number}"))
    with pytest.raises(RateLimited):
        await again.log_in("alice", PASSWORD, Visit(address="10.0.1.1"))
    assert (await again.log_in("alice", PASSWORD, HERE))[1].name == "Alice"
    await again.close()


@pytest.mark.usefixtures("quick")
async def test_who_has_logged_out_is_so_for_the_next_process_too(tmp_path: Path, access: Access) -> None:
    session, _ = await access.log_in("alice", PASSWORD, HERE)
    await access.log_out(session)
    await access.close()
    again = Access(tmp_path / "access.db")
    with pytest.raises(Refused):
        await again.logged_in(session, "127.0.0.1")
    await again.close()


@pytest.mark.usefixtures("quick")
async def test_a_changed_password_and_its_one_session_outlive_the_node(tmp_path: Path, access: Access) -> None:
    here, there = [(await access.log_in("alice", PASSWORD, HERE))[0] for _ in range(2)]
    caller = await access.logged_in(here, HERE.address)
    kept = access._logins.find("alice")
    assert kept is not None
    renewed, view = await access.change_own_password(caller, PASSWORD, "another horse battery")
    assert (view.name, view.role, access.holds(caller)) == ("Alice", AccessRole.OPERATOR, True)
    await access.close()
    again = Access(tmp_path / "access.db")
    for each in (access, again):
        assert (await each.logged_in(renewed, HERE.address)).id == caller.id
        for old in (here, there):
            with pytest.raises(Refused, match="logged in"):
                await each.logged_in(old, HERE.address)
    login = again._logins.find("alice")
    assert login is not None
    assert (login.role, login.created_at_ms) == (AccessRole.OPERATOR, kept.created_at_ms)
    assert login.hash != kept.hash
    await again.close()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("meanwhile", ["removed", "demoted"])
async def test_what_an_admin_does_to_a_login_meanwhile_stands(
    tmp_path: Path, access: Access, meanwhile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, _ = await access.log_in("alice", PASSWORD, HERE)
    caller = await access.logged_in(session, HERE.address)
    begun, goes_on = threading.Event(), threading.Event()

    def slow(kept: str, password: str) -> bool:
        begun.set()
        return goes_on.wait(60)

    monkeypatch.setattr(passwords_module, "_matches", slow)
    changing = asyncio.create_task(access.change_own_password(caller, PASSWORD, "another horse battery"))
    assert await asyncio.to_thread(begun.wait, 60)
    if meanwhile == "removed":
        await access.remove_login("alice")
    else:
        await access.set_login(OWNER, "alice", AccessRole.VIEWER, "what the admin chose")
    goes_on.set()
    with pytest.raises(Refused, match="logged in"):
        await changing
    await access.close()
    again = Access(tmp_path / "access.db")
    for each in (access, again):
        with pytest.raises(Refused):
            await each.logged_in(session, HERE.address)
        assert [view.role for view in await each.logins()] == ([AccessRole.VIEWER] if meanwhile == "demoted" else [])
        await each.close()


@pytest.mark.usefixtures("quick")
async def test_who_stole_a_session_has_no_more_guesses_from_many_addresses(tmp_path: Path) -> None:
    now_s = 0.0
    access = Access(tmp_path / "access.db", clock=lambda: now_s)
    await access.set_login(OWNER, "Alice", AccessRole.OPERATOR, PASSWORD)
    stolen, own = [(await access.log_in("alice", PASSWORD, HERE))[0] for _ in range(2)]

    async def change(session: str, address: str, current: str) -> str:
        caller = await access.logged_in(session, address)
        return (await access.change_own_password(caller, current, "another horse battery"))[0]

    for number in range(FREE_BY_NAME):
        with pytest.raises(Refused, match="is wrong"):
            await change(stolen, f"10.0.0.{number}", "a guess of somebody's")
    for number in range(20):
        with pytest.raises(RateLimited):
            await change(stolen, f"10.0.1.{number}", PASSWORD)
    now_s = LONGEST_WAIT_S
    renewed = await change(stolen, HERE.address, PASSWORD)
    for number in range(FREE_BY_NAME):
        with pytest.raises(Refused, match="is wrong"):
            await change(renewed, f"10.0.2.{number}", "a guess of somebody's")
    with pytest.raises(Refused, match="logged in"):
        await access.logged_in(own, HERE.address)
    await access.close()


@pytest.mark.usefixtures("quick")
async def test_of_two_changes_at_once_the_second_is_told_of_the_first(access: Access) -> None:
    here, there = [(await access.log_in("alice", PASSWORD, HERE))[0] for _ in range(2)]
    caller = await access.logged_in(here, HERE.address)
    two = await asyncio.gather(
        *(access.change_own_password(caller, PASSWORD, f"another horse battery {number}") for number in range(2)),
        return_exceptions=True,
    )
    [refused] = [each for each in two if isinstance(each, BaseException)]
    [(renewed, _)] = [each for each in two if not isinstance(each, BaseException)]
    assert isinstance(refused, Conflict)
    assert (refused.code, "meanwhile" in refused.message) == ("PASSWORD_CHANGED", True)
    assert (await access.logged_in(renewed, HERE.address)).name == "Alice"
    with pytest.raises(Refused, match="logged in"):
        await access.logged_in(there, HERE.address)


async def test_a_login_removed_while_its_password_is_checked_logs_nobody_in(access: Access) -> None:
    logging_in = asyncio.create_task(access.log_in("alice", PASSWORD, HERE))
    await asyncio.sleep(0)
    await access.remove_login("alice")
    with pytest.raises(Refused):
        await logging_in


async def test_an_unknown_name_takes_the_same_work(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    real = passwords_module._matches

    def noted(kept: str, password: str) -> bool:
        checked.append(kept)
        return real(kept, password)

    monkeypatch.setattr(passwords_module, "_matches", noted)
    for name in ("alice", "nobody"):
        with pytest.raises(Refused, match="name or the password is wrong"):
            await access.log_in(name, "wrong wrong wrong", HERE)
    parameters = [kept.rsplit("$", 2)[0] for kept in checked]
    assert len(parameters) == 2
    assert parameters[0] == parameters[1], "the same memory, time and threads"


async def test_few_passwords_are_checked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, at_once, most = threading.Event(), 0, 0
    lock = threading.Lock()

    def slow(kept: str, password: str) -> bool:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        goes_on.wait(20)
        with lock:
            at_once -= 1
        return False

    monkeypatch.setattr(passwords_module, "_matches", slow)
    passwords = Passwords()
    waiting = [asyncio.create_task(passwords.matches("x", "y")) for _ in range(AT_ONCE + WAITING)]
    await asyncio.sleep(0.1)
    with pytest.raises(RateLimited, match="Too many people"):
        await passwords.matches("x", "y")
    goes_on.set()
    assert await asyncio.gather(*waiting) == [False] * len(waiting)
    assert most == AT_ONCE


async def test_last_uses_are_written_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access(tmp_path / "access.db", uses_written_after_s=3600)
    made = await access.create_token(OWNER, "t", AccessRole.VIEWER, None)
    assert made.token is not None
    writes: list[object] = []
    real = access._database.run

    async def noted(act: Callable[[apsw.Connection], T]) -> T:
        writes.append(act)
        return await real(act)

    monkeypatch.setattr(access._database, "run", noted)
    for _ in range(1000):
        await access.holder(made.token, "127.0.0.1")
    assert writes == []
    await access.close()
    assert len(writes) == 1
