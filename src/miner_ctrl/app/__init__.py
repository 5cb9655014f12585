"""The whole node, built and wired: the only room that knows every other. ``run`` gives it a process."""

from miner_ctrl.app.node import Node

__all__ = ["Node"]
