"""Two hosts on one machine: network namespaces joined by a veth pair."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys

from tests.components.packages import CannotHave


def check() -> None:
    """See whether namespaces can be made here.

    Raises:
        CannotHave: they cannot; needs Linux, root and iproute2.
    """
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        raise CannotHave("network namespaces need root on Linux")
    if not shutil.which("ip"):
        try:
            subprocess.run(["apt-get", "-q", "-y", "install", "iproute2"], capture_output=True, check=True, timeout=300)
        except (OSError, subprocess.SubprocessError):
            raise CannotHave("network namespaces need the ip command (package iproute2)") from None
    name = f"mc-probe-{secrets.token_hex(3)}"
    probe = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        raise CannotHave(f"this machine makes no network namespaces: {probe.stderr.strip()[:200]}")
    subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


class TwoHosts:
    """Namespaces ``left`` and ``right``, addresses 10.77.0.1 and 10.77.0.2, no route anywhere else."""

    LEFT_ADDRESS = "10.77.0.1"
    RIGHT_ADDRESS = "10.77.0.2"

    def __init__(self) -> None:
        mark = secrets.token_hex(3)
        self.left = f"mc-left-{mark}"
        self.right = f"mc-right-{mark}"
        self._left_link = f"mcl{mark}"
        self._right_link = f"mcr{mark}"

    def make(self) -> None:
        """Create both namespaces and the link between them."""
        for name in (self.left, self.right):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip(
            "link",
            "add",
            self._left_link,
            "netns",
            self.left,
            "type",
            "veth",
            "peer",
            self._right_link,
            "netns",
            self.right,
        )
        _ip("-n", self.left, "address", "add", f"{self.LEFT_ADDRESS}/24", "dev", self._left_link)
        _ip("-n", self.right, "address", "add", f"{self.RIGHT_ADDRESS}/24", "dev", self._right_link)
        self.link(up=True)

    def remove(self) -> None:
        """Delete both; their processes must have ended."""
        for name in (self.left, self.right):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def link(self, *, up: bool) -> None:
        """Take the link between the hosts up or down."""
        _ip("-n", self.left, "link", "set", self._left_link, "up" if up else "down")
        _ip("-n", self.right, "link", "set", self._right_link, "up" if up else "down")

    def move_left(self, address: str) -> None:
        """Give the left host another address (``A.B.C.D``) in place of its old one."""
        _ip("-n", self.left, "address", "flush", "dev", self._left_link)
        _ip("-n", self.left, "address", "add", f"{address}/24", "dev", self._left_link)

    def only_outgoing(self) -> None:
        """Let the right host open connections but accept none, as behind a home router."""
        rules = """
        table inet only_outgoing {
            chain input {
                type filter hook input priority 0; policy drop;
                iifname "lo" accept
                ct state established,related accept
            }
        }
        """
        if not shutil.which("nft"):
            subprocess.run(["apt-get", "-q", "-y", "install", "nftables"], capture_output=True, check=True, timeout=300)
        subprocess.run(
            [*self.inside(self.right), "nft", "-f", "-"], input=rules, text=True, check=True, capture_output=True
        )

    @staticmethod
    def inside(name: str) -> tuple[str, ...]:
        """Return the command prefix that runs a program in a namespace."""
        return ("ip", "netns", "exec", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)
