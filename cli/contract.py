"""`phr contract`: what gateway and engine say to each other, for people who build against it."""

from __future__ import annotations

import json

import typer

from cli.output import result

app = typer.Typer(help="The wire contract.", no_args_is_help=True)


@app.callback()
def contract() -> None:
    """Keep `schema` a subcommand while it is the only one."""


@app.command()
def schema() -> None:
    """Print the JSON Schemas of every MQTT message."""
    from engine.contract.wire import schemas

    result(json.dumps(schemas(), indent=2, ensure_ascii=False, sort_keys=True))
