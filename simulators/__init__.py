"""Doubles that ship: virtual devices, replay, faults."""
