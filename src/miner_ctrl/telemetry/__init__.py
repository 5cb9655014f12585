"""This machine: hardware, addresses. Reads only; absence is an empty value, never an error."""
