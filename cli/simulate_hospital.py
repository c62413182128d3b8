"""`phr simulate hospital`: a medical network's FHIR R4 server of one's own, to try the bridge against."""

from __future__ import annotations

import tempfile
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit
from cli.output import fail, result, say
from cli.serving import stay

if TYPE_CHECKING:
    from simulators.hospital.network import Hospital
    from simulators.hospital.tokens import Client

_CLIENT = "minato-phr"


def hospital(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this computer; 0: a free one.")] = 0,
    patients: Annotated[
        Path | None,
        typer.Option(help="FHIR resources (Bundle, JSON list or JSON Lines); default: the people of `phr demo`."),
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of its memory (default: a new one).")] = None,
    jwks: Annotated[
        Path | None, typer.Option(help="Public keys (`phr bridge jwks`): only who signs with one may come in.")
    ] = None,
) -> None:
    """Be a hospital network's server until Ctrl-C; prints what to write into phr.toml."""
    from simulators.hospital.network import Hospital
    from simulators.hospital.serving import serving

    first = _resources(patients)
    clients = () if jwks is None else (_client(jwks),)
    folder = state or Path(tempfile.mkdtemp(prefix="phr-hospital-"))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        house = Hospital(clients=clients, journal=folder / "journal.jsonl")
    except OSError as error:
        fail(Exit.CONFIGURATION, "state", f"{folder}: {error.strerror}")
    except ValueError as error:
        fail(Exit.DAMAGED, "bad-journal", f"{folder / 'journal.jsonl'} is not a hospital's memory: {error}")
    _admit(house, first)
    with closing(house):
        stay(serving(house, port=port), port, lambda: _tell(house, folder, secured=bool(clients)))


def _tell(house: Hospital, folder: Path, *, secured: bool) -> None:
    result("[bridge]")
    result(f'url = "{house.base}"')
    if secured:
        result(f'client_id = "{_CLIENT}"')
        result('key_file = "…"  # the private key of `phr bridge keygen`')
    for version in house.records.all("Patient"):
        numbers = ", ".join(str(one.get("value")) for one in version.body.get("identifier", []))
        agreed = "agreed" if house.consents.gives(version.id) else "has not agreed"
        say(f"patient {version.id}: number {numbers or '-'}, {agreed}")
    say(f'a patient\'s consent there: POST {house.origin}/control/consent {{"patient": …, "given": false}}')
    say(f"what was asked and answered: {folder / 'journal.jsonl'}")
    say("stop: Ctrl-C")


def _admit(house: Hospital, resources: list[dict[str, Any]]) -> None:
    """Take in what is not there yet: a hospital that was started before knows better."""
    from simulators.hospital.outcomes import RefusedError

    for number, body in enumerate(resources, start=1):
        try:
            if "id" in body and house.records.current(body["resourceType"], body["id"]) is not None:
                continue
            house.admit(body) if body["resourceType"] == "Patient" else house.keep(body)
        except RefusedError as error:
            fail(Exit.USAGE, "bad-resource", f"resource {number} ({body['resourceType']}): {error}")


def _resources(file: Path | None) -> list[dict[str, Any]]:
    from simulators.hospital.ward import ward

    if file is None:
        return ward(datetime.now(UTC).date())
    said = _read(file)
    if isinstance(said, dict):
        entries = said.get("entry", []) if said.get("resourceType") == "Bundle" else [{"resource": said}]
        said = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
    if not isinstance(said, list) or not all(isinstance(one, dict) and "resourceType" in one for one in said):
        fail(Exit.USAGE, "not-fhir", f"{file.name}: FHIR resources as a Bundle, a JSON list or JSON Lines")
    # References are asked for when something is stored: patients come first.
    return sorted(said, key=lambda one: one["resourceType"] != "Patient")


def _read(file: Path) -> Any:
    import json
    from decimal import Decimal

    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"{file.name}: {error.strerror}")
    except UnicodeDecodeError:
        fail(Exit.USAGE, "not-fhir", f"{file.name}: not UTF-8")
    with suppress(ValueError, RecursionError):
        return json.loads(text, parse_float=Decimal)
    try:
        return [json.loads(line, parse_float=Decimal) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        fail(Exit.USAGE, "not-json", f"{file.name}: {error}")


def _client(file: Path) -> Client:
    from simulators.hospital.tokens import registered

    try:
        return registered(_CLIENT, _read(file))
    except ValueError as error:
        fail(Exit.USAGE, "not-jwks", f"{file.name}: {error}")
