"""Virtual Bluetooth devices, each a product of its own, in a process of their own: `python -m simulators.devices`."""
