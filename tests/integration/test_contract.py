"""The whole contract, route by route, against a running node with two paired rigs (`docs/rest-api.md`), at its port."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from miner_ctrl.api.application import ROUTES
from miner_ctrl.errors import NotFound
from tests.integration.conftest import MakeNode
from tests.integration.nodes import wait_for
from tests.integration.paired import RIGS, Paired, paired, port_of

WITHOUT_PROGRAMS = {"PATH": "/nonexistent"}
"""Nothing that is asked for here installs a package on this machine."""
PEER_FIELDS = {"id", "name", "publicKey", "address", "role", "addedAt", "lastSeen", "pingMs", "score", "connected"}
RIG_FIELDS = {"nodeId", "nodeName", "miners", "uptime", "ageS", "error", "errorCode", "connected"}
MINER_FIELDS = {"name", "type", "state", "hashrate", "shares", "uptime", "pool", "algorithm", "profileName"}
INFO_FIELDS = {"os", "architecture", "available_cpu_cores", "total_system_ram_gb", "timestamp", "installed_miners_info"}
PROGRAM_FIELDS = {"is_installed", "version", "path", "miner_binary", "config_path"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paired]:
    with paired(tmp_path_factory.mktemp("contract"), env=WITHOUT_PROGRAMS, at_the_port=True) as made:
        yield made


def failed(node: Paired, method: str, path: str, status: int, code: str, body: object = None) -> None:
    """Ask for what cannot be, and see the one envelope."""
    answer = node.ask(method, path, body)
    assert (answer.status, answer.data["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.data) <= {"error", "code", "details", "suggestion"}
    assert answer.data["error"].endswith(".")


def mining(node: Paired, path: str) -> Any:
    """Return the miners of a state once one of them hashes."""
    answer = node.ask("GET", path)
    miners = answer.data if isinstance(answer.data, list) else answer.data["miners"]
    return miners if any((one.get("hashrate") or 0) > 0 for one in miners) else None


def test_the_port_asks_who_it_is(node: Paired) -> None:
    for wrong in ({}, {"Authorization": "Bearer mct_" + "A" * 43}):
        stranger = node._replace(credentials=wrong)
        assert {stranger.ask("GET", "/peers").status, stranger.ask("POST", "/remote/rig-alpha/stop").status} == {401}
    assert node.ask("GET", "/session").data["role"] == "admin"
    assert node.ask("GET", "/peers", headers={"Host": "evil.example"}).status == 421


def test_health_and_readiness(node: Paired) -> None:
    assert node.ask("GET", "/health").data == {"status": "ok"}
    assert node.ask("GET", "/ready").data == {"status": "ready", "problems": []}


def test_this_machine(node: Paired) -> None:
    info = node.ask("GET", "/info").data
    assert set(info) >= INFO_FIELDS
    assert info["available_cpu_cores"] >= 1
    assert all(set(program) >= PROGRAM_FIELDS for program in info["installed_miners_info"])
    assert info["version"]
    examined = node.ask("POST", "/doctor")
    assert examined.status == 200
    assert INFO_FIELDS | {"findings"} <= set(examined.data)
    assert set(node.ask("POST", "/update").data) & {"status", "updates_available"}


def test_this_node(node: Paired) -> None:
    info = node.ask("GET", "/node/info").data
    assert (info["hasIdentity"], info["registeredPeers"], info["connectedPeers"]) == (True, 2, 2)
    assert {"id", "name", "publicKey", "role", "createdAt"} <= set(info["identity"])
    assert (info["identity"]["name"], info["identity"]["role"]) == ("desk", "dual")
    failed(node, "POST", "/node/init", 409, "IDENTITY_EXISTS", {"name": "again"})
    failed(node, "POST", "/node/init", 400, "BAD_INPUT", {"name": "x", "role": "boss"})


def test_a_node_without_an_identity_says_so_until_it_has_one(make_node: MakeNode) -> None:
    fresh = make_node("fresh")
    with fresh.following("node", "serve", "--listen", "127.0.0.1:0", "--no-init", "--api", "127.0.0.1:0"):
        wait_for("the node to answer", lambda: fresh.ask("/node/info"))
        node = Paired(fresh, {}, port_of(fresh))
        assert node.ask("GET", "/node/info").data["hasIdentity"] is False
        failed(node, "GET", "/peers", 409, "NO_IDENTITY")
        failed(node, "GET", "/ready", 503, "NOT_READY")
        made = node.ask("POST", "/node/init", {"name": "fresh", "role": "controller"})
        assert (made.status, made.data["name"], made.data["role"]) == (200, "fresh", "controller")
        assert node.ask("GET", "/peers").data == []


def test_peers_by_name_prefix_and_id(node: Paired) -> None:
    peers = node.ask("GET", "/peers")
    assert peers.headers["x-total-count"] == "2"
    assert [peer["name"] for peer in peers.data] == list(RIGS)
    assert all(set(peer) >= PEER_FIELDS for peer in peers.data)
    id_ = peers.data[0]["id"]
    for query in (id_, id_[:10], "rig-alpha", "RIG-ALPHA"):
        assert node.ask("GET", f"/peers/{query}").data["id"] == id_
    page = node.ask("GET", "/peers?limit=1&offset=1&sort=name")
    assert (len(page.data), page.data[0]["name"], page.headers["x-total-count"]) == (1, "rig-beta", "2")
    assert [peer["name"] for peer in node.ask("GET", "/peers?q=ALPHA").data] == ["rig-alpha"]
    for method, path, body in (
        ("GET", "/peers/nobody", None),
        ("PATCH", "/peers/nobody", {"tags": []}),
        ("DELETE", "/peers/nobody", None),
        ("POST", "/peers/nobody/ping", None),
        ("POST", "/peers/nobody/connect", None),
        ("POST", "/peers/nobody/disconnect", None),
    ):
        failed(node, method, path, 404, "PEER_NOT_FOUND", body)


def test_a_peer_is_added_changed_pinged_and_removed(node: Paired, make_node: MakeNode) -> None:
    other = make_node("gamma", env=WITHOUT_PROGRAMS)
    other.done("node", "init", "--name", "rig-gamma", "--role", "worker")
    other.serve()
    added = node.ask("POST", "/peers", {"address": other.address, "name": "rig-gamma"})
    assert added.status == 201, added.text
    assert (added.data["name"], added.data["state"], added.data["connected"]) == ("rig-gamma", "pending", False)
    other.done("peer", "approve", node.ask("GET", "/node/info").data["identity"]["id"])
    assert node.ask("POST", "/peers/rig-gamma/connect").data == {"status": "connected"}
    ping = node.ask("POST", "/peers/rig-gamma/ping")
    assert ping.status == 200
    assert ping.data["rtt_ms"] > 0

    seen = node.ask("GET", "/peers/rig-gamma")
    changed = node.ask(
        "PATCH", "/peers/rig-gamma", {"name": "renamed", "tags": ["cellar"], "grant": []},
        headers={"If-Match": seen.headers["etag"]},
    )  # fmt: skip
    assert (changed.status, changed.data["name"], changed.data["tags"]) == (200, "renamed", ["cellar"])
    late = node.ask("PATCH", "/peers/renamed", {"tags": []}, headers={"If-Match": seen.headers["etag"]})
    assert (late.status, late.headers["etag"]) == (412, changed.headers["etag"])

    for _ in range(2):
        assert node.ask("POST", "/peers/renamed/disconnect").data == {"status": "disconnected"}
    other.stop()
    failed(node, "POST", "/peers/renamed/ping", 504, "PEER_UNREACHABLE")
    failed(node, "GET", "/remote/renamed/stats", 504, "PEER_UNREACHABLE")
    gone = node.ask("GET", "/remote/stats").data[seen.data["id"]]
    assert gone["error"], "a rig that failed is there, with its error"
    assert node.ask("DELETE", "/peers/renamed").data == {"status": "removed"}
    failed(node, "GET", "/peers/renamed", 404, "PEER_NOT_FOUND")
    failed(node, "POST", "/peers", 400, "BAD_INPUT", {})
    failed(node, "POST", "/peers", 504, "PEER_UNREACHABLE", {"address": other.address})


def test_who_waits_is_approved_or_denied(node: Paired, make_node: MakeNode) -> None:
    stranger = make_node("stranger", env=WITHOUT_PROGRAMS)
    id_ = stranger.answer("node", "init", "--name", "stranger", "--role", "worker")["id"]
    stranger.done("peer", "add", "--address", node.desk.address)
    waiting = node.ask("GET", "/peers/pending")
    assert [one["id"] for one in waiting.data] == [id_]
    failed(node, "POST", "/peers/pending/stranger/approve", 400, "BAD_NODE_ID")
    failed(node, "DELETE", f"/peers/pending/{'0' * 16}", 404, "PENDING_NOT_FOUND")
    assert node.ask("POST", f"/peers/pending/{id_}/approve", {"grant": []}).data["id"] == id_
    assert node.ask("GET", "/peers/pending").data == []
    assert node.ask("DELETE", f"/peers/{id_}").status == 200


def test_keys_are_let_in_and_taken_off_the_list(node: Paired, make_node: MakeNode) -> None:
    assert node.ask("GET", "/peers/auth/mode").data == {"mode": "allowlist"}
    assert node.ask("PUT", "/peers/auth/mode", {"mode": "allowlist"}).data == {"mode": "allowlist"}
    failed(node, "PUT", "/peers/auth/mode", 403, "OPEN_MODE_REFUSED", {"mode": "open"})
    keys = node.ask("GET", "/peers/auth/allowlist").data["publicKeys"]
    assert {peer["publicKey"] for peer in node.ask("GET", "/peers").data} <= set(keys)

    guest = make_node("guest", env=WITHOUT_PROGRAMS)
    key = guest.answer("node", "init", "--name", "guest", "--role", "worker")["publicKey"]
    added = node.ask("POST", "/peers/auth/allowlist", {"publicKey": key})
    assert (added.status, added.data) == (201, {"status": "added"})
    assert key in node.ask("GET", "/peers/auth/allowlist").data["publicKeys"]
    assert guest.answer("peer", "add", "--address", node.desk.address)["state"] == "connected"
    assert "guest" in [peer["name"] for peer in node.ask("GET", "/peers").data]
    assert node.ask("GET", "/peers/guest").data["grants"] == ["observe", "control"], "a dual node is a rig too"

    assert node.ask("DELETE", f"/peers/auth/allowlist/{key}").data == {"status": "removed"}
    failed(node, "GET", "/peers/guest", 404, "PEER_NOT_FOUND")
    failed(node, "DELETE", f"/peers/auth/allowlist/{key}", 404, "KEY_NOT_FOUND")
    failed(node, "POST", "/peers/auth/allowlist", 400, "BAD_KEY", {"publicKey": "c2hvcnQ="})


def test_invites(node: Paired) -> None:
    made = node.ask("POST", "/invites", {"uses": 2, "expires": "2h", "for": "rig", "address": "192.168.1.2:9091"})
    assert (made.status, made.data["uses"], made.data["addresses"]) == (201, 2, ["192.168.1.2:9091"])
    assert made.data["token"]
    listed = {one["id"]: one for one in node.ask("GET", "/invites").data}
    assert listed[made.data["id"]]["token"] is None
    assert {row for row in made.data["qr"] if set(row) <= {"0", "1"}} == set(made.data["qr"]) != set()
    one = node.ask("GET", f"/invites/{made.data['id']}").data
    assert (one["used"], one["joined"], one["token"], one["qr"]) == (0, [], None, [])
    read = node.ask("POST", "/invites/inspect", {"token": made.data["token"]})
    assert (read.status, read.data["for"]) == (200, "rig")
    assert node.ask("DELETE", f"/invites/{made.data['id']}").data["status"] == "revoked"
    failed(node, "DELETE", "/invites/nothing", 404, "INVITE_NOT_FOUND")


def test_commands_to_a_rig(node: Paired) -> None:
    started = node.ask("POST", "/remote/rig-alpha/start", {"profileId": "sim"})
    assert (started.status, started.data["status"], started.data["minerName"]) == (200, "started", "simulated-1")
    [miner] = wait_for("rig-alpha to mine", lambda: mining(node, "/remote/rig-alpha/stats"))
    assert set(miner) >= MINER_FIELDS
    stats = node.ask("GET", "/remote/rig-alpha/stats").data
    assert set(stats) >= RIG_FIELDS
    fleet = node.ask("GET", "/remote/stats").data
    assert set(fleet) == {peer["id"] for peer in node.ask("GET", "/peers").data}
    assert fleet[stats["nodeId"]]["nodeName"] == "rig-alpha"

    lines = wait_for("a log", lambda: node.ask("GET", "/remote/rig-alpha/logs/simulated-1?lines=5").data)
    assert 0 < len(lines) <= 5
    assert all(isinstance(line, str) for line in lines)
    failed(node, "GET", "/remote/rig-alpha/logs/simulated-1?lines=10001", 400, "BAD_INPUT")
    failed(node, "GET", "/remote/rig-alpha/logs/none", 404, "MINER_NOT_FOUND")

    for command, status in (("pause", "paused"), ("resume", "resumed"), ("restart", "restarted")):
        acted = node.ask("POST", f"/remote/rig-alpha/{command}", {"minerName": "simulated-1"})
        assert (acted.status, acted.data["status"], acted.data["miners"]) == (200, status, ["simulated-1"])
    deployed = node.ask("POST", "/remote/rig-alpha/deploy", {"profileId": "sim"})
    assert (deployed.status, deployed.data["status"]) == (200, "stored")
    assert node.ask("POST", "/remote/rig-alpha/stop").data["status"] == "stopped", "without a name: all"
    assert node.ask("GET", "/remote/rig-alpha/stats").data["miners"] == []

    for command, order in (("start", {"profileId": "sim"}), ("stop", None), ("restart", None), ("pause", None)):
        failed(node, "POST", f"/remote/nobody/{command}", 404, "PEER_NOT_FOUND", order)
    failed(node, "POST", "/remote/rig-alpha/stop", 404, "MINER_NOT_FOUND", {"minerName": "none"})
    failed(node, "POST", "/remote/rig-alpha/start", 404, "PROFILE_NOT_FOUND", {"profileId": "none"})
    failed(node, "POST", "/remote/rig-alpha/start", 400, "BAD_INPUT", {})


def test_what_a_rig_answers_keeps_its_meaning(node: Paired) -> None:
    """1002 is 403, 1003 is 404, 1004 is 502; 1005 and nobody there are 504 (above)."""
    alpha = node.rigs["rig-alpha"]
    alpha.done("peer", "grant", "desk", "observe")
    wait_for("the session with the new grants", lambda: node.ask("GET", "/remote/rig-alpha/stats").status == 200)
    refused = node.ask("POST", "/remote/rig-alpha/stop")
    assert (refused.status, "grant" in refused.data["suggestion"]) == (403, True)
    alpha.done("peer", "grant", "desk", "observe,control,install")
    wait_for("the session again", lambda: node.ask("POST", "/remote/rig-alpha/stop").status == 200)
    failed(node, "POST", "/remote/rig-alpha/pause", 404, "MINER_NOT_FOUND", {"minerName": "none"})


def test_this_nodes_own_miners(node: Paired) -> None:
    failed(node, "DELETE", "/miners/none", 404, "MINER_NOT_FOUND")
    started = node.ask("POST", "/profiles/sim/start")
    assert (started.status, started.data["status"]) == (200, "started")
    name = started.data["minerName"]
    [miner] = wait_for("it to mine", lambda: mining(node, "/miners"))
    assert miner["name"] == name
    assert all({"name", "description"} <= set(one) for one in node.ask("GET", "/miners/available").data)
    assert node.ask("GET", f"/miners/{name}/stats").data["name"] == name
    points = wait_for("its hashrate", lambda: node.ask("GET", f"/miners/{name}/hashrate-history").data)
    assert {"timestamp", "hashrate"} <= set(points[0])
    coded = wait_for("its log", lambda: node.ask("GET", f"/miners/{name}/logs?lines=1").data)
    plain = node.ask("GET", f"/miners/{name}/logs?lines=10000&format=text").data
    assert b64decode(coded[0]).decode() in plain
    failed(node, "POST", f"/miners/{name}/stdin", 403, "ONLY_LOCAL", {"input": "h"})
    assert node.desk.api.post(f"/miners/{name}/stdin", {"input": "h"}).data == {"status": "sent"}
    for path in ("stats", "logs", "hashrate-history"):
        failed(node, "GET", f"/miners/none/{path}", 404, "MINER_NOT_FOUND")
    with pytest.raises(NotFound, match="none"):
        node.desk.api.post("/miners/none/stdin", {"input": "h"})
    assert node.ask("DELETE", f"/miners/{name}").data == {"status": "stopped"}
    assert node.ask("GET", "/miners").data == []
    assert node.ask("GET", f"/miners/{name}/logs").status == 200, "a stopped miner keeps its log"
    failed(node, "POST", "/miners/none/install", 404, "UNKNOWN_MINER_TYPE", {"system": True})
    failed(node, "DELETE", "/miners/none/uninstall", 404, "UNKNOWN_MINER_TYPE")


def test_history_of_the_rigs(node: Paired) -> None:
    started = node.ask("POST", "/remote/rig-alpha/start", {"profileId": "sim"})
    assert started.status == 200, started.text
    name = started.data["minerName"]
    bands = node.ask("GET", "/history/bands?peers=rig-alpha,nobody").data
    assert (bands["points"], len(bands["bands"][0]["states"]), bands["unknown"]) == (96, 96, ["nobody"])
    kept = node.ask("GET", "/history/settings").data
    longer = {**kept, "eventsDays": 800.0}
    assert node.ask("PUT", "/history/settings", longer).data == longer
    failed(node, "PUT", "/history/settings", 400, "BAD_INPUT", {**kept, "samplesHours": 0})
    status = node.ask("GET", "/history/status").data
    assert status["retention"] == longer
    assert (status["enabled"], status["retentionDays"], status["problem"]) == (True, 730, "")
    listed = wait_for("the rig in the history", lambda: node.ask("GET", "/history/miners?peer=rig-alpha").data)
    assert {miner["peerName"] for miner in listed} == {"rig-alpha"}
    fields = {"minerName", "totalPoints", "averageRate", "maxRate", "minRate"}
    of_alpha = f"/history/miners/{name}?peer=rig-alpha"
    wait_for("its hashrate", lambda: (node.ask("GET", of_alpha).data.get("averageRate") or 0) > 0)
    assert set(node.ask("GET", of_alpha).data) >= fields
    for path in (f"/history/miners/{name}/hashrate?peer=rig-alpha&", "/history/peers/rig-alpha/hashrate?"):
        points = node.ask("GET", f"{path}since=10m&points=50").data
        assert 0 < len(points) <= 50
        assert {"timestamp", "hashrate"} <= set(points[0])
        assert any(point["hashrate"] for point in points)
    events = node.ask("GET", "/history/events?peer=rig-alpha&kind=started&limit=1").data
    assert [(event["kind"], event["peerName"]) for event in events] == [("started", "rig-alpha")]
    assert node.ask("GET", "/history/export?what=samples&format=csv").text.startswith(b"time,peer,")
    failed(node, "GET", "/history/miners/none", 404, "MINER_NOT_FOUND")
    failed(node, "GET", "/history/peers/nobody/hashrate", 404, "PEER_NOT_FOUND")
    failed(node, "GET", "/history/peers/rig-alpha/hashrate?since=soon", 400, "BAD_TIME")
    assert node.ask("POST", "/remote/rig-alpha/stop").status == 200


def test_metrics_in_short(node: Paired) -> None:
    assert sum(node.ask("GET", "/metrics").data["rigs"].values()) == 2


def test_profiles(node: Paired) -> None:
    body = {"name": "mine", "minerType": "simulated", "config": {"pool": "a.example:1", "wallet": "w"}}
    made = node.ask("POST", "/profiles", body)
    assert made.status == 201
    assert {"id", "name", "minerType", "config"} <= set(made.data)
    id_ = made.data["id"]
    assert node.ask("GET", f"/profiles/{id_}").data == node.ask("GET", "/profiles/mine").data == made.data
    assert {one["name"] for one in node.ask("GET", "/profiles").data} == {"mine", "sim"}
    tag = node.ask("GET", "/profiles/mine").headers["etag"]
    put = {**body, "config": {"pool": "b.example:2", "wallet": "w"}}
    changed = node.ask("PUT", f"/profiles/{id_}", put, headers={"If-Match": tag})
    assert (changed.status, changed.data["config"]["pool"]) == (200, "b.example:2")
    assert node.ask("PUT", f"/profiles/{id_}", body, headers={"If-Match": tag}).status == 412
    failed(node, "POST", "/profiles", 409, "PROFILE_EXISTS", body)
    assert node.ask("DELETE", f"/profiles/{id_}").data == {"status": "deleted"}
    for method, more, order in (("GET", "", None), ("PUT", "", body), ("DELETE", "", None), ("POST", "/start", None)):
        failed(node, method, f"/profiles/{id_}{more}", 404, "PROFILE_NOT_FOUND", order)


def test_many_rigs_at_once(node: Paired) -> None:
    asked = node.ask("POST", "/remote/start", {"filter": {"q": "rig-"}, "profileId": "sim"})
    assert (asked.status, asked.data["total"]) == (202, 2)
    job = wait_for("the job", lambda: _ended(node, asked.data["id"]))
    assert (job["state"], job["counts"]["done"]) == ("done", 2)
    peers = node.ask("GET", f"/jobs/{job['id']}/peers?sort=name")
    assert [peer["name"] for peer in peers.data] == list(RIGS)
    assert all(peer["answer"]["minerName"].startswith("simulated-") for peer in peers.data)
    stopped = node.ask("POST", "/remote/stop", {"peers": ["rig-alpha", "rig-beta"]})
    assert wait_for("the job", lambda: _ended(node, stopped.data["id"]))["counts"]["done"] == 2
    assert [one["id"] for one in node.ask("GET", "/jobs?limit=2").data] == [stopped.data["id"], job["id"]]


def test_a_profile_is_checked_shown_and_assigned_as_it_was_planned(node: Paired) -> None:
    config = {"pool": "a.example:1", "wallet": "w", "seed": 7}
    body = {"name": "planned", "minerType": "simulated", "config": config}
    checked = node.ask("POST", "/profiles/check", body).data
    assert (checked["ok"], node.ask("POST", "/profiles/check", {}).data["ok"]) == (True, False)
    assert node.ask("POST", "/profiles", body).data["hash"] == checked["hash"]
    order = {"minerType": "simulated", "config": config}
    shown = node.ask("POST", "/profiles/preview", order).data["parts"][0]["files"][0]
    assert (shown["name"], "a.example:1" in shown["text"]) == ("config.json", True)
    assert len(node.ask("GET", "/profiles/pools").data) >= 15

    rigs = {"filter": {"q": "rig-"}}
    wait_for("the rigs to tell that nothing runs", lambda: _planned(node, rigs) == {"start"})
    _carry_out(node, rigs)
    wait_for("the rigs to tell", lambda: _planned(node, rigs) == {"none"})
    uses = node.ask("GET", "/profiles/planned/uses?sort=rigName").data
    assert [(use["rigName"], use["version"]) for use in uses] == [(name, "same") for name in RIGS]

    put = {**body, "config": {**config, "pool": "b.example:2"}}
    assert node.ask("PUT", "/profiles/planned", put).status == 200
    assert {use["version"] for use in node.ask("GET", "/profiles/planned/uses").data} == {"older"}
    plan = node.ask("POST", "/profiles/planned/plan", rigs).data
    assert {rig["change"] for rig in plan["rigs"]} == {"restart"}
    assert [rig["changes"] for rig in plan["rigs"]] == [
        [{"field": "pool", "before": "a.example:1", "after": "b.example:2"}]
    ] * 2
    _carry_out(node, rigs)
    wait_for("the rigs to tell again", lambda: _planned(node, rigs) == {"none"})
    miners = node.ask("GET", "/remote/rig-alpha/stats").data["miners"]
    assert [miner["profileName"] for miner in miners] == ["planned"], "in the place of the one that ran"

    plan = node.ask("POST", "/profiles/sim/plan", rigs).data
    assert {(rig["change"], rig["replace"]) for rig in plan["rigs"]} == {("replace", "*")}
    stopped = node.ask("POST", "/remote/stop", rigs)
    assert wait_for("the job", lambda: _ended(node, stopped.data["id"]))["counts"]["done"] == 2
    assert node.ask("DELETE", "/profiles/planned").status == 200


def _planned(node: Paired, rigs: object) -> set[str]:
    return {rig["change"] for rig in node.ask("POST", "/profiles/planned/plan", rigs).data["rigs"]}


def _carry_out(node: Paired, rigs: object) -> None:
    """Send the orders of a plan as they are."""
    for order in node.ask("POST", "/profiles/planned/plan", rigs).data["orders"]:
        begun = node.ask("POST", "/remote/start", order)
        assert begun.status == 202, begun.text
        job = wait_for("the job", lambda: _ended(node, begun.data["id"]))  # noqa: B023 - waited for at once
        assert job["counts"]["done"] == len(order["peers"]), job


def _ended(node: Paired, job: str) -> Any:
    seen = node.ask("GET", f"/jobs/{job}").data
    return seen if seen["state"] != "running" else None


def test_a_repeat_is_carried_out_once_also_by_a_controller_that_was_restarted(node: Paired) -> None:
    key = {"Idempotency-Key": "once-and-only-once"}
    order = {"profileId": "sim"}
    first = node.ask("POST", "/remote/rig-beta/start", order, headers=key)
    assert first.status == 200, first.text
    again = node.ask("POST", "/remote/rig-beta/start", order, headers=key)
    assert (again.text, again.headers["idempotency-replayed"]) == (first.text, "true")
    node.desk.kill()
    node.desk.serve()
    for name in RIGS:
        node.desk.wait_until_connected(name)
    told = node.ask("POST", "/remote/rig-beta/start", order, headers=key)
    assert (told.status, told.data) == (200, first.data), "the rig answers from its journal"
    assert "idempotency-replayed" not in told.headers
    assert len(node.ask("GET", "/remote/rig-beta/stats").data["miners"]) == 1
    other = node.ask("POST", "/remote/rig-beta/start", order, headers={"Idempotency-Key": "another"})
    assert (other.status, other.data["code"]) == (409, "ALREADY_RUNNING"), "a command of its own"
    assert node.ask("POST", "/remote/rig-beta/stop").status == 200


def test_what_is_no_route_and_no_method(node: Paired) -> None:
    failed(node, "GET", "/nowhere", 404, "ROUTE_NOT_FOUND")
    failed(node, "PUT", "/peers", 405, "METHOD_NOT_ALLOWED", {})
    assert node.ask("GET", "/openapi.json").data["openapi"] == "3.1.0"


CONTRACT = """
GET /health|GET /ready|GET /info|POST /doctor|POST /update|GET /node/info|POST /node/init|GET /peers|POST /peers
GET /peers/{peer}|PATCH /peers/{peer}|DELETE /peers/{peer}|POST /peers/{peer}/ping|POST /peers/{peer}/connect
POST /peers/{peer}/disconnect|GET /peers/auth/mode|PUT /peers/auth/mode|GET /peers/auth/allowlist
POST /peers/auth/allowlist|DELETE /peers/auth/allowlist/{key:path}|GET /peers/pending
POST /peers/pending/{id}/approve|DELETE /peers/pending/{id}|POST /invites|GET /invites|DELETE /invites/{id}
GET /remote/stats|GET /remote/{peer}/stats|POST /remote/{peer}/start|POST /remote/{peer}/stop
POST /remote/{peer}/restart|POST /remote/{peer}/pause|POST /remote/{peer}/resume|POST /remote/{peer}/deploy
GET /remote/{peer}/logs/{miner}|GET /miners|GET /miners/available|POST /miners/{miner_type}/install
DELETE /miners/{miner_type}/uninstall|DELETE /miners/{miner}|GET /miners/{miner}/stats
GET /miners/{miner}/hashrate-history|GET /miners/{miner}/logs|POST /miners/{miner}/stdin|GET /profiles|POST /profiles
GET /profiles/{profile}|PUT /profiles/{profile}|DELETE /profiles/{profile}|POST /profiles/{profile}/start
GET /history/status|GET /history/miners|GET /history/miners/{name}|GET /history/miners/{name}/hashrate
GET /history/peers/{peer}/hashrate|GET /metrics
"""
"""The contract's routes; the live socket is no route, and tried in ``test_live.py``."""


def test_every_route_of_the_contract_is_there() -> None:
    wanted = {tuple(route.split(" ")) for line in CONTRACT.split("\n") for route in line.split("|") if route}
    assert wanted - {(route.method, route.path) for route in ROUTES} == set()
