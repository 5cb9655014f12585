"""Descriptions of miners that ship with the package, one file each; the owner's stand in ``<config>/miners/``."""
