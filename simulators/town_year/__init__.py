"""A year of a whole town before a few nurses: who is reached, who waits, and what it costs in minutes."""
