"""``peer`` and ``profile``: what is asked of the node, and what people read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from miner_ctrl.cli.profile import MINER_TYPES
from miner_ctrl.miners.adapters import default_adapters
from tests.cli.fake_node import FakeNode, run, run_on_terminal

ID = "0123456789abcdef"
OWN = {
    "hasIdentity": True,
    "identity": {"id": "fedcba9876543210", "name": "control-center", "role": "controller", "words": "our own words"},
}


def peer(**changed: Any) -> dict[str, Any]:
    return {
        "id": ID,
        "name": "rig-alpha",
        "words": "their eight words",
        "address": "192.168.1.100:9091",
        "role": "worker",
        "lastSeen": (datetime.now(UTC) - timedelta(seconds=125)).isoformat().replace("+00:00", "Z"),
        "pingMs": 1.25,
        "pingSmoothedMs": 1.21,
        "score": 88,
        "connected": True,
        "state": "connected",
        "grants": [],
        "verified": True,
        "lastFailure": None,
        **changed,
    }


def invite(**changed: Any) -> dict[str, Any]:
    ahead = (datetime.now(UTC) + timedelta(minutes=59, seconds=59)).isoformat()
    made = {"id": "5f" * 16, "status": "open", "for": "rig", "uses": 1, "used": 0, "expiresAt": ahead}
    return {
        **made,
        "addresses": ["192.168.1.5:9091"],
        "token": "mc1-" + "Ab3" * 40,
        "words": "our own words",
        **changed,
    }


def test_an_invite_is_one_command_for_the_rig(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites", invite(), 201)
    node.on("GET", "/node/info", {**OWN, "serving": True})
    ended = run(home, "peer", "invite")
    assert (ended.code, ended.err, node.asked[0].body) == (0, "", {})
    assert f"miner-ctrl node join {invite()['token']} --serve\n" in ended.out
    assert "in 1 h" in ended.out
    assert "our own words" in ended.out
    assert "█" not in ended.out


def test_an_invite_of_a_node_that_does_not_serve_says_what_is_missing(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites", invite(), 201)
    node.on("GET", "/node/info", {**OWN, "serving": False})
    ended = run(home, "peer", "invite")
    assert ended.code == 0
    assert "miner-ctrl node serve" in ended.err


def test_an_invite_says_all_that_was_asked(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites", invite(**{"for": "controller"}), 201)
    node.on("GET", "/node/info", OWN)
    options = ["--for", "controller", "--uses", "3", "--expires", "8h", "--address", "a:1", "--address", "b:2"]
    ended = run(home, "peer", "invite", *options)
    assert node.asked[0].body == {"for": "controller", "uses": 3, "expires": "8h", "address": ["a:1", "b:2"]}
    assert "on the controller" in ended.out


def test_an_invite_on_a_terminal_has_a_code_to_scan_if_it_fits(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites", invite(), 201)
    node.on("GET", "/node/info", OWN)
    assert "█" in run_on_terminal(home, "peer", "invite", columns=80).out
    assert "█" not in run_on_terminal(home, "peer", "invite", columns=40).out


def test_an_invite_as_json_has_what_programs_need(node: FakeNode, home: Path) -> None:
    node.on("POST", "/invites", invite(), 201)
    made = json.loads(run(home, "peer", "invite", "--json").out)
    assert {"id", "token", "expiresAt"} <= made.keys()


def test_invites_are_listed_without_their_tokens_and_revoked(node: FakeNode, home: Path) -> None:
    node.on("GET", "/invites", [invite(token=None), invite(id="ab" * 16, status="revoked", token=None, used=1, uses=4)])
    listed = run(home, "peer", "invites").out
    assert "5f" * 16 in listed
    assert "revoked" in listed
    assert "1 of 4" in listed
    node.on("DELETE", "/invites/5f", invite(status="revoked"))
    assert run(home, "peer", "revoke", "5f").code == 0


def test_adding_a_peer_that_must_approve_ends_well_and_says_what_to_run_there(node: FakeNode, home: Path) -> None:
    node.on("POST", "/peers", peer(state="pending", connected=False, verified=False), 201)
    node.on("GET", "/node/info", OWN)
    ended = run(home, "peer", "add", "--address", "192.168.1.100:9091", "--name", "rig-alpha")
    assert ended.code == 0
    assert node.asked[0].body == {"address": "192.168.1.100:9091", "name": "rig-alpha"}
    assert "miner-ctrl peer approve fedcba9876543210" in ended.out
    assert ended.out.index("our own words") < ended.out.index("their eight words")


def test_adding_a_known_peer_shows_its_words_unless_they_were_checked(node: FakeNode, home: Path) -> None:
    node.on("POST", "/peers", peer(verified=False), 201)
    assert "their eight words" in run(home, "peer", "add", "--address", "a:1").out
    node.on("POST", "/peers", peer(), 201)
    checked = run(home, "peer", "add", "--address", "a:1", "--fingerprint", "their eight words")
    assert node.asked[-1].body == {"address": "a:1", "fingerprint": "their eight words"}
    assert "compare" not in checked.out


def test_a_token_may_come_on_standard_input(node: FakeNode, home: Path) -> None:
    node.on("POST", "/peers", peer(), 201)
    assert run(home, "peer", "add", "--token", "-", stdin=" mc1-secret \n").code == 0
    assert node.asked[-1].body == {"token": "mc1-secret"}
    assert run(home, "peer", "add", "--token", "-", stdin="\n").code == 2


def test_a_token_with_the_line_breaks_of_a_narrow_window_is_whole_again(node: FakeNode, home: Path) -> None:
    node.on("POST", "/peers", peer(), 201)
    assert run(home, "peer", "add", "--token", "-", stdin="\n mcj1-first\r\nsecond \nthird\n").code == 0
    assert node.asked[-1].body == {"token": "mcj1-firstsecondthird"}


def test_a_name_that_is_not_used_is_remarked_on(node: FakeNode, home: Path) -> None:
    node.on("POST", "/peers", peer(), 201)
    assert "known here as rig-alpha" in run(home, "peer", "add", "--address", "a:1", "--name", "rig-beta").err
    assert run(home, "peer", "add", "--address", "a:1", "--name", "rig-alpha").err == ""


def test_the_list_has_what_people_look_for(node: FakeNode, home: Path) -> None:
    failure = {"reason": "Nobody answers.", "at": "2020-01-01T00:00:00Z"}
    away = peer(name="rig-beta", connected=False, state="offline", lastFailure=failure)
    never = peer(name="rig-gamma", connected=False, state="offline", lastSeen=None, pingMs=None, pingSmoothedMs=None)
    node.on("GET", "/peers", [peer(grants=["observe"]), away, never])
    lines = run(home, "peer", "list").out.splitlines()
    assert all(text in lines[1] for text in ("rig-alpha", ID, "connected", "worker", "observe", "1.2 ms", "88", "now"))
    assert "2 min ago" in lines[2]
    assert "never" in lines[3]
    assert lines[4].startswith("rig-beta: Nobody answers.")


def test_who_waits_is_shown_with_both_words_and_approved_or_denied(node: FakeNode, home: Path) -> None:
    waiting = {"id": ID, "name": "desk", "words": "their eight words", "address": "10.0.0.7", "since": None}
    node.on("GET", "/peers/pending", [waiting])
    node.on("GET", "/node/info", OWN)
    shown = run(home, "peer", "pending").out
    assert shown.index("their eight words") < shown.index("our own words")
    assert f"miner-ctrl peer approve {ID}" in shown
    node.on("DELETE", f"/peers/pending/{ID}", {"status": "denied"})
    assert run(home, "peer", "pending", "--deny", ID).code == 0
    node.on("POST", f"/peers/pending/{ID}/approve", peer(grants=["observe", "control"]))
    approved = run(home, "peer", "approve", ID)
    assert node.asked[-1].body == {}
    assert "observe, control" in approved.out
    run(home, "peer", "approve", ID, "--grant", "observe,install")
    assert node.asked[-1].body == {"grant": ["observe", "install"]}
    run(home, "peer", "approve", ID, "--grant", "none")
    assert node.asked[-1].body == {"grant": []}


def test_grants_are_set_as_a_list(node: FakeNode, home: Path) -> None:
    node.on("PATCH", "/peers/rig-alpha", peer(grants=["observe", "control"]))
    assert run(home, "peer", "grant", "rig-alpha", "observe,control").code == 0
    assert node.asked[-1].body == {"grant": ["observe", "control"]}
    run(home, "peer", "grant", "rig-alpha", "observe", "control")
    assert node.asked[-1].body == {"grant": ["observe", "control"]}
    run(home, "peer", "grant", "rig-alpha", "none")
    assert node.asked[-1].body == {"grant": []}


def test_tags_are_added_and_taken_off(node: FakeNode, home: Path) -> None:
    node.on("GET", "/peers/rig-alpha", peer(tags=["cellar", "gpu"]))
    node.on("PATCH", "/peers/rig-alpha", peer(tags=["cellar", "gpu", "new"]))
    ended = run(home, "peer", "tag", "rig-alpha", "gpu", "new")
    assert (ended.code, ended.out) == (0, "rig-alpha has the tags cellar, gpu, new.\n")
    assert node.asked[-1].body == {"tags": ["cellar", "gpu", "new"]}
    run(home, "peer", "tag", "rig-alpha", "--remove", "gpu", "other")
    assert node.asked[-1].body == {"tags": ["cellar"]}
    ended = run(home, "peer", "tag", "rig-alpha")
    assert ended.out == "rig-alpha has the tags cellar, gpu.\n"
    assert node.asked[-1].method == "GET", "without tags nothing is changed"
    node.on("GET", "/peers/rig-alpha", peer(tags=["\x1b[31m<b>"]))
    assert "\x1b" not in run(home, "peer", "tag", "rig-alpha").out
    node.on("GET", "/peers/rig-alpha", peer(tags=[]))
    assert run(home, "peer", "tag", "rig-alpha").out == "rig-alpha has no tags.\n"


def test_invites_are_listed_with_who_joined(node: FakeNode, home: Path) -> None:
    joined = [{"name": "rig-beta"}, {"name": ""}]
    node.on("GET", "/invites", [invite(status="used", used=2, uses=2, joined=joined)])
    assert "rig-beta, removed" in run(home, "peer", "invites").out


@pytest.mark.parametrize("grants", ["observe,contrl", "none,observe", ","])
def test_what_cannot_be_granted_is_wrong_usage(node: FakeNode, home: Path, grants: str) -> None:
    ended = run(home, "peer", "grant", "rig-alpha", grants)
    assert ended.code == 2
    assert "observe, control, install" in ended.err
    assert node.asked == []


def test_ping_and_remove(node: FakeNode, home: Path) -> None:
    node.on("POST", "/peers/rig-alpha/ping", {"rtt_ms": 1.234, "clock_offset_ms": -250.4})
    assert "1.2 ms; its clock is 250 ms behind" in run(home, "peer", "ping", "rig-alpha").out
    node.on("DELETE", "/peers/rig-alpha", {"status": "removed"})
    assert run(home, "peer", "remove", "rig-alpha").code == 0


def test_a_miner_this_version_does_not_know_is_remarked_on(node: FakeNode, home: Path, tmp_path: Path) -> None:
    assert {adapter.type for adapter in default_adapters()} == set(MINER_TYPES)
    node.on("POST", "/profiles", PROFILE, 201)
    ended = run(home, "profile", "create", "p", "--pool", "p:1", "--wallet", "w", "--miner", "xmrigg")
    assert ended.code == 0
    assert "xmrig, simulated, tt-miner" in ended.err
    assert run(home, "profile", "create", "p", "--pool", "p:1", "--wallet", "w").err == ""


PROFILE = {"id": "p1", "name": "my-profile", "minerType": "xmrig", "hash": "ab" * 32, "config": {}}


def test_a_profile_has_the_fields_it_was_given_with_their_types(node: FakeNode, home: Path) -> None:
    node.on("POST", "/profiles", PROFILE, 201)
    sets = ["threads=4", "tls=true", "password=123", "rig-id=7", "randomx_mode=light", "seed=null", "donateLevel=2"]
    options = [part for text in sets for part in ("--set", text)]
    ended = run(home, "profile", "create", "my-profile", "--pool", "p:3333", "--wallet", "48ab", *options)
    assert ended.code == 0
    assert node.asked[-1].body == {
        "name": "my-profile",
        "minerType": "xmrig",
        "config": {
            "pool": "p:3333",
            "wallet": "48ab",
            "threads": 4,
            "tls": True,
            "password": "123",
            "rigId": "7",
            "randomxMode": "light",
            "seed": None,
            "donateLevel": 2,
        },
    }


def test_profiles_are_listed_shown_and_deleted(node: FakeNode, home: Path) -> None:
    held = {**PROFILE, "config": {"pool": "pool.example:3333", "wallet": "48" * 40, "threads": 4}}
    node.on("GET", "/profiles", [held])
    node.on("GET", "/profiles/my-profile", held)
    node.on("DELETE", "/profiles/my-profile", {"status": "deleted"})
    listed = run(home, "profile", "list").out
    assert all(text in listed for text in ("my-profile", "xmrig", "pool.example:3333", "484848…484848"))
    assert "48" * 40 in run(home, "profile", "show", "my-profile").out
    assert run(home, "profile", "delete", "my-profile").code == 0
