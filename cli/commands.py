"""Which command lives where; the modules named here import only light things at the top."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang every command under `app`."""
    from cli import contract

    app.add_typer(contract.app, name="contract")
