"""Durable state on this machine: private directories, atomic files, SQLite files, the home's lock.

Imports nothing of ours but ``errors``; every room that keeps state may import it. Nothing here replaces a file that
cannot be read.
"""
