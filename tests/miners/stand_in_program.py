"""A stand-in for a miner that cannot be run here: a real process with that miner's local API, log and ends.

``stand_in_program.py SPEC ARGUMENTS…``: SPEC is a JSON file; ARGUMENTS are what an adapter gives the miner. It mines
nothing. The API is found where the arguments (or the configuration file they name) put it, and nowhere else.
"""

from __future__ import annotations

import json
import re
import select
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any


def port_in(spec: dict[str, Any], arguments: list[str]) -> int:
    """Return the port of the local API, which the arguments must bind to loopback unless the miner cannot."""
    said = " ".join(arguments)
    for path in re.findall(r"\S+/config\.json", said):
        said += " " + Path(path).read_text()
    match = re.search(spec["port"], said)
    if match is None:
        raise SystemExit(f"no local API in: {said}")
    return int(match[1])


def answer_to(spec: dict[str, Any], request: bytes, age_s: float) -> bytes | None:
    """Return the answer to a request; ``None`` while it is not whole."""
    stage = "mining" if age_s >= spec["mines_after_s"] else "starting"
    if spec["kind"] == "http":
        if b"\r\n\r\n" not in request:
            return None
        asked = request.split(b" ")[:2] == [b"GET", spec["path"].encode()]
        body = spec[stage].encode() if asked else b"{}"
        status = "200 OK" if asked else "404 Not Found"
        if spec.get("chunked"):
            half = len(body) // 2
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:], b""))
            return f"HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    if spec["kind"] == "json":
        if not request.endswith(b"\n"):
            return None
        wanted = json.loads(request) == spec["question"]
        answer: str = spec[stage]
        return (answer if wanted else '{"error":{"code":-32601},"id":0,"jsonrpc":"2.0"}\n').encode()
    answers: dict[str, str] = spec[stage]
    return answers.get(request.decode().strip("\r\n|"), "").encode()


def serve(spec: dict[str, Any], listener: socket.socket | None, started: float) -> None:
    """Answer whoever asks, and write the log, until a signal comes."""
    said = 0
    while True:
        ready, _, _ = select.select([listener] if listener else [], [], [], 0.1)
        age_s = time.monotonic() - started
        due = spec["log"] if age_s >= spec["mines_after_s"] else spec["log"][: spec["log_at_start"]]
        for line in due[said:]:
            print(line, flush=True)
        said = max(said, len(due))
        if ready and listener:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(2)
                request = b""
                try:
                    while (reply := answer_to(spec, request, age_s) if request else None) is None:
                        part = connection.recv(4096)
                        if not part:
                            break
                        request += part
                    if reply:
                        connection.sendall(reply)
                except OSError:
                    continue


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    arguments = sys.argv[2:]
    if arguments == spec["version_arguments"]:
        print(spec["version_says"])
        raise SystemExit(spec.get("version_status", 0))
    Path(spec["seen"]).write_text(json.dumps(arguments))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    listener = socket.create_server(("127.0.0.1", port_in(spec, arguments))) if spec["kind"] != "log" else None
    serve(spec, listener, time.monotonic())


if __name__ == "__main__":
    main()
