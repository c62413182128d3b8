"""The engine's memory: SQLModel tables, Core statements, the audit chain and the migrations (the only SQL)."""
