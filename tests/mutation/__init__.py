"""Small lies told about rules and safety, each of which some test must notice."""
