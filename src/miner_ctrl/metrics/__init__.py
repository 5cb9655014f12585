"""What a node counts of itself and of its fleet, as Prometheus reads it. No sockets, no disk: other rooms are read
through functions, and who answers with it is in ``api``."""

from miner_ctrl.metrics.exposition import Exposition
from miner_ctrl.metrics.requests import RequestCounts
from miner_ctrl.metrics.scrape import Metrics, Source, Values

__all__ = ["Exposition", "Metrics", "RequestCounts", "Source", "Values"]
