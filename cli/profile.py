"""`phr profile`: the device families this installation knows, and the way to add one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say

if TYPE_CHECKING:
    from firmware_profiles.model import Profile

app = typer.Typer(help="Device families: list, show, check, new, record.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
LANGUAGE_WIDTH = 28


@app.command("list")
def list_(json: Json = False) -> None:
    """List every family with how it is heard and how well it is proven; broken plug-ins are named."""
    from firmware_profiles.registry import installed

    found = installed()
    if json:
        problems = [{"plugin": item.name, "code": item.code, "message": item.message} for item in found.problems]
        emit({"profiles": [_shape(item) for item in found.profiles.values()], "problems": problems})
        return
    for item in found.profiles.values():
        proof = item.proof + (", experimental" if item.experimental else "")
        result(f"{item.id:{LANGUAGE_WIDTH}}  {carrier(item):10}  {item.maker} {item.model}  ({proof})")
    for problem in found.problems:
        say(f"plug-in {problem.name} is skipped [{problem.code}]: {problem.message}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="Family id, as listed.")], json: Json = False) -> None:
    """Show what one family measures, how it is recognised and paired, and where its layout is published."""
    item = _known(name)
    if json:
        emit(_shape(item))
        return
    for label, value in _lines(item):
        result(f"{label:12} {value}")


@app.command()
def check(
    what: Annotated[str | None, typer.Argument(help="Family id, or a Python file with one; all when left out.")] = None,
    captures: Annotated[Path | None, typer.Option(help="Capture lines; default: the .jsonl beside the file.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random bytes.")] = 1,
    write: Annotated[bool, typer.Option("--write", help="Write the golden of the captures' answers.")] = False,
    json: Json = False,
) -> None:
    """Hold a family to every law: soundness, claims, random bytes, its captures and its golden."""
    from cli.profile_check import check_file, check_known

    if what is not None and what.endswith(".py"):
        reports = check_file(Path(what), captures, seed, write=write)
    else:
        reports = check_known([_known(what)] if what else None, captures, seed)
    broken = [report for report in reports if any(item.problems for item in report.findings)]
    if json:
        emit({"checked": [report.told() for report in reports]})
    else:
        for report in reports:
            report.tell(result)
    if broken:
        names = ", ".join(report.profile for report in broken)
        fail(Exit.REFUSED, "law-broken", f"{len(broken)} of {len(reports)} families break a law: {names}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Id of the family, e.g. acme-scale-2.")],
    maker: Annotated[str, typer.Option(help="Maker.")],
    model: Annotated[str, typer.Option(help="Model.")],
    service_data: Annotated[str | None, typer.Option(help="UUID of its service data.")] = None,
    company: Annotated[str | None, typer.Option(help="Its company id, e.g. 0x0157.")] = None,
    service: Annotated[str | None, typer.Option(help="GATT service it is connected for.")] = None,
    characteristic: Annotated[str | None, typer.Option(help="Characteristic that tells the measurement.")] = None,
    local_name: Annotated[str | None, typer.Option(help="Start of its Bluetooth name.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to write.")] = Path(),
) -> None:
    """Write a first, working file for a new family; correct its layout, record captures, check."""
    from cli.profile_check import write_scaffold

    path = write_scaffold(
        folder,
        {"id": name, "maker": maker, "model": model, "name": local_name},
        {"service_data": service_data, "service": service, "characteristic": characteristic},
        company,
    )
    result(str(path))
    say(f"Next: correct decode() and encode(), then `phr profile record`, then `phr profile check {path}`.")


@app.command()
def record(
    address: Annotated[str, typer.Option(help="Bluetooth address of the device; it is not written down.")],
    out: Annotated[Path, typer.Option(help="File to add the capture lines to.")],
    device: Annotated[str, typer.Option(help="Slug of the device, e.g. acme-scale-2.")],
    seconds: Annotated[float, typer.Option(help="How long to listen.")] = 60.0,
    connect: Annotated[
        bool, typer.Option("--connect", help="Connect and take its records, which it may then delete.")
    ] = False,
    air: Annotated[str | None, typer.Option(help="Simulated air instead of Bluetooth.")] = None,
) -> None:
    """Record what a device says as capture lines, its address scrubbed; add what it showed under `expected`."""
    from cli.profile_record import record_lines

    count = record_lines(address, out, device, seconds, connect=connect, air=air)
    if not count:
        fail(Exit.NOT_FOUND, "no-data", "it was heard and said nothing; --connect takes what it only tells a partner")
    result(f"{count} lines added to {out}")


def carrier(item: Profile) -> str:
    """How the family is heard."""
    return "connection" if item.connects else "broadcast"


def _known(name: str) -> Profile:
    from firmware_profiles.registry import installed

    found = installed().profiles.get(name)
    if found is None:
        fail(Exit.NOT_FOUND, "unknown-profile", f"no device family is called {name!r}; `phr profile list` shows them")
    return found


def _lines(item: Profile) -> list[tuple[str, Any]]:
    from engine.contract.kinds import KINDS

    kinds = ", ".join(f"{KINDS[kind].en} ({KINDS[kind].unit})" for kind in sorted(item.provides))
    pairing = item.pairing
    wants = [f"bond: {pairing.bond}", f"wake: {pairing.wake}"]
    wants += ["hold its button"] if pairing.button else []
    wants += [f"{pairing.slots} user slots"] if pairing.slots else []
    wants += ["16-byte key"] if item.decrypt else []
    wants += ["the maker's app loses it"] if pairing.evicts else []
    proof = item.proof + (
        " (experimental: shown, never used by rules, bridge or statistics)" if item.experimental else ""
    )
    return [
        ("id", item.id), ("device", f"{item.maker} {item.model}"), ("heard by", carrier(item)), ("measures", kinds),
        ("pairing", ", ".join(wants)), ("firmware", ", ".join(v.firmware for v in item.variants) or "any"),
        ("proof", proof), ("source", item.source),
    ]  # fmt: skip


def _shape(item: Profile) -> dict[str, Any]:
    import msgspec

    return {
        "id": item.id,
        "maker": item.maker,
        "model": item.model,
        "carrier": carrier(item),
        "kinds": sorted(item.provides),
        "proof": item.proof,
        "experimental": item.experimental,
        "needs_key": item.decrypt is not None,
        "pairing": msgspec.structs.asdict(item.pairing),
        "firmware": [variant.firmware for variant in item.variants],
        "source": item.source,
    }
