"""`phr`: the root of all commands; every failure leaves with a reason code and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import Fail, report, say

app = typer.Typer(
    name="phr",
    help="Personal health record gateway and advice engine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    home: Annotated[Path | None, typer.Option(help="Data folder (PHR_HOME).")] = None,
    lang: Annotated[str | None, typer.Option(help="ja or en.")] = None,
) -> None:
    """Options that hold for every command; they win over the environment and over files."""
    for name, value in (("PHR_CONFIG", config), ("PHR_HOME", home), ("PHR_LANG", lang)):
        if value is not None:
            os.environ[name] = str(value)


def main() -> None:
    """Run `phr` and leave with its exit code."""
    from cli.commands import register

    register(app)
    try:
        code = app(standalone_mode=False)
    except Fail as failure:
        report(failure)
        sys.exit(int(failure.exit_code))
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        say("phr: interrupted")
        sys.exit(int(Exit.INTERRUPTED))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the last net: no traceback reaches a resident
        _refuse(error)
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: Exception) -> None:
    """Tell usage errors of the parser in one line; anything else is a bug, shown whole when PHR_DEBUG is set."""
    show = getattr(error, "show", None)
    if callable(show):
        show()
        sys.exit(int(getattr(error, "exit_code", Exit.USAGE)))
    if os.environ.get("PHR_DEBUG"):
        raise error
    if isinstance(error, ModuleNotFoundError):
        say(f"phr: {error.name} is not installed: this machine has not the role for that command [not-installed]")
        sys.exit(int(Exit.CONFIGURATION))
    say(f"phr: a bug of ours: {type(error).__name__}: {error} [bug] (PHR_DEBUG=1 shows where)")
    sys.exit(int(Exit.BUG))
