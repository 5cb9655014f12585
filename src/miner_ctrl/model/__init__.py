"""Frozen domain types that every room shares. Imports nothing of ours but ``errors``."""
