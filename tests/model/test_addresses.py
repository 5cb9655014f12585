from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner_ctrl.errors import BadInput
from miner_ctrl.model.addresses import Address, parse_address, parse_loopback_url

PIN = "ab" * 32


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.168.1.100:9091", Address("192.168.1.100", 9091)),
        ("192.168.1.100", Address("192.168.1.100", 9091)),
        ("  rig-alpha.lan:1 ", Address("rig-alpha.lan", 1)),
        ("Rig_1.Example.:65535", Address("rig_1.example.", 65535)),
        ("[2001:DB8:0::1]:9091", Address("2001:db8::1", 9091)),
        ("2001:db8::1", Address("2001:db8::1", 9091)),
        ("[fe80::1%eth0]:80", Address("fe80::1%eth0", 80)),
        ("ws://host:80/ws", Address("host", 80)),
        ("wss://host", Address("host", 9091, tls=True)),
        (f"wss://[::1]:443#SHA256:{PIN.upper()}", Address("::1", 443, tls=True, tls_pin=PIN)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":9091",
        "9091",
        "300.1.1.1:80",
        "1.2.3:80",
        "host:0",
        "host:65536",
        "host:٣",
        "[::1]:٣",
        "host:",
        "host:80:81",
        "-host:80",
        "ho st:80",
        "host:80/path",
        "user@host:80",
        "http://host:80",
        "[::1",
        "[host]:80",
        "[]:80",
        "::1%:80",
        "fe80::1%eth0;reboot",
        "fe80::1%\n",
        "1.2.3.4%eth0:80",
        f"host:80#sha256:{PIN}",
        "wss://host:80#sha256:abc",
        "wss://host:80#md5:abc",
        "h" * 254,
        "--help",
        "host\x00:80",
        "ho\x1b[31mst:80",
        "ho\u017ft:80",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadInput, match="is not an address") as caught:
        parse_address(text)
    assert "\x1b" not in caught.value.message


def test_the_default_port_can_be_none_at_all() -> None:
    with pytest.raises(BadInput):
        parse_address("host", default_port=0)


@given(st.text(max_size=80) | st.from_regex(r"(wss://)?\[?[0-9a-f:.%]{0,20}\]?(:[0-9]{0,6})?", fullmatch=True))
def test_only_bad_input_comes_out_and_what_is_read_is_stable(text: str) -> None:
    try:
        address = parse_address(text)
    except BadInput:
        return
    assert parse_address(str(address)) == address
    assert str(address).isascii()
    assert str(address).isprintable()


@pytest.mark.parametrize("text", ["http://127.0.0.1:18088", "http://127.0.0.1:18088/", "HTTP://LocalHost:18088"])
def test_the_api_of_a_miner_on_this_machine(text: str) -> None:
    assert parse_loopback_url(text) == 18088


@pytest.mark.parametrize(
    "text",
    [
        "", "18088", "127.0.0.1:18088", "https://127.0.0.1:1", "ftp://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:",
        "http://127.0.0.1:0", "http://127.0.0.1:65536", "http://127.0.0.1:+80", "http://10.0.0.1:80", "http://[::1]:80",
        "http://0.0.0.0:80", "http://127.0.0.1.evil.example:80", "http://127.0.0.1@evil.example:80",
        "http://user:pw@127.0.0.1:80", "http://127.0.0.1:80/2/summary", "http://127.0.0.1:80//evil", "http://127.0.0.1:80?x",
        "http://127.0.0.1:80#x", "http://127.0.0.1:80\r\nHost: evil", "http://2130706433:80", "http://127.1:80",
        "http://localhost.:80", "http://127.0.0.1:\u0668\u0660",
    ],
)  # fmt: skip
def test_only_this_machine_is_asked(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_loopback_url(text)
    assert caught.value.code == "BAD_MINER_URL"
    assert "http://127.0.0.1:PORT" in caught.value.suggestion
    assert "\n" not in caught.value.message
