"""Figures of speed and memory, each measured beside a raw echo over the same WebSocket library in the same run."""
