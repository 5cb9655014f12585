"""The keeper: a small process that owns one miner, and outlives the agent.

It holds the miner's terminal, writes its log to disk, knows how it ended, and stops it when told to. It runs on a bare
interpreter (``python -I -S -E``) with the standard library, and imports nothing of ours but itself, so that an agent
can be killed, replaced or updated while the miner goes on. docs/architecture.md says who survives what.
"""
