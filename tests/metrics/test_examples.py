"""The example files: what they ask for is there, Prometheus takes them, and the alerts go off when they should."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from miner_ctrl.metrics.families import BY_NAME, Kind
from tests.components.prometheus import Programs
from tests.house.tree import ROOT

DASHBOARD = ROOT / "examples" / "grafana" / "miner-ctrl.json"
ALERTS = ROOT / "examples" / "prometheus" / "alerts.yml"
CONFIG = ROOT / "examples" / "prometheus" / "prometheus.yml"
_METRIC = re.compile(r"\b((?:miner_ctrl|process)_\w+)")
_SELECTOR = re.compile(r"\b((?:miner_ctrl|process)_\w+)\{([^}]*)\}")
_OF_PROMETHEUS = {"instance", "job", "le"}


def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text("utf-8"))


def queries() -> Iterator[tuple[str, str]]:
    """Yield panel title and query of the dashboard, and name and expression of each alert."""
    for panel in dashboard()["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))
    yield from ((rule["alert"], rule["expr"]) for rule in alert_rules())


def alert_rules() -> list[Any]:
    groups = yaml.safe_load(ALERTS.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def family_of(name: str) -> str:
    return name if name in BY_NAME else re.sub(r"_(bucket|sum|count)$", "", name)


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_every_metric_and_label_that_is_asked_for_exists(where: str, query: str) -> None:
    names = _METRIC.findall(query)
    assert names or query.startswith("up"), where
    for name in names:
        family = BY_NAME[family_of(name)]
        assert (family.kind is Kind.HISTOGRAM) == (family.name != name), f"{where}: {name}"
    for name, selector in _SELECTOR.findall(query):
        labels = set(re.findall(r"(\w+)\s*[=!]~?", selector))
        assert labels <= {*BY_NAME[family_of(name)].labels, *_OF_PROMETHEUS}, where
    grouped = {label for by in re.findall(r"\b(?:by|on) \(([^)]*)\)", query) for label in re.split(r",\s*", by)}
    assert grouped <= {label for name in names for label in BY_NAME[family_of(name)].labels} | _OF_PROMETHEUS, where


def test_every_variable_asks_for_a_label_that_exists() -> None:
    variables = {one["name"]: one for one in dashboard()["templating"]["list"]}
    assert set(variables) == {"datasource", "instance", "peer"}
    assert variables["datasource"]["type"] == "datasource"
    for name in ("instance", "peer"):
        found = re.fullmatch(r"label_values\((\w+)(?:\{[^}]*\})?, (\w+)\)", variables[name]["query"]["query"])
        assert found is not None
        assert found[2] in {*BY_NAME[found[1]].labels, "instance"}


def test_the_dashboard_is_laid_out() -> None:
    board = dashboard()
    assert board["schemaVersion"] >= 39
    assert "id" not in board, "Grafana gives it one"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        used = [panel, *panel.get("targets", ())] if panel["type"] != "row" else []
        assert all(one["datasource"] == {"type": "prometheus", "uid": "${datasource}"} for one in used)


def test_everything_that_matters_is_shown() -> None:
    shown = {family_of(name) for _, query in queries() for name in _METRIC.findall(query)}
    left_out = {"miner_ctrl_info", "process_virtual_memory_bytes", "process_start_time_seconds"}
    assert set(BY_NAME) - shown == left_out


def test_every_alert_says_what_it_is_about() -> None:
    for rule in alert_rules():
        assert rule["alert"].startswith("MinerCtrl")
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].endswith(".")


def promtool(programs: Programs, *words: str, stdin: str = "", cwd: Path | None = None) -> str:
    done = subprocess.run(
        [programs.promtool, *words], input=stdin, capture_output=True, text=True, cwd=cwd, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_rules_and_configuration(prometheus_programs: Programs, tmp_path: Path) -> None:
    assert f"SUCCESS: {len(alert_rules())} rules found" in promtool(prometheus_programs, "check", "rules", str(ALERTS))
    for file in (ALERTS, CONFIG):
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    (tmp_path / "miner-ctrl.token").write_text("mct_not-a-real-one\n")
    assert "SUCCESS" in promtool(prometheus_programs, "check", "config", "prometheus.yml", cwd=tmp_path)


def test_prometheus_takes_every_query_of_the_dashboard(prometheus_programs: Programs, tmp_path: Path) -> None:
    rules = []
    for number, (_, query) in enumerate(queries()):
        filled = query.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$peer", ".*")
        assert "$" not in filled
        rules.append({"record": f"panel:{number}", "expr": filled})
    file = tmp_path / "panels.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool(prometheus_programs, "check", "rules", str(file))


_RIG = 'peer="rig-alpha", id="a1b2c3d4e5f60718", instance="c:9090", job="miner-ctrl"'
_OTHER = 'peer="rig-beta", id="0011223344556677", instance="c:9090", job="miner-ctrl"'
_NODE = 'instance="c:9090", job="miner-ctrl"'
# alert: the minutes when it is asked for; the series with it and without; the labels of what goes off
_GOES_OFF: dict[str, tuple[int, list[tuple[str, str]], str]] = {
    "MinerCtrlRigDown": (
        10,
        [(f"miner_ctrl_rig_up{{{_RIG}}}", "1 1 0x20"), (f"miner_ctrl_rig_up{{{_OTHER}}}", "1x20")],
        _RIG,
    ),
    "MinerCtrlHashrateDropped": (
        1500,
        [
            (f'miner_ctrl_rig_hashrate_hps{{{_RIG}, algorithm="rx/0"}}', "1000x1470 600x60"),
            (f'miner_ctrl_rig_hashrate_hps{{{_OTHER}, algorithm="rx/0"}}', "1000x1470 800x60"),
        ],
        f'{_RIG}, algorithm="rx/0"',
    ),
    "MinerCtrlMinerDown": (
        10,
        [
            (f'miner_ctrl_rig_miners{{{_RIG}, state="crashed"}}', "1x20"),
            (f'miner_ctrl_rig_miners{{{_RIG}, state="mining"}}', "1x20"),
            (f'miner_ctrl_rig_miners{{{_OTHER}, state="mining"}}', "2x20"),
        ],
        _RIG,
    ),
    "MinerCtrlSharesRejected": (
        90,
        [
            (f"miner_ctrl_rig_shares_accepted_total{{{_RIG}}}", "0+10x100"),
            (f"miner_ctrl_rig_shares_rejected_total{{{_RIG}}}", "0+1x100"),
            (f"miner_ctrl_rig_shares_accepted_total{{{_OTHER}}}", "0+100x100"),
            (f"miner_ctrl_rig_shares_rejected_total{{{_OTHER}}}", "0+1x100"),
        ],
        _RIG,
    ),
    "MinerCtrlRigHot": (
        10,
        [(f"miner_ctrl_rig_temperature_celsius{{{_RIG}}}", "86x20"),
         (f"miner_ctrl_rig_temperature_celsius{{{_OTHER}}}", "85x20")],
        _RIG,
    ),
    "MinerCtrlRigProblem": (
        20,
        [(f"miner_ctrl_rig_problems{{{_RIG}}}", "1x30"), (f"miner_ctrl_rig_problems{{{_OTHER}}}", "0x30")],
        _RIG,
    ),
    "MinerCtrlRigDiskLow": (
        20,
        [(f"miner_ctrl_rig_disk_free_bytes{{{_RIG}}}", "9e8x30"),
         (f"miner_ctrl_rig_disk_free_bytes{{{_OTHER}}}", "2e9x30")],
        _RIG,
    ),
    "MinerCtrlNodeDown": (
        10,
        [(f"up{{{_NODE}}}", "1 0x20"), ('up{instance="d:9090", job="miner-ctrl"}', "1x20")],
        _NODE,
    ),
    "MinerCtrlDiskLow": (20, [(f"miner_ctrl_disk_free_bytes{{{_NODE}}}", "1e9x30")], _NODE),
    "MinerCtrlHistoryNotWritten": (10, [(f"miner_ctrl_history_writable{{{_NODE}}}", "1 0x20")], _NODE),
    "MinerCtrlHistoryBehind": (20, [(f"miner_ctrl_history_waiting_parts{{{_NODE}}}", "0 60000x30")], _NODE),
    "MinerCtrlAuditLost": (10, [(f"miner_ctrl_audit_lost_total{{{_NODE}}}", "0x5 1x20")], _NODE),
    "MinerCtrlCredentialsTried": (
        20,
        [
            (f'miner_ctrl_http_refused_total{{{_NODE}, reason="unauthorized"}}', "0+10x30"),
            (f'miner_ctrl_http_refused_total{{{_NODE}, reason="too_large"}}', "0+100x30"),
        ],
        f'{_NODE}, reason="unauthorized"',
    ),
    "MinerCtrlLoopLate": (
        30,
        [
            (f'miner_ctrl_loop_lag_seconds_bucket{{{_NODE}, le="0.5"}}', "0+50x40"),
            (f'miner_ctrl_loop_lag_seconds_bucket{{{_NODE}, le="2.5"}}', "0+60x40"),
            (f'miner_ctrl_loop_lag_seconds_bucket{{{_NODE}, le="+Inf"}}', "0+60x40"),
        ],
        _NODE,
    ),
    "MinerCtrlMetricsMissing": (10, [(f"miner_ctrl_metrics_failures_total{{{_NODE}}}", "0x5 2x20")], _NODE),
}  # fmt: skip


def test_every_alert_goes_off_for_what_it_is_about_and_for_nothing_else(
    prometheus_programs: Programs, tmp_path: Path
) -> None:
    rules = {rule["alert"]: rule for rule in alert_rules()}
    assert set(_GOES_OFF) == set(rules)
    tests = []
    for alert, (minutes, series, labels) in _GOES_OFF.items():
        expected = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        expr = f'count by (alertname, {", ".join(expected)}) (ALERTS{{alertname="{alert}", alertstate="firing"}})'
        wanted = ", ".join(f'{name}="{value}"' for name, value in {"alertname": alert, **expected}.items())
        tests.append(
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series],
                "promql_expr_test": [
                    {"expr": expr, "eval_time": "1m", "exp_samples": []},
                    {
                        "expr": expr,
                        "eval_time": f"{minutes}m",
                        "exp_samples": [{"labels": f"{{{wanted}}}", "value": 1}],
                    },
                ],
            }
        )
    file = tmp_path / "tests.yml"
    file.write_text(json.dumps({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests}))
    assert "SUCCESS" in promtool(prometheus_programs, "test", "rules", str(file))
