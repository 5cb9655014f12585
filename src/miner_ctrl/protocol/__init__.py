"""The message union, its codec, limits and error codes. Pure: no I/O, no clock, no randomness."""
