"""What changes, as it changes: one feed, read through a WebSocket or as server-sent events (docs/live.md)."""
