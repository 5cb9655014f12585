"""What this machine says of itself can be shown, dialled and used as a name."""

from __future__ import annotations

import ipaddress
import platform
import socket
import sys

import psutil
import pytest

from miner_ctrl.model.nodes import check_name
from miner_ctrl.telemetry.machine import host_name, own_addresses, read_machine


def test_the_machine_has_cores_memory_and_a_name_for_its_system() -> None:
    machine = read_machine()
    assert machine.cpu_cores >= 1
    assert machine.ram_bytes > 64 * 2**20
    assert machine.os
    assert machine.architecture


def test_own_addresses_can_be_dialled_by_others_or_are_loopback_alone() -> None:
    found = [ipaddress.ip_address(text) for text in own_addresses()]
    assert found
    assert not any(address.is_link_local for address in found)
    assert len(found) == 1 or not any(address.is_loopback for address in found)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere psutil is what is asked")
def test_own_addresses_are_those_that_psutil_finds() -> None:
    states = psutil.net_if_stats()
    expected = {
        entry.address
        for name, entries in psutil.net_if_addrs().items()
        for entry in entries
        if states[name].isup and entry.family in (socket.AF_INET, socket.AF_INET6) and "%" not in entry.address
        if not ipaddress.ip_address(entry.address).is_loopback
    }
    assert set(own_addresses()) == (expected or {"127.0.0.1"})


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("rig-alpha.lan", "rig-alpha"),
        ("Rig 7 (küche)", "Rig-7-k-che"),
        ("", "node"),
        ("-", "node"),
        ("x" * 90, "x" * 63),
    ],
)
def test_any_host_name_makes_a_node_name(monkeypatch: pytest.MonkeyPatch, host: str, name: str) -> None:
    monkeypatch.setattr(platform, "node", lambda: host)
    assert host_name() == name
    assert check_name(host_name())
