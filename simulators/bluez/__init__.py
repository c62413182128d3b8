"""A stand-in for BlueZ: org.bluez on a private message bus, over the simulated air."""
