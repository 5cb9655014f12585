"""Who a node is: its keys, the file they come from, the fingerprint people compare, ``node.json``.

Imports nothing of ours but ``model``, ``errors`` and ``storage``. Source: docs/protocol.md, "Identity".
"""
