"""Programs of others on the read API as it is served: fhirpy reads it over HTTP, schemathesis throws at it what it can."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Final

import fhirpy
import httpx
import pytest
import schemathesis
from fhirpy.base.exceptions import AuthorizationError, OperationOutcome, ResourceNotFound
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine

from fhir_bridge.api_parameters import TABLE
from tests.flow.fhir_world import HERS, HIS, UNSEEN_VALUE, UNSEEN_WORD, furnish, grant, ids_of, whole
from tests.homes import HANAKO, TARO
from tests.stores import furnished_file
from tests.web.browsing import served
from tests.web.desks import NOW

pytestmark = pytest.mark.flow
# Cases for each operation and sort of data: a few in each run, as many as FUZZ_API says in a campaign.
CAMPAIGN: Final = "FUZZ_API" in os.environ
CASES: Final = int(os.environ.get("FUZZ_API", "2"))
# That empty and unknown parameters are left out instead of refused is FHIR's rule, and not OpenAPI's.
CHECKS: Final = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance,
]  # fmt: skip


class Hurrying(Sequence[datetime]):
    """A clock on which a second goes by at every look, so that nobody who asks much is braked."""

    def __init__(self) -> None:
        self._at = NOW

    def __len__(self) -> int:
        return 1

    def __getitem__(self, place: Any) -> Any:
        self._at += timedelta(seconds=1)
        return self._at


@dataclass(frozen=True)
class Served:
    """The whole application on a port of this machine, with both residents in its store."""

    engine: Engine
    url: str
    token: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("fhir")
    engine = furnished_file(folder / "engine.sqlite")
    furnish(engine)
    token, _ = grant(engine)
    with served(whole(engine, folder, Hurrying())) as url:
        yield Served(engine, f"{url}/fhir", token)
    engine.dispose()


def test_fhirpy_reads_searches_pages_and_is_refused_as_any_fhir_client_is(site: Served) -> None:
    client: Any = fhirpy.SyncFHIRClient(site.url, authorization=f"Bearer {site.token}")
    [person] = client.resources("Patient").fetch_all()
    assert person.serialize()["id"] == HANAKO
    weights = client.resources("Observation").search(code="http://loinc.org|29463-7", patient=HANAKO).sort("-date")
    assert weights.count() == 40
    found = weights.limit(7).fetch_all()
    days = [one["effectiveDateTime"] for one in found]
    assert (len(days), days) == (40, sorted(days, reverse=True))
    newest = weights.first()
    assert newest is not None
    assert newest.to_reference().to_resource().serialize() == newest.serialize()
    some = client.resources("Observation").search(date__ge="2026-11-21", date__lt="2026-11-22", category="vital-signs")
    assert {one["effectiveDateTime"][:10] for one in some.fetch_all()} == {"2026-11-21"}
    for kind in TABLE:
        assert HIS.word not in str([one.serialize() for one in client.resources(kind).fetch_all()])
    with pytest.raises(ResourceNotFound):
        client.reference("Patient", TARO).to_resource()
    with pytest.raises(OperationOutcome, match="no date or instant"):
        client.resources("Observation").search(date="yesterday").fetch()
    stranger = fhirpy.SyncFHIRClient(site.url, authorization="Bearer minato_wrong")
    with pytest.raises(AuthorizationError, match="opens nothing"):
        stranger.resources("Patient").fetch()


def test_what_the_guard_before_all_refuses_is_an_operation_outcome_here_and_a_page_elsewhere(site: Served) -> None:
    many = "x" * 70_000
    for where, kind in (
        (f"{site.url}/Patient", "application/fhir+json"),
        (site.url.replace("/fhir", "/me"), "text/html"),
    ):
        said = [
            httpx.get(where, headers={"Host": "evil.example"}), httpx.get(f"{where}?name=%00"),
            httpx.post(f"{where}/_search", content=many), httpx.post(where, headers={"Sec-Fetch-Site": "cross-site"}),
        ]  # fmt: skip
        assert [one.status_code for one in said] == [400, 400, 413, 403]
        assert {one.headers["content-type"].partition(";")[0] for one in said} == {kind}
        assert {one.headers["x-content-type-options"] for one in said} == {"nosniff"}


def test_whatever_schemathesis_sends_there_is_no_fault_of_ours_and_nothing_of_anybody_else(site: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{site.url}/openapi.json")
    words = {*ids_of(site.engine, HIS), f'"value":{UNSEEN_VALUE}', UNSEEN_WORD}
    names = cycle(sorted(name for who in (HERS, HIS) for name in ids_of(site.engine, who) if '"' not in name))
    asked: list[int] = []
    for number, found in enumerate(schema.get_all_operations()):
        assert isinstance(found, Ok)
        operation = found.ok()
        # In a short run each operation gets one sort of data; 16 kinds share the code, so each way gets both.
        modes = list(GenerationMode) if CAMPAIGN else [list(GenerationMode)[number % 2]]
        if operation.path == "/metadata":
            modes = [GenerationMode.POSITIVE]  # what has no parameter has no wrong one either
        for mode in modes:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=CASES, database=None, deadline=None, suppress_health_check=list(HealthCheck),
                      phases=[Phase.generate])  # fmt: skip
            def throw(case: schemathesis.Case[Any]) -> None:
                if "id" in case.path_parameters and len(asked) % 2:
                    case.path_parameters["id"] = next(names)
                answer = case.call(headers={"Authorization": f"Bearer {site.token}"})
                asked.append(answer.status_code)
                case.validate_response(answer, checks=CHECKS)
                assert [word for word in words if word in answer.text] == []

            throw()
    assert len(asked) > 45 * CASES
    assert {200, 404} <= set(asked)
