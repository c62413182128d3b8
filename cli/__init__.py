"""The doors for people: commands, words or JSON, exit codes."""
