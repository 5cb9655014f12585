"""A node with a simulated fleet behind its API, for the page: ``python -m benches.page_fleet --rigs 1000``.

The node is a real one, with its registry, history, audit log, guard and live feed. Only the sessions are made up: rigs
answer commands, tell their stats and their journals from this process.
"""
