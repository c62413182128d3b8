"""Simulated lives that try the watching over: rhythms, snow, trips, broken things, hospital, and what truly happens."""
