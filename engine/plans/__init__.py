"""Concrete plans: tables with their sources, the arithmetic on them, and goals chosen for one person."""
