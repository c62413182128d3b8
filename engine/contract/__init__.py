"""What gateway and engine say to each other: kinds, readings, wire JSON and topics (no I/O)."""
