"""Fuzzing of everything that parses a stranger's bytes: ``python -m fuzz --seconds 60``."""
