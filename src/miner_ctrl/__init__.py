"""miner-ctrl: one person's mining rigs under control, over encrypted peer-to-peer WebSockets."""

__version__ = "0.1.0"
