"""``/metrics``: the page that Prometheus reads, beside the base path, and the same in short under it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from miner_ctrl.api.counting import note_route
from miner_ctrl.api.errors import method_not_allowed, no_identity, not_allowed
from miner_ctrl.api.faces import Faces, MetricsFace
from miner_ctrl.api.requests import decode_query, header
from miner_ctrl.api.resource import Resource
from miner_ctrl.api.routes import Nothing, caller_of
from miner_ctrl.metrics.exposition import accepted
from miner_ctrl.model.callers import AccessRole
from miner_ctrl.model.views import MetricsView

METRICS = Resource("metrics")
PATH = "/metrics"
_METHODS = ("GET", "HEAD")


@METRICS.get("/metrics")
async def metrics(metrics: MetricsFace) -> MetricsView:
    """Return the fleet and this node in numbers; `/metrics` beside the base path has them as Prometheus reads them."""
    return await metrics.summary()


class Scrape:
    """``GET /metrics``. It takes the role viewer, as every route that only shows."""

    def __init__(self, faces: Callable[[], Faces]) -> None:
        self._faces = faces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        note_route(scope, PATH)
        if scope["method"] not in _METHODS:
            raise method_not_allowed(scope["method"], list(_METHODS))
        role = caller_of(scope).role
        if not role.includes(AccessRole.VIEWER):
            raise not_allowed(role, AccessRole.VIEWER)
        decode_query(scope, Nothing)
        form = accepted(header(scope, b"accept").decode("latin-1"))
        face = self._faces().metrics
        if face is None:
            raise no_identity()
        parts = await face.exposition(form)
        headers = [
            (b"content-type", form.value.encode()),
            (b"content-length", str(sum(map(len, parts))).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"vary", b"accept"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts if scope["method"] == "GET" else ():
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
