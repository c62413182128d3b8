"""Observations a second from measured values to the network's confirmation, beside the server's own limit."""

from __future__ import annotations

import gc
import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from engine.contract.ids import ALPHABET
from engine.observations import Measured, build, fhir_id, identifier_of
from fhir_bridge.client import Client
from fhir_bridge.client_answers import Answer, Write
from fhir_bridge.client_bundles import write_bundle
from fhir_bridge.client_network import Network
from simulators.hospital.process import HospitalProcess, Settings
from tests.benchmarks import town
from tests.benchmarks.figures import Figure, Run, figure, pair

ZONE = ZoneInfo("Asia/Tokyo")
BATCH = 50
RESIDENT, DEVICE, GATEWAY = "r-aaaaaaaaaaaaa", "d-aaaaaaaaaaaaa", "g-aaaaaaaaaaaaa"
LIMIT = f"limit: http.client on one connection, ready-made Bundles of {BATCH}, answers read and not looked at"


class _Bench:
    """A server at `base` and a supply of readings that it has not seen."""

    def __init__(self, base: str, count: int) -> None:
        self._base, self._count, self._serial = base, count, 0

    def product(self) -> Sequence[Run]:
        """The bridge's client: Observations built, sent in batches, each confirmation read."""
        measured = self._supply()
        with Client(Network(name="bench", base=self._base)) as client:
            client.abilities()
            return (self._time(lambda: self._push(client, measured)),)

    def limit(self) -> Sequence[Run]:
        """The same requests, made before the clock runs, by a bare loop."""
        writes = [_write(one) for one in self._supply()]
        bundles = [write_bundle("batch", writes[at : at + BATCH]) for at in range(0, len(writes), BATCH)]
        split = urlsplit(self._base)
        connection = http.client.HTTPConnection(split.hostname or "", split.port)
        connection.connect()
        try:
            return (self._time(lambda: _pour(connection, split.path, bundles)),)
        finally:
            connection.close()

    def _push(self, client: Client, measured: Sequence[Measured]) -> None:
        for at in range(0, len(measured), BATCH):
            told = client.batch([_write(one) for one in measured[at : at + BATCH]])
            assert all(isinstance(one, Answer) and one.created for one in told), "an Observation was not stored"

    def _supply(self) -> list[Measured]:
        self._serial += 1
        return [_weight(self._serial * 1_000_000 + number) for number in range(self._count)]

    def _time(self, work: Callable[[], None]) -> Run:
        gc.collect()
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent, used = time.perf_counter() - wall, time.process_time() - cpu
        return Run(self._count / spent, used / self._count * 1e6)


def _weight(number: int) -> Measured:
    name = "".join(ALPHABET[number >> 5 * place & 31] for place in range(26))
    return Measured(
        reading_id=name, resident_id=RESIDENT, device_id=DEVICE, gateway_id=GATEWAY, kind="body-weight", unit="kg",
        value=Decimal(6000 + number % 900).scaleb(-2), measured_at=town.NOW - timedelta(minutes=number),
    )  # fmt: skip


def _write(measured: Measured) -> Write:
    return Write(kind="Observation", id=fhir_id(identifier_of(measured)), body=build(measured, ZONE))


def _pour(connection: http.client.HTTPConnection, path: str, bundles: Sequence[bytes]) -> None:
    headers = {"Content-Type": "application/fhir+json", "Prefer": "return=minimal"}
    for bundle in bundles:
        connection.request("POST", path, bundle, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == http.client.OK, "the server did not take the Bundle"


@contextmanager
def _hospital() -> Iterator[str]:
    """The stand-in in a process of its own, with the patient, who agreed, and the devices."""
    with tempfile.TemporaryDirectory() as folder, HospitalProcess(Settings(), Path(folder)) as hospital:
        hospital.order("keep", {"resourceType": "Patient", "id": RESIDENT})
        hospital.order("consent", {"patient": RESIDENT, "given": True})
        for id_ in (DEVICE, GATEWAY):
            hospital.order("keep", {"resourceType": "Device", "id": id_})
        yield hospital.base


@contextmanager
def _instant() -> Iterator[str]:
    """The server that does nothing, in a process of its own."""
    child = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.bare_server"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield child.stdout.readline().strip()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def pushes(*, quick: bool = False) -> list[Figure]:
    """Through the stand-in of a hospital, and into a server that only answers: what our own part costs."""
    found = []
    for name, server, count, note in (
        ("push to a hospital", _hospital, 100 if quick else 2_000, "the stand-in checks and stores each"),
        ("push to a server that only answers", _instant, 500 if quick else 20_000, "our own ceiling"),
    ):
        with server() as base:
            bench = _Bench(base, count)
            bench.product()
            [pairs] = pair(bench.product, bench.limit, 1 if quick else 5)
        found.append(figure(f"bridge: {name}", "Observations/s", "higher", pairs, f"{note}; {LIMIT}"))
    return found
