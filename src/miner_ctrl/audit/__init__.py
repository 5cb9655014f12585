"""The audit log: who asked this node to change something, and how it ended; signed, chained, append-only
(docs/audit.md)."""
