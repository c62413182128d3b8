"""`phr mirror`: maps by which smart mirrors and room sensors are understood, and a pulse out of a face's colours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.wiring import ensure_home, language, settings
from cli.words_mirror import word

if TYPE_CHECKING:
    from gateway.mirror import MapError, MirrorMap, Told, Untold
    from gateway.mirror_maps import Maps

app = typer.Typer(help="Smart mirrors and room sensors.", no_args_is_help=True)
maps = typer.Typer(help="Which of a mirror's messages mean what.", no_args_is_help=True)
app.add_typer(maps, name="map")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Name = Annotated[str, typer.Argument(help="The map's name, as listed.")]


@maps.command()
def check(
    file: Annotated[Path, typer.Argument(help="The map, TOML or JSON.")],
    message: Annotated[Path | None, typer.Option(help="A message to read by it.")] = None,
    json: Json = False,
) -> None:
    """Say whether a map can be used, and with --message what it finds in one."""
    from gateway.mirror import read_message

    found = _read(file)
    told = None
    if message is not None:
        try:
            told = read_message(found, message.read_bytes())
        except OSError as error:
            fail(Exit.NOT_FOUND, "no-message", f"cannot read {message.name}: {error.strerror}")
    if json:
        emit({"map": _shape(found)} | ({} if told is None else {"reads": _shape(told)}))
        return
    say(word(language(settings()), "good", name=found.name))
    if told is not None:
        for line in _lines(told, language(settings())):
            result(line)


@maps.command("list")
def show(json: Json = False) -> None:
    """List the maps in use, and what mirrors proposed of themselves."""
    files = _files()
    kept, bad = files.load()
    known = {item.name for item in kept}
    proposed = [item for item in files.proposed() if item.name not in known]
    if json:
        refused = [{"file": name, "code": code} for name, code in bad]
        emit({"maps": [_shape(i) for i in kept], "proposed": [_shape(i) for i in proposed], "refused": refused})
        return
    lang = language(settings())
    for item in kept:
        kinds = " ".join(spot.kind for spot in item.values)
        people = " ".join(f"{name}={resident}" for name, resident in sorted(item.people.items()))
        result(f"{item.name}  {item.topic}  {kinds}  {people}".rstrip())
    for item in proposed:
        say(word(lang, "proposed", name=item.name))
    for name, code in bad:
        say(f"{name}: [{code}]")
    if not (kept or proposed):
        say(word(lang, "none"))


@maps.command()
def add(file: Annotated[Path, typer.Argument(help="The map, TOML or JSON.")], json: Json = False) -> None:
    """Keep a map in PHR_HOME; the gateway takes it up by itself."""
    _keep(_read(file), json=json)


@maps.command()
def accept(
    name: Name,
    person: Annotated[
        list[str] | None, typer.Option(help="A name of the mirror's and its resident: hanako=r-…")
    ] = None,
    display: Annotated[str | None, typer.Option(help="The topic on which the mirror takes text.")] = None,
    time: Annotated[str | None, typer.Option(help="JSON pointer to the time of measurement.")] = None,
    sensor: Annotated[bool, typer.Option(help="No camera: good values count in full.")] = False,
    json: Json = False,
) -> None:
    """Use what a mirror proposed, with its people bound to residents."""
    import msgspec

    from gateway.mirror import MapError, map_of

    files = _files()
    found = next((item for item in files.proposed() if item.name == name), None)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-proposal", f"no mirror proposed {name}: phr mirror map list")
    people = dict(_pair(item) for item in person or ())
    content = msgspec.to_builtins(found)
    content |= {"people": people, "display": display, "time": time or found.time, "camera": not sensor}
    try:
        made = map_of(content)
    except MapError as error:
        _refuse(error)
    _keep(made, json=json)
    files.withdraw(name)


@maps.command()
def forget(name: Name, json: Json = False) -> None:
    """Strike a map, and a proposal of that name; readings stay."""
    files = _files()
    known = files.forget(name) or any(item.name == name for item in files.proposed())
    files.withdraw(name)
    if not known:
        fail(Exit.NOT_FOUND, "unknown-map", f"there is no map {name}")
    if json:
        emit({"map": name})
    else:
        say(word(language(settings()), "gone", name=name))


@maps.command()
def propose(
    topic: Annotated[str, typer.Argument(help="Where it was published: homeassistant/…/config.")],
    file: Annotated[Path, typer.Argument(help="The discovery message, JSON.")],
) -> None:
    """Print the maps a Home Assistant discovery message would make, and what in it is refused, as JSON."""
    from gateway.discovery import discover
    from gateway.discovery import propose as made_of

    try:
        found = discover(topic, file.read_bytes())
    except OSError as error:
        fail(Exit.NOT_FOUND, "no-message", f"cannot read {file.name}: {error.strerror}")
    refused = [{"entity": name, "code": code} for name, code in found.refused]
    emit({"maps": [_shape(item) for item in made_of(found.entities)], "refused": refused})


@app.command()
def rppg(
    trace: Annotated[Path, typer.Argument(help="CSV with the columns t, r, g, b: seconds and mean colours of skin.")],
    json: Json = False,
) -> None:
    """Read a heart rate out of 20 to 60 seconds of a face's mean colours; never more than an estimate."""
    from engine.refusal import Refusal
    from engine.rppg import Trace, heart_rate

    found = heart_rate(Trace(**_columns(trace)))
    if isinstance(found, Refusal):
        fail(Exit.USAGE, found.code, found.message)
    if json:
        emit(_shape(found))
        return
    lang = language(settings())
    result(word(lang, "rate", rate=found.rate) if found.passes else word(lang, "poor"))
    say(word(lang, "quality", quality=found.quality))


def _lines(told: Told | Untold, lang: str) -> list[str]:
    """What a message says, a value a line."""
    from cli.add import plain
    from gateway.mirror import Untold

    whose = [word(lang, "whose", person=told.person)] if told.person else []
    if isinstance(told, Untold):
        return [word(lang, "untold", code=told.code), *whose]
    when = [word(lang, "when", time=told.time.isoformat())] if told.time else []
    values = [
        f"{plain(value.kind, value.value, value.unit, lang)}  {word(lang, f'part.{portion.part}')}"
        for portion in told.portions
        for value in portion.values
    ]
    return values + whose + when + [word(lang, "left-out", name=name, code=code) for name, code in told.dropped]


def _columns(path: Path) -> dict[str, list[float]]:
    """The four columns of a trace; extra ones are passed over."""
    import csv

    names = {"t": "seconds", "r": "red", "g": "green", "b": "blue"}
    found: dict[str, list[float]] = {name: [] for name in names.values()}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    for short, name in names.items():
                        found[name].append(float(row[short]))
                except (KeyError, TypeError, ValueError):
                    fail(Exit.USAGE, "trace-shape", f"line {number}: the columns t, r, g, b hold numbers")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        fail(Exit.NOT_FOUND, "no-trace", f"cannot read {path.name}: {error}")
    return found


def _read(file: Path) -> MirrorMap:
    from gateway.mirror import MapError
    from gateway.mirror_maps import read_map

    try:
        return read_map(file)
    except MapError as error:
        _refuse(error)


def _refuse(error: MapError) -> NoReturn:
    fail(Exit.NOT_FOUND if error.code == "map-file" else Exit.USAGE, error.code, str(error))


def _keep(item: MirrorMap, *, json: bool) -> None:
    _files().add(item)
    if json:
        emit(_shape(item))
        return
    lang = language(settings())
    say(word(lang, "kept", name=item.name))
    if not item.room_only and not item.people:
        say(word(lang, "no-people"))


def _files() -> Maps:
    from gateway.mirror_maps import Maps

    return Maps(ensure_home(settings()))


def _pair(text: str) -> tuple[str, str]:
    name, _, resident = text.partition("=")
    if not name or not resident:
        fail(Exit.USAGE, "bad-person", "a person is bound as NAME=r-…")
    return name, resident


def _shape(value: object) -> dict[str, Any]:
    import msgspec

    built: dict[str, Any] = msgspec.to_builtins(value)
    return {name: item for name, item in built.items() if item not in (None, (), [], {})}
