"""Telling people that there is something to see: by mail, LINE, web push or their mirror; never what it is."""
