"""Parsers of other people's exports: bytes in, records and faults out; pure, streaming, refusing by code."""
