"""The home's ears: radio, journal, clock and MQTT."""
