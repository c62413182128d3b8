"""Series of many people at once: axis 0 people, axis 1 days, NaN where nothing was read; pure numpy, no clock."""
