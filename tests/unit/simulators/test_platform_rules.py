"""The broker stand-in without a wire: every rule it enforces, asked of `Platform.answer`.

The rules are those that a real Orion 4.1.0 was seen to enforce, and FIWARE-NGSI v2 where it says them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.hospital.journal import Received
from simulators.platform.audit import broken_promises, misuses, told
from simulators.platform.broker import Abilities, Platform
from simulators.platform.instants import told_instant
from simulators.platform.scopes import covers
from simulators.platform.tokens import Client
from simulators.wire import Call, Said

HOME = {"fiware-service": "sakata", "fiware-servicepath": "/phr/stats"}
JSON = {"content-type": "application/json"}
RELEASE = "urn:ngsi-ld:PhrAggregateRelease:062049:2026H1"

Ask = Callable[..., Said]


def cell(name: str, count: Any = 35, **more: Any) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:PhrAggregateCell:062049:2026H1:T2:{name}", "type": "PhrAggregateCell",
        "refRelease": {"type": "Relationship", "value": RELEASE},
        "periodStart": {"type": "DateTime", "value": "2026-04-01"},
        "interestLabel": {"type": "Text", "value": "ウォーキング（散歩）"},
        "personCount": {
            "type": "Integer", "value": count, "metadata": {"unitCode": {"type": "Text", "value": "IE"}},
        },
        "status": {"type": "Text", "value": "published" if count else "suppressed"}, **more,
    }  # fmt: skip


def release(status: str, count: int, **more: Any) -> dict[str, Any]:
    return {
        "id": RELEASE, "type": "PhrAggregateRelease", "cellCount": {"type": "Integer", "value": count},
        "releaseStatus": {"type": "Text", "value": status}, **more,
    }  # fmt: skip


def batch(*entities: Any, action: str = "append") -> bytes:
    return json.dumps({"actionType": action, "entities": entities}).encode()


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def ask(platform: Platform) -> Ask:
    def send(method: str, target: str, body: bytes = b"", only: int | None = None, **headers: str | None) -> Said:
        said = HOME | (JSON | {"content-length": str(len(body))} if method == "POST" else {})
        said |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        for name in [name for name, value in headers.items() if value is None]:
            said.pop(name.replace("_", "-"), None)
        return platform.answer(Call(1, method, target, said, body), only=only)

    return send


def write(ask: Ask, *entities: Any, action: str = "append", **headers: str | None) -> tuple[int, str]:
    """Status and error of a batch."""
    answer = ask("POST", "/v2/op/update", batch(*entities, action=action), **headers)
    return answer.status, json.loads(answer.body)["error"] if answer.body else ""


def read(ask: Ask, query: str = "", **headers: str | None) -> list[dict[str, Any]]:
    answer = ask("GET", f"/v2/entities{query}", **headers)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = json.loads(answer.body)
    return found


BAD = (400, "BadRequest")


# -- characters, names, depth


@pytest.mark.parametrize("character", list("<>\"'=;()"))
def test_a_forbidden_character_in_a_value_stops_the_whole_batch(platform: Platform, ask: Ask, character: str) -> None:
    text = f"BMI{character}25"
    inside = {"type": "StructuredValue", "value": {"deep": [1, {"er": text}]}}
    marked = {"type": "Text", "value": "x", "metadata": {"note": {"type": "Text", "value": text}}}
    for one in ({"type": "Text", "value": text}, inside, marked):
        assert write(ask, cell("a"), cell("b", label=one)) == BAD
    assert platform.entities.everywhere() == []


def test_japanese_brackets_and_keys_of_a_structured_value_are_taken(ask: Ask) -> None:
    label = {"type": "StructuredValue", "value": {"a(b)=c": "（肥満）＜＝「25」"}}
    assert write(ask, cell("a", label=label)) == (204, "")
    assert read(ask)[0]["label"]["value"] == {"a(b)=c": "（肥満）＜＝「25」"}


@pytest.mark.parametrize("name", ["", "x" * 257, "歩く", "a b", "a&b", "a?b", "a/b", "a#b", "a(b", "a=b", "a\tb"])
def test_ids_types_and_names_are_short_plain_ascii(ask: Ask, name: str) -> None:
    good = {"type": "Text", "value": "x"}
    wrong: list[dict[str, Any]] = [
        cell("a") | {"id": name}, cell("a") | {"type": name}, cell("a", **{name: good}),
        cell("a", label={"type": name, "value": "x"}), cell("a", label=good | {"metadata": {name: good}}),
        cell("a", label=good | {"metadata": {"note": {"type": name, "value": "x"}}}),
    ]  # fmt: skip
    for one in wrong:
        assert write(ask, one) == BAD
    assert write(ask, cell("a", **{"x" * 256: good})) == (204, "")


def test_a_value_may_be_nested_fifty_deep_and_no_deeper(ask: Ask) -> None:
    def nested(depth: int) -> dict[str, Any]:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return cell("a", deep={"type": "StructuredValue", "value": value})

    assert write(ask, nested(50)) == (204, "")
    assert write(ask, nested(51)) == BAD
    bomb = b'{"actionType":"append","entities":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert ask("POST", "/v2/op/update", bomb).status == 400


# -- values


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-04-01", "2026-04-01T00:00:00.000Z"), ("2026-04-01T09", "2026-04-01T09:00:00.000Z"),
        ("2026-04-01T09:30:00.5+09:00", "2026-04-01T00:30:00.500Z"), ("2026-04-01T0930-0330", "2026-04-01T13:00:00.000Z"),
        ("2026-04-01T09:30:15Z", "2026-04-01T09:30:15.000Z"), ("2026-04-01/2026-09-30", None), ("2026-4-1", None),
        ("2026-02-30", None), ("2026-04-01Z", None), ("2026-04-01T09:3015", None), ("", None), ("0001-01-01T00:00+09", None),
    ],
)  # fmt: skip
def test_an_instant_is_taken_in_many_spellings_and_told_in_one(ask: Ask, written: str, told: str | None) -> None:
    assert told_instant(written) == told
    when = {"type": "DateTime", "value": written}
    assert write(ask, cell("a", at=when, noted={"value": 1, "metadata": {"at": when}})) == (
        BAD if told is None else (204, "")
    )
    if told:
        [kept] = read(ask)
        assert kept["at"] == {"type": "DateTime", "value": told, "metadata": {}}
        assert kept["noted"]["metadata"]["at"]["value"] == told


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_an_instant_comes_back_to_the_millisecond(when: datetime) -> None:
    whole = when.replace(microsecond=when.microsecond // 1000 * 1000)
    assert datetime.fromisoformat(told_instant(when.isoformat()) or "") == whole


@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        ("geo:point", "38.91, 139.83", 204), ("geo:point", "91, 0", 400), ("geo:point", [38, 139], 400),
        ("geo:line", ["1,1", "2,2"], 204), ("geo:line", ["1,1"], 400), ("geo:box", ["1,1", "2,2", "3,3"], 400),
        ("geo:polygon", ["0,0", "0,1", "1,1", "0,0"], 204), ("geo:polygon", ["0,0", "0,1", "1,1", "1,0"], 400),
        ("geo:json", {"type": "Point", "coordinates": [139.83, 38.91]}, 204), ("geo:json", {"type": "Feature"}, 400),
    ],
)  # fmt: skip
def test_a_place_is_a_place(ask: Ask, kind: str, value: Any, status: int) -> None:
    assert write(ask, cell("a", location={"type": kind, "value": value}))[0] == status


def test_an_entity_has_one_place_at_most(ask: Ask) -> None:
    point = {"type": "geo:point", "value": "38.9,139.8"}
    assert write(ask, cell("a", here=point, there=point)) == (413, "NoResourcesAvailable")


def test_bare_values_need_key_values_and_get_their_types_from_json(ask: Ask) -> None:
    bare = {"id": "a", "type": "T", "n": 1.5, "s": "x", "b": True, "o": [1], "z": None}
    assert write(ask, bare) == BAD
    assert ask("POST", "/v2/op/update?options=keyValues", batch(bare)).status == 204
    [whole], [short] = read(ask), read(ask, "?options=keyValues")
    assert short == bare
    assert {name: whole[name]["type"] for name in "nsboz"} == {
        "n": "Number", "s": "Text", "b": "Boolean", "o": "StructuredValue", "z": "None",
    }  # fmt: skip


def test_a_suppressed_cell_is_a_null_that_is_there(ask: Ask) -> None:
    assert write(ask, cell("a", None)) == (204, "")
    assert read(ask)[0]["personCount"]["value"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"[]", b'{"actionType":"append"}', b'{"actionType":"append","entities":[]}',
        b'{"actionType":"APPEND","entities":[{"id":"a"}]}', b'{"actionType":"append","entities":[1]}',
        b'{"actionType":"append","entities":[{"type":"T"}]}', b'{"actionType":"append","entities":[{"id":"a"}],"x":1}',
        b'{"actionType":"append","entities":[{"id":"a","b":{"valeu":1}}]}', b"\xff",
    ],
)  # fmt: skip
def test_a_body_that_is_no_batch_is_refused(platform: Platform, ask: Ask, body: bytes) -> None:
    answer = ask("POST", "/v2/op/update", body)
    assert answer.status == 400
    assert json.loads(answer.body)["error"] == ("ParseError" if body in {b"{", b"\xff"} else "BadRequest")
    assert platform.entities.everywhere() == []


@given(
    body=st.binary(max_size=40) | st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists).map(
        lambda value: json.dumps({"actionType": "append", "entities": [{"id": "a", "b": value}]}).encode()
    ),
    target=st.sampled_from(["/v2/op/update", "/v2/entities", "/oauth2/token", "//[", "/v2/entities/%ff"])
    | st.text("/v2entis?=&%[]", max_size=20),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    length=st.none() | st.text("0123456789-²", max_size=6),
)  # fmt: skip
def test_nothing_a_client_sends_breaks_the_broker(body: bytes, target: str, method: str, length: str | None) -> None:
    headers = HOME | JSON | ({} if length is None else {"content-length": length})
    answer = Platform().answer(Call(1, method, target, headers, body))
    assert answer.status in {200, 201, 204, 400, 401, 404, 405, 411, 413, 415, 422}
    assert answer.status == 204 or json.loads(answer.body) is not None


# -- tenants and paths


@pytest.mark.parametrize("tenant", ["sakata-city", "a" * 51, "酒田", "a/b"])
def test_a_tenant_is_letters_digits_and_underscores(ask: Ask, tenant: str) -> None:
    assert write(ask, cell("a"), fiware_service=tenant) == BAD


def test_tenants_see_only_themselves_and_do_not_mind_capitals(ask: Ask) -> None:
    assert write(ask, cell("a"), fiware_service="Sakata") == (204, "")
    assert len(read(ask, fiware_service="SAKATA")) == 1
    assert read(ask, fiware_service="tsuruoka") == []


@pytest.mark.parametrize("path", ["phr", "/phr-stats", "/" + "a" * 51, "/a" * 11, "/a//b", "/統計", "/#/a", "//a"])
def test_a_service_path_is_absolute_and_plain(ask: Ask, path: str) -> None:
    assert write(ask, cell("a"), fiware_servicepath=path) == BAD
    assert ask("GET", "/v2/entities", fiware_servicepath=path).status == 400


def test_a_read_without_a_path_sees_all_and_with_one_sees_that(ask: Ask) -> None:
    for name, path in (("a", "/phr/stats"), ("b", "/phr/stats/old/"), ("c", "/phrase"), ("d", None)):
        assert write(ask, cell(name), fiware_servicepath=path) == (204, "")

    def seen(path: str | None) -> str:
        return "".join(one["id"][-1] for one in read(ask, fiware_servicepath=path))

    assert [seen(path) for path in (None, "/#", "/", "/phr/#", "/phr/stats", "/phr/stats,/phrase", "/phr")] == [
        "abcd", "abcd", "d", "ab", "a", "ac", "",
    ]  # fmt: skip
    assert covers(("/phr/#",), "/phr")
    assert not covers(("/phr/#",), "/phrase")


def test_a_write_below_or_to_two_paths_is_taken_and_counted_as_misuse(platform: Platform, ask: Ask) -> None:
    paths = ("/phr/#", "/a, /b")
    assert [write(ask, cell("a"), fiware_servicepath=path) for path in paths] == [(204, "")] * 2
    assert [key.path for key in platform.entities.everywhere()] == ["/phr", "/a"]
    lines = [received(batch(cell("a")), number, {"fiware-servicepath": path}) for number, path in enumerate(paths)]
    assert [one.code for one in misuses(lines)] == ["path-below", "several-paths"]


# -- actions


def test_append_again_changes_nothing_and_makes_no_second(ask: Ask) -> None:
    for _ in range(2):
        assert write(ask, cell("a"), cell("a"), cell("b")) == (204, "")
    assert [one["id"][-1] for one in read(ask)] == ["a", "b"]


def test_append_leaves_what_the_new_version_does_not_name(ask: Ask) -> None:
    write(ask, cell("a", note={"type": "Text", "value": "old"}))
    assert write(ask, cell("a") | {"personCount": {"type": "Integer", "value": 40}}) == (204, "")
    [kept] = read(ask)
    assert kept["note"]["value"] == "old"
    assert (kept["personCount"]["value"], kept["personCount"]["metadata"]["unitCode"]["value"]) == (40, "IE")


def test_replace_removes_what_is_not_named_and_needs_the_entity(ask: Ask) -> None:
    assert write(ask, cell("a"), action="replace") == (404, "NotFound")
    write(ask, cell("a", note={"value": "old"}))
    assert write(ask, cell("a"), action="replace") == (204, "")
    assert "note" not in read(ask)[0]
    assert write(ask, cell("a", 40), cell("b"), action="replace") == (422, "PartialUpdate")
    [kept] = read(ask)
    assert kept["personCount"]["value"] == 40


def test_append_strict_adds_but_never_changes(ask: Ask) -> None:
    assert write(ask, cell("a"), action="appendStrict") == (204, "")
    assert write(ask, cell("a", 40), action="appendStrict") == (422, "Unprocessable")
    assert write(ask, cell("a", 40), cell("b"), action="appendStrict") == (422, "PartialUpdate")
    assert write(ask, cell("a", 40, note={"value": 1}), action="appendStrict") == (422, "PartialUpdate")
    assert [(one["id"][-1], one["personCount"]["value"], "note" in one) for one in read(ask)] == [
        ("a", 35, True), ("b", 35, False),
    ]  # fmt: skip
    more = {"id": cell("a")["id"], "type": "PhrAggregateCell", "more": {"value": 1}}
    assert write(ask, more, action="appendStrict") == (204, "")


def test_update_changes_what_is_there_only(ask: Ask) -> None:
    assert write(ask, cell("a"), action="update") == (404, "NotFound")
    write(ask, cell("a"))
    assert write(ask, cell("a", 40), action="update") == (204, "")
    assert write(ask, {"id": cell("a")["id"], "new": {"value": 1}}, action="update") == (422, "Unprocessable")
    assert write(ask, cell("a", 45, new={"value": 1}), action="update") == (422, "PartialUpdate")
    [kept] = read(ask)
    assert (kept["personCount"]["value"], "new" in kept) == (45, False)


def test_delete_takes_an_entity_or_its_attributes(ask: Ask) -> None:
    write(ask, cell("a"), cell("b"))
    name = {"id": cell("a")["id"], "type": "PhrAggregateCell"}
    assert write(ask, name | {"status": {}}, action="delete") == (204, "")
    assert "status" not in read(ask)[0]
    assert write(ask, name | {"status": {}}, action="delete") == (404, "NotFound")
    assert write(ask, name, action="delete") == (204, "")
    assert write(ask, name, action="delete") == (404, "NotFound")
    assert [one["id"][-1] for one in read(ask)] == ["b"]


def test_an_id_that_two_types_have_is_ambiguous(ask: Ask) -> None:
    for kind in ("T", "U"):
        assert write(ask, {"id": "a", "type": kind, "n": {"value": 1}}) == (204, "")
    assert write(ask, {"id": "a", "n": {"value": 2}}) == (409, "TooManyResults")
    for method in ("GET", "DELETE"):
        assert ask(method, "/v2/entities/a").status == 409
    assert ask("DELETE", "/v2/entities/a?type=U").status == 204
    assert ask("GET", "/v2/entities/a").status == 200
    assert write(ask, {"id": "nameless", "n": {"value": 1}}) == (204, "")
    assert read(ask, "?id=nameless")[0]["type"] == "Thing"


def test_one_entity_is_created_once_read_and_removed(ask: Ask) -> None:
    body = json.dumps(cell("a")).encode()
    made = ask("POST", "/v2/entities", body)
    where = made.headers["Location"]
    assert made.status == 201
    assert ask("POST", "/v2/entities", body).status == 422
    assert ask("POST", "/v2/entities?options=upsert", body).status == 204
    assert json.loads(ask("GET", where).body)["personCount"]["value"] == 35
    assert [ask("DELETE", where).status, ask("DELETE", where).status, ask("GET", where).status] == [204, 404, 404]


# -- HTTP


def test_the_forms_of_http_are_kept(ask: Ask) -> None:
    body = batch(cell("a"))
    assert ask("GET", "/v2/entities", content_type="application/json").status == 400
    assert ask("DELETE", f"/v2/entities/{RELEASE}", content_type="application/json").status == 400
    assert ask("POST", "/v2/op/update", body, content_length=None).status == 411
    assert ask("POST", "/v2/op/update").status == 411
    assert ask("POST", "/v2/op/update", body, content_type="text/plain").status == 415
    assert ask("POST", "/v2/op/update", body, content_type=None).status == 415
    assert ask("POST", "/v2/op/update", body, content_type="application/json; charset=utf-8").status == 204
    assert ask("POST", "/v2/op/update", body, content_length="many").status == 400
    assert ask("GET", "/v2/entities", accept="text/html").status == 406
    assert ask("PUT", "/v2/op/update", body, content_length="9", content_type="application/json").status == 405
    assert ask("GET", "/v2/op/update").status == 405
    assert ask("GET", "/v3").status == 404


def test_a_body_of_one_mebibyte_is_taken_and_a_byte_more_is_not(ask: Ask) -> None:
    body = batch(cell("a"))
    full = body + b" " * (1_048_576 - len(body))
    assert ask("POST", "/v2/op/update", full).status == 204
    over = ask("POST", "/v2/op/update", full + b" ")
    assert (over.status, json.loads(over.body)["error"]) == (413, "RequestEntityTooLarge")


# -- reading


def test_pages_are_stable_counted_and_limited(ask: Ask) -> None:
    write(ask, *(cell(f"{number:04}") for number in range(1203)))
    assert len(read(ask)) == 20
    ids: list[str] = []
    while True:
        answer = ask("GET", f"/v2/entities?options=count,keyValues&limit=500&offset={len(ids)}")
        page = json.loads(answer.body)
        assert answer.headers["Fiware-Total-Count"] == "1203"
        if not page:
            break
        ids += [one["id"] for one in page]
    assert [id_[-4:] for id_ in ids] == [f"{number:04}" for number in range(1203)]
    assert len(read(ask, "?limit=1000")) == 1000
    for wrong in ("limit=1001", "limit=0", "limit=-1", "limit=x", "offset=-1", "options=fast", "orderBy=id", "type="):
        assert ask("GET", f"/v2/entities?{wrong}").status == 400, wrong


def test_a_query_finds_by_id_pattern_type_and_value(ask: Ask) -> None:
    write(ask, cell("a"), cell("b", None), release("loading", 2))

    def found(**query: str) -> list[str]:
        return [one["id"][-1] for one in read(ask, f"?{urlencode(query)}")]

    assert found(type="PhrAggregateRelease") == ["1"]
    assert found(id=f"{RELEASE},{cell('b')['id']}") == ["b", "1"]
    assert found(idPattern="T2:(a|b)$") == ["a", "b"]
    assert found(q=f"refRelease=='{RELEASE}';status==published") == ["a"]
    assert found(q="status!=published,complete") == ["b"]
    assert found(q="personCount==35,40") == ["a"]
    assert [sorted(one) for one in read(ask, "?attrs=status&type=PhrAggregateCell")] == [["id", "status", "type"]] * 2
    for wrong in ({"q": "n>3"}, {"idPattern": "("}, {"id": "a", "idPattern": "a"}, {"type": "a(b"}, {"attrs": "a=b"}):
        assert ask("GET", f"/v2/entities?{urlencode(wrong)}").status == 400, wrong


# -- tokens


def test_a_token_is_given_for_id_and_secret_and_ends() -> None:
    clock = [datetime(2026, 11, 22, tzinfo=UTC)]
    platform = Platform(clients=(Client("phr", "geheim:&"),), now=lambda: clock[0])

    def post(form: dict[str, str], **headers: str) -> Said:
        body = urlencode(form).encode()
        said = {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))} | headers
        return platform.answer(Call(1, "POST", "/oauth2/token", said, body))

    def error(answer: Said) -> tuple[int, str]:
        return answer.status, json.loads(answer.body)["error"]

    grant = {"grant_type": "client_credentials", "client_id": "phr", "client_secret": "geheim:&"}
    assert error(post(grant | {"client_secret": "x"})) == (401, "invalid_client")
    assert error(post(grant | {"client_id": "x"})) == (401, "invalid_client")
    assert error(post(grant | {"grant_type": "password"})) == (400, "unsupported_grant_type")
    assert error(post(grant, **{"content-type": "application/json"})) == (400, "invalid_request")
    assert error(post({"grant_type": "client_credentials"}, authorization="Basic %%%")) == (401, "invalid_client")
    basic = "Basic cGhyOmdlaGVpbSUzQSUyNg=="
    for ways in ((grant, {}), ({"grant_type": "client_credentials"}, {"authorization": basic})):
        given_ = post(ways[0], **ways[1])
        said = json.loads(given_.body)
        assert (given_.status, said["token_type"], "refresh_token" in said) == (200, "Bearer", False)
        assert given_.headers["Cache-Control"] == "no-store"
        bearer = HOME | {"authorization": f"Bearer {said['access_token']}"}
        look = Call(2, "GET", "/v2/entities", bearer, b"")
        assert platform.answer(look).status == 200
        clock[0] += timedelta(seconds=said["expires_in"])
        refused = platform.answer(look)
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert platform.answer(Call(3, "GET", "/v2/entities", HOME, b"")).headers["WWW-Authenticate"] == "Bearer"


def test_a_refresh_token_is_good_once_where_the_gateway_gives_any() -> None:
    platform = Platform(Abilities(refresh=True), clients=(Client("phr", "s"), Client("other", "s")))

    def post(**form: str) -> tuple[int, dict[str, Any]]:
        body = urlencode({"client_id": "phr", "client_secret": "s"} | form).encode()
        said = {"content-type": "application/x-www-form-urlencoded", "content-length": str(len(body))}
        answer = platform.answer(Call(1, "POST", "/oauth2/token", said, body))
        return answer.status, json.loads(answer.body)

    _, first = post(grant_type="client_credentials")
    status, second = post(grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (status, second["access_token"] != first["access_token"]) == (200, True)
    assert post(grant_type="refresh_token", refresh_token=first["refresh_token"])[1]["error"] == "invalid_grant"
    stolen = post(grant_type="refresh_token", refresh_token=second["refresh_token"], client_id="other")
    assert stolen[1]["error"] == "invalid_grant"


# -- what a harness asks afterwards


def received(body: bytes = b"", number: int = 1, headers: dict[str, str] | None = None) -> Received:
    said = HOME | (headers or {})
    return Received(number, datetime(2026, 11, 22, tzinfo=UTC), "POST", "/v2/op/update", said, body.decode())


def codes(platform: Platform) -> list[str]:
    return [one.code for one in broken_promises(platform.entities.changes)]


def test_a_release_that_turns_complete_last_breaks_no_promise(platform: Platform, ask: Ask) -> None:
    write(ask, release("loading", 2))
    write(ask, cell("a"))
    write(ask, cell("a"), cell("b"))
    write(ask, release("complete", 2))
    write(ask, cell("a"), release("complete", 2))
    write(ask, release("withdrawn", 2))
    write(ask, cell("b"), action="replace")
    write(ask, {"id": cell("a")["id"]}, action="delete")
    assert codes(platform) == []


def test_a_release_shown_before_its_last_cell_is_found(platform: Platform, ask: Ask) -> None:
    write(ask, cell("a"), release("complete", 2))
    assert codes(platform) == ["complete-early"]
    write(ask, cell("b"))
    assert codes(platform) == ["complete-early", "changed-after"]


def test_a_complete_release_that_changes_is_found(platform: Platform, ask: Ask) -> None:
    write(ask, cell("a"), release("complete", 1))
    write(ask, cell("a", 40))
    write(ask, release("complete", 1, issued={"type": "DateTime", "value": "2026-10-01"}))
    write(ask, {"id": cell("a")["id"]}, action="delete")
    write(ask, release("loading", 1))
    found = ["changed-after", "changed-after", "changed-after", "turned-back"]
    assert codes(platform) == found
    write(ask, release("withdrawn", 1))
    assert codes(platform) == found
    write(ask, release("complete", 0))
    assert codes(platform) == [*found, "turned-back"]


def test_what_a_careful_client_never_sends_is_counted() -> None:
    many = [cell(f"{number}") for number in range(501)]
    assert misuses([received(batch(*many[:500]))]) == []
    said = [
        received(batch(*many)), received(batch(many[0], many[0])), received(batch() + b" " * 524_288),
        received(headers={"fiware-service": ""}), received(headers={"fiware-servicepath": "/"}),
    ]  # fmt: skip
    assert [one.code for line in said for one in misuses([line])] == [
        "over-500", "entity-twice", "over-512-kib", "no-tenant", "no-path",
    ]  # fmt: skip


@pytest.mark.parametrize("where", ["body", "escaped", "key", "header", "target", "form"])
def test_a_personal_text_is_found_wherever_it_hides(where: str) -> None:
    name = "佐藤 花子"
    entity = cell("a") | ({name: 1} if where == "key" else {"x": name})
    line = {
        "body": lambda: received(json.dumps(entity, ensure_ascii=False).encode()),
        "escaped": lambda: received(json.dumps(entity).encode()),
        "key": lambda: received(json.dumps(entity).encode()),
        "header": lambda: received(headers={"user-agent": f"phr {name}"}),
        "target": lambda: Received(1, datetime.now(UTC), "GET", f"/v2/entities?{urlencode({'id': name})}", {}, ""),
        "form": lambda: received(urlencode({"client_id": name}).encode()),
    }[where]()
    assert [one.what for one in told([line], ["r-00000000", name, ""])] == [name]
    assert told([line], ["山田"]) == []
