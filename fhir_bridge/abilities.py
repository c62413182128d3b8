"""What a server can do, read from its CapabilityStatement: the bridge believes nothing else about it."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from fhir_bridge.client_answers import Failure

FHIR_VERSION: Final = "4.0.1"

Strategy = Literal["put", "conditional", "search"]


class Ability(msgspec.Struct, frozen=True, kw_only=True):
    """What it does with one type: interactions (`read`, `search-type`, `create`, `update` …) and search parameters."""

    does: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()
    update_create: bool = False
    conditional_create: bool = False
    versioned: bool = False


class Abilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says it can do."""

    version: str
    software: str = ""
    batch: bool = False
    transaction: bool = False
    secured: bool = False
    types: dict[str, Ability] = {}

    def strategy(self, kind: str) -> Strategy | None:
        """How a resource of `kind` is stored at most once; None when the server takes no such resource at all.

        `put`: under an id of ours. `conditional`: create unless its identifier is there. `search`: look, then create.
        """
        ability = self.types.get(kind)
        if ability is None:
            return None
        if ability.update_create and "update" in ability.does:
            return "put"
        if "create" not in ability.does:
            return None
        return "conditional" if ability.conditional_create else "search"

    def searches(self, kind: str, *parameters: str) -> bool:
        """Whether `kind` can be searched by all of these; `_count` and `_sort` are never announced, so never asked."""
        ability = self.types.get(kind)
        return ability is not None and "search-type" in ability.does and set(parameters) <= ability.parameters

    def does(self, kind: str, interaction: str) -> bool:
        """Whether the server carries out `interaction` (R4 words: read, vread, update, create …) on `kind`."""
        ability = self.types.get(kind)
        return ability is not None and interaction in ability.does


class _Coded(msgspec.Struct):
    code: str = ""


class _Named(msgspec.Struct, frozen=True):
    name: str = ""


class _Type(msgspec.Struct, rename="camel"):
    type: str = ""
    interaction: list[_Coded] = []
    search_param: list[_Named] = []
    update_create: bool = False
    conditional_create: bool = False
    versioning: str = ""


class _Rest(msgspec.Struct):
    mode: str = ""
    resource: list[_Type] = []
    interaction: list[_Coded] = []
    security: dict[str, Any] = {}
    searchParam: list[_Named] = []  # noqa: N815 - the field's name on the wire


class _Statement(msgspec.Struct, rename="camel"):
    resource_type: str = ""
    fhir_version: str = ""
    software: _Named = _Named()
    rest: list[_Rest] = []


def read_abilities(body: object, request: str = "") -> Abilities | Failure:
    """The abilities in a CapabilityStatement; a Failure with `fhir-version` for anything but R4 4.0.1."""
    try:
        said = msgspec.convert(body, _Statement)
    except msgspec.ValidationError as error:
        return Failure(kind="refused", code="bad-capability", outcome=str(error)[:200], request=request)
    if said.resource_type != "CapabilityStatement":
        return Failure(kind="refused", code="bad-capability", outcome="no CapabilityStatement", request=request)
    if said.fhir_version != FHIR_VERSION:
        why = f"the server speaks FHIR {said.fhir_version[:20] or 'of no version'}, we speak {FHIR_VERSION}"
        return Failure(kind="refused", code="fhir-version", outcome=why, request=request)
    served = [one for one in said.rest if one.mode == "server"]
    whole = {one.code for rest in served for one in rest.interaction}
    return Abilities(
        version=said.fhir_version, software=said.software.name, batch="batch" in whole,
        transaction="transaction" in whole, secured=any(rest.security for rest in served),
        types={one.type: _ability(one, rest) for rest in served for one in rest.resource if one.type},
    )  # fmt: skip


def _ability(said: _Type, rest: _Rest) -> Ability:
    return Ability(
        does=frozenset(one.code for one in said.interaction if one.code),
        parameters=frozenset(one.name for one in (*said.search_param, *rest.searchParam) if one.name),
        update_create=said.update_create, conditional_create=said.conditional_create,
        versioned=said.versioning in {"versioned", "versioned-update"},
    )  # fmt: skip
