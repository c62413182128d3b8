"""Tests by distance from reality: unit, golden, property, flow."""
