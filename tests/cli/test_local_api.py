"""The way to the local node: whose it is, what it sends, what goes wrong."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from miner_ctrl.cli.local_api import LocalApi, NodeGone, error_of_stream_end
from miner_ctrl.config import Home
from miner_ctrl.errors import OperationFailed, Refused, Unreachable
from tests.cli.fake_node import FakeNode


@pytest.fixture
def api(node: FakeNode, home: Path) -> LocalApi:
    return LocalApi(Home.resolve(str(home)).socket)


def test_a_node_of_another_users_gets_nothing(api: LocalApi, node: FakeNode, monkeypatch: pytest.MonkeyPatch) -> None:
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    with pytest.raises(Refused, match=rf"another user \(uid {uid}\)"):
        api.post("/peers", {"token": "secret"})
    with pytest.raises(Refused):
        api.answers()
    assert node.asked == []


def test_it_knows_whether_a_node_listens(api: LocalApi, node: FakeNode, home: Path) -> None:
    assert api.answers()
    node.close()
    assert not api.answers()
    stale = Home.resolve(str(home)).socket
    stale.write_text("not even a socket")
    assert not api.answers()
    stale.unlink()
    node.reopen()


def test_fields_that_are_not_given_are_not_sent(api: LocalApi, node: FakeNode) -> None:
    node.on("POST", "/x", {})
    api.post("/x", {"a": None, "b": 0, "c": ""})
    assert node.asked[-1].body == {"b": 0, "c": ""}
    node.on("GET", "/x", {})
    api.get("/x", a=None, b="1 &2")
    assert node.asked[-1].query == {"b": "1 &2"}


def test_a_node_that_does_not_answer_is_not_waited_for_for_ever(node: FakeNode, home: Path) -> None:
    over = threading.Event()

    def silent() -> Iterator[tuple[str, object]]:
        over.wait(60)
        yield "never", {}

    node.stream("/x", silent)
    with pytest.raises(OperationFailed, match="has not answered"):
        LocalApi(Home.resolve(str(home)).socket, timeout_s=0.2).get("/x")
    over.set()


def test_events_come_as_they_were_sent(api: LocalApi, node: FakeNode) -> None:
    sent = [("one", {"a": "b: c\n"}), ("two", [1, 2])]
    node.stream("/x", lambda: iter(sent))
    assert [(event.name, event.data) for event in api.events("/x")] == sent


def test_the_end_of_a_stream_is_the_error_its_status_says() -> None:
    assert error_of_stream_end({"reason": "There is no more."}) is None
    error = error_of_stream_end({"error": "Gone.", "code": "ANY", "suggestion": "Wait.", "status": 504})
    assert isinstance(error, Unreachable)
    assert (error.message, error.code, error.suggestion) == ("Gone.", "ANY", "Wait.")


def test_a_question_is_asked_again_where_the_node_went_and_a_command_never(node: FakeNode, home: Path) -> None:
    started: list[bool] = []
    api = LocalApi(Home.resolve(str(home)).socket, start_node=lambda: started.append(True))
    node.cut("/x")
    with pytest.raises(NodeGone):
        api.post("/x")
    assert started == []
    with pytest.raises(NodeGone):
        api.get("/x")
    assert started == [True]
    assert [asked.method for asked in node.asked] == ["POST", "GET", "GET"]


def test_where_nobody_listens_a_node_is_started_and_asked(node: FakeNode, home: Path) -> None:
    node.on("POST", "/x", {"done": True})
    node.close()
    assert LocalApi(Home.resolve(str(home)).socket, start_node=node.reopen).post("/x").data == {"done": True}
    node.close()
    with pytest.raises(NodeGone):
        LocalApi(Home.resolve(str(home)).socket).post("/x")
    node.reopen()
