"""The order of the queue and the store: gathers what `ranking` asks for, trains, and keeps the model as a file.

The model is JSON in PHR_HOME, read against a strict shape and walked downwards only: a spoilt or foreign file is
refused and the queue goes on by the priors.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

from engine.consent import permits
from engine.ranking import CONTACT, Person, Reached, Standing, band_of, rank
from engine.ranking_model import Model, decode, encode
from engine.ranking_samples import Trace, aim_of, follow_up_at, moved, past_of, samples_of
from engine.ranking_training import Sample
from engine.ranking_training import train as learn
from engine.refusal import Refusal
from engine.review import ENGINE, Item
from engine.store import audit, repo_advice, repo_consents, repo_outcomes, repo_residents
from engine.store.database import Connection, Engine, read, write
from engine.store.instants import to_micros

FILE: Final = "rank-model.json"
# The newest decisions; the oldest say little about today's nurses, and every outcome costs a person's history.
MOST: Final = 20_000
_MOST_BYTES: Final = 16 << 20
_LIVE: Final = ("open", "held", "later")
# Items whose places are written in one transaction: a nurse's decision waits for no more than that.
_PART: Final = 500


def standing(connection: Connection, items: Iterable[Item], now: datetime, model: Model | None = None) -> Standing:
    """Everything `ranking.rank` wants to know about the people of these items, in a handful of statements."""
    residents = {item.resident_id for item in items}
    if not residents:
        return Standing(model=model)
    own: dict[str, list[Trace]] = defaultdict(list)
    for trace in repo_outcomes.traces(connection, residents, whole=False):
        own[trace.resident].append(trace)
    people = {
        name: _person(one, own.get(name, []), now) for name, one in repo_outcomes.whose(connection, residents).items()
    }
    everybody, groups = _groups(repo_outcomes.groups(connection, now - CONTACT), now)
    return Standing(people=people, groups=groups, everybody=everybody, model=model)


def replace_all(engine: Engine, now: datetime, model: Model | None = None) -> int:
    """Gives every live item the place that is right by what is known `now` of people, fairness and the model.

    For a nightly turn and after training: pages read the kept places only. Changes nothing else of an item, is not an
    act of anybody and so leaves no audit entry. Returns how many stood elsewhere before.
    """
    with read(engine) as connection:
        items = [item for shelf in _LIVE for item in repo_advice.on_shelf(connection, shelf)]
        known = standing(connection, items, now, model)
        kept = repo_advice.places(connection)
    places = {item.id: rank(item, now, known) for item in items}
    moved = [name for name, place in places.items() if kept.get(name) != place.key]
    for start in range(0, len(moved), _PART):
        with write(engine) as connection:
            repo_advice.put_places(connection, {name: places[name] for name in moved[start : start + _PART]})
    return len(moved)


def _person(one: repo_outcomes.Whose, traces: list[Trace], now: datetime) -> Person:
    past = past_of(traces, now)
    return Person(
        municipality=one.municipality, band=band_of(now.year - one.birth_date.year), device_poor=not one.bound,
        contact=past[""].contact, past=past,
    )  # fmt: skip


def _groups(found: Iterable[repo_outcomes.Group], now: datetime) -> tuple[Reached, dict[str, Reached]]:
    """Everybody, and each municipality and age band (of the years of birth)."""
    residents, contacted = Counter[str](), Counter[str]()
    for one in found:
        for group in ("", one.municipality, band_of(now.year - one.born)):
            residents[group] += one.residents
            contacted[group] += one.contacted
    groups = {name: Reached(count, contacted[name]) for name, count in residents.items()}
    return groups.pop("", Reached(0, 0)), groups


def train(engine: Engine, now: datetime) -> Model | Refusal:
    """What the decisions of residents who agreed to `learning` teach, with the audit entry that names the model.

    Refused as `ranking_training.train`; a refusal leaves an older model in its place.
    """
    with read(engine) as connection:
        samples = decided(connection, now)
    model = learn(samples, now)
    if isinstance(model, Model):
        with write(engine) as connection:
            audit.append(connection, _entry(model, now))
    return model


def decided(connection: Connection, now: datetime) -> list[Sample]:
    """What may be learnt from at `now`: decisions about people who agreed to `learning`, and what came of them."""
    return samples_of(_allowed(connection, now), lambda trace: _improved(connection, trace, now))


def _allowed(connection: Connection, now: datetime) -> list[Trace]:
    """The newest decisions about people who agreed that we learn from their record."""
    found = sorted(repo_outcomes.traces(connection), key=lambda one: (one.decided_at, one.advice))[-MOST:]
    said = repo_consents.events_of(connection, {trace.resident for trace in found}, "learning")
    agreed = {name for name, events in said.items() if permits(events, "learning", None, None, now).granted}
    return [trace for trace in found if trace.resident in agreed]


def _improved(connection: Connection, trace: Trace, now: datetime) -> bool | None:
    """Whether the number advice was about had moved the right way at its follow-up; None when that is not known."""
    from engine.picture import signals_of

    aim, at = aim_of(trace), follow_up_at(trace)
    person = repo_residents.get(connection, trace.resident) if aim and at <= now else None
    if aim is None or person is None:
        return None
    return moved(trace, signals_of(connection, person, at).value(aim[0]))


def _entry(model: Model, now: datetime) -> audit.Entry:
    digest = audit.detail_hash(encode(model).decode())
    return audit.Entry(
        at=to_micros(now), actor=ENGINE, os_user=ENGINE, action="rank-train", subject="rank-model", detail_hash=digest
    )


def save(home: Path, model: Model) -> Path:
    """Puts the model in the place of the old one in PHR_HOME, whole or not at all, readable by its owner only."""
    path = home / FILE
    descriptor, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=home)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(encode(model))
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def load(home: Path) -> Model | Refusal | None:
    """The model in PHR_HOME, None when none was ever trained; refused `bad-model`, `other-model` or `cannot-read`."""
    path = home / FILE
    try:
        status = path.stat()
        return _loaded(path, (status.st_mtime_ns, status.st_ino), status.st_size)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Refusal("cannot-read", f"cannot read {FILE}: {error.strerror}")


@lru_cache(maxsize=4)
def _loaded(path: Path, _which: tuple[int, int], size: int) -> Model | Refusal:
    if size > _MOST_BYTES:
        return Refusal("bad-model", f"{FILE} is larger than any ranking model")
    return decode(path.read_bytes())
