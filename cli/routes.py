"""`phr routes`: how the readings of the brands that stand in Japanese homes come in - by radio, by file or by hand.

Honest about what is closed: Tanita, Withings and Terumo tell their Bluetooth protocol to nobody, so their readings
come by a file or are typed in. Every cell is walked by a test.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
import typer

from cli.output import emit, result
from cli.wiring import language, settings

What = Literal["scale", "blood-pressure", "steps"]
How = Literal["ble", "file", "manual"]
WHATS: Final[tuple[What, ...]] = ("scale", "blood-pressure", "steps")
# What `phr add` calls the thing, for the route by hand.
BY_HAND: Final[dict[What, str]] = {"scale": "weight 62.3", "blood-pressure": "bp 128/76", "steps": "steps 5400"}


class Route(msgspec.Struct, frozen=True):
    """One way in: `how`, and by what - a profile id, an import format, or nothing for the hand.

    `option` is what the import is told besides; `app` the program that writes the file.
    """

    how: How
    by: str = ""
    option: str = ""
    app: str = ""


class Brand(msgspec.Struct, frozen=True):
    """A brand with its routes, the best one first, for each thing it may measure."""

    name: str
    ja: str
    scale: tuple[Route, ...]
    pressure: tuple[Route, ...]
    steps: tuple[Route, ...]

    def routes(self, what: What) -> tuple[Route, ...]:
        """The routes of one column."""
        return {"scale": self.scale, "blood-pressure": self.pressure, "steps": self.steps}[what]


def _ble(*profiles: str) -> tuple[Route, ...]:
    return tuple(Route("ble", profile) for profile in profiles)


def _apple(app: str) -> Route:
    return Route("file", "apple-health", app=app)


HAND: Final = (Route("manual"),)
_OMRON: Final = Route("file", "csv", app="OMRON connect")
_CONNECT: Final = "Health Connect"
_HEALTH: Final = "Apple Health"
BRANDS: Final = (
    Brand("Tanita", "タニタ", (_apple("HealthPlanet"), *HAND), HAND, HAND),
    Brand(
        "OMRON", "オムロン",
        (*_ble("omron-hn-300t2-memory", "omron-hbf-702t-memory"), _OMRON, *HAND),
        (*_ble("omron-blood-pressure-memory", "omron-blood-pressure"), _OMRON, *HAND),
        (Route("file", "health-connect", app="OMRON connect"), *HAND),
    ),
    Brand(
        "A&D", "エー・アンド・デイ",
        (*_ble("and-scale", "and-body-composition"), *HAND),
        (*_ble("and-blood-pressure"), *HAND),
        (*_ble("and-uw302"), *HAND),
    ),
    Brand("Terumo", "テルモ", HAND, HAND, HAND),
    Brand("Panasonic", "パナソニック", HAND, HAND, HAND),
    Brand("Citizen", "シチズン", HAND, HAND, HAND),
    Brand(
        "Xiaomi", "シャオミ",
        (*_ble("xiaomi-s400", "xiaomi-miscale-v2", "xiaomi-miscale-v1"), Route("file", "csv", app="Zepp Life"), *HAND),
        HAND,
        (*_ble("huami-band"), Route("file", "csv", app="Zepp Life"), *HAND),
    ),
    Brand(
        "Withings", "ウィジングズ",
        (Route("file", "csv", app="Withings"), *HAND),
        (Route("file", "csv", app="Withings"), *HAND),
        (Route("file", "csv", "--mapping withings-steps", "Withings"), *HAND),
    ),
    Brand("Apple", "アップル", (_apple(_HEALTH), *HAND), (_apple(_HEALTH), *HAND), (_apple(_HEALTH), *HAND)),
    Brand(
        "Fitbit / Google", "フィットビット / グーグル",
        (Route("file", "health-connect", app="Google Takeout"), *HAND),
        (Route("file", "health-connect", app=_CONNECT), *HAND),
        (Route("file", "health-connect", app="Google Takeout"), *HAND),
    ),
    Brand("Garmin", "ガーミン", (_apple("Garmin Connect"), *HAND), HAND, (_apple("Garmin Connect"), *HAND)),
)  # fmt: skip
_HEADS: Final = {
    "ja": ("メーカー", "体重計・体組成計", "血圧計", "歩数"),
    "en": ("Brand", "Scale", "Blood pressure", "Steps"),
}


def command(route: Route, what: What) -> str:
    """The command that takes this route."""
    if route.how == "ble":
        return "phr pair"
    if route.how == "manual":
        return f"phr add {BY_HAND[what]}"
    return " ".join(part for part in ("phr import", route.by, "FILE", route.option) if part)


def route_table(lang: str) -> str:
    """The table in Markdown, Japanese or English."""
    head = _HEADS["ja" if lang == "ja" else "en"]
    rows = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for brand in BRANDS:
        cells = ["<br>".join(_cell(route, what, lang) for route in brand.routes(what)) for what in WHATS]
        rows.append(f"| {' | '.join((brand.ja if lang == 'ja' else brand.name, *cells))} |")
    return "\n".join(rows) + "\n"


def _cell(route: Route, what: What, lang: str) -> str:
    if route.how == "ble":
        from firmware_profiles.registry import PROFILES

        # Layouts nobody has recorded yet: shown to the resident, used for nothing else (as the device table says).
        unproven = ("、未検証" if lang == "ja" else ", experimental") if PROFILES[route.by].experimental else ""
        return f"Bluetooth (`{route.by}`{unproven})"
    told = f"`{command(route, what)}`"
    if route.how == "manual":
        return f"{'手で入力' if lang == 'ja' else 'by hand'}: {told}"
    app = route.app
    if route.by == "apple-health" and app != _HEALTH:
        # The brand's own app writes nothing to a file, but into Apple Health, which does.
        app = f"{app} → {_HEALTH}"
    return f"{app} {'のファイル' if lang == 'ja' else 'file'}: {told}"


def routes(json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Show how each brand's readings come in: by Bluetooth, by file or by hand."""
    if not json:
        result(route_table(language(settings())).rstrip())
        return
    rows = [
        {"brand": brand.name, "what": what, **msgspec.to_builtins(route), "command": command(route, what)}
        for brand in BRANDS
        for what in WHATS
        for route in brand.routes(what)
    ]
    emit({"routes": rows})
