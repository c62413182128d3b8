"""The outside world: hospital network and city platform."""
