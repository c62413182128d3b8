"""Which command lives where; the modules named here import only light things at the top."""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

# Each is a function of the same name in its own module.
COMMANDS: Final = (
    "up",
    "web",
    "demo",
    "scan",
    "pair",
    "today",
    "trend",
    "decode",
    "assign",
    "add",
    "routes",
    "doctor",
    "assess",
    "ask",
    "report",
    "kpi",
)
# A word of the command line and the module whose `app` answers it.
GROUPS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "resident": "resident",
        "consent": "consent",
        "device": "device",
        "gateway": "gateway",
        "engine": "engine",
        "advice": "advice",
        "inbox": "inbox",
        "export": "export",
        "simulate": "simulate",
        "contract": "contract",
        "profile": "profile",
        "mirror": "mirror",
        "import": "imports",
        "card": "card",
        "spot": "spot",
        "rules": "rules",
        "clinical": "clinical",
        "env": "env",
        "notify": "notify",
        "disclosure": "disclosure",
        "staff": "staff",
        "audit": "audit",
        "bridge": "bridge",
        "api": "api",
        "release": "release",
        "account": "account",
        "life": "life",
        "protect": "protect",
        "acting": "acting",
        "id": "one_id",
        "letters": "letters",
        "learn": "learn",
        "points": "points",
        "silent": "silent",
        "referral": "referral",
        "exchange": "exchange",
        "watch": "watch",
        "case": "case",
        "appointment": "appointment",
        "session": "session",
        "loan": "loan",
    }
)


def register(app: typer.Typer) -> None:
    """Hang every command under `app`."""
    for name in COMMANDS:
        module = import_module(f"cli.{name}")
        app.command()(getattr(module, name))
    for name, place in GROUPS.items():
        app.add_typer(import_module(f"cli.{place}").app, name=name)
