"""A pool of a kind: takes every login, gives one RandomX job, and says the same to every share."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WHOLE_TARGET = 2**32 - 1


@contextmanager
def rejecting_pool(difficulty: int) -> Iterator[str]:
    """Run a pool that rejects every share; yields ``HOST:PORT``."""
    job = {
        "blob": "1010" + "00" * 37 + "00000000" + "11" * 33,
        "job_id": "1",
        "target": (WHOLE_TARGET // difficulty).to_bytes(4, "little").hex(),
        "algo": "rx/0",
        "height": 1,
        "seed_hash": "00" * 32,
        "id": "1",
    }

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                asked = json.loads(line)
                answer: dict[str, Any] = {"id": asked["id"], "jsonrpc": "2.0", "error": None}
                match asked["method"]:
                    case "login":
                        answer["result"] = {"id": "1", "job": job, "extensions": ["algo"], "status": "OK"}
                    case "submit":
                        answer["error"] = {"code": -1, "message": "Low difficulty share"}
                    case _:
                        answer["result"] = {"status": "KEEPALIVED"}
                self.wfile.write(json.dumps(answer).encode() + b"\n")

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
