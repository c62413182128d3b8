"""What each device family says on the air, as data and pure codecs."""
