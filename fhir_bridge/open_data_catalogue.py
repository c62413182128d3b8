"""What catalogues of open data say of a release: DCAT as JSON-LD, and the body of CKAN's `package_create`. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from engine.municipalities import REGION
from fhir_bridge.open_data_model import LICENCES, File, Source
from fhir_bridge.open_data_words import area, half_year, table

# W3C DCAT 2 and what it builds on; IANA names the media types.
_CONTEXT: Final = {
    "dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "foaf": "http://xmlns.com/foaf/0.1/",
    "vcard": "http://www.w3.org/2006/vcard/ns#", "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#", "adms": "http://www.w3.org/ns/adms#",
}  # fmt: skip
_MEDIA: Final = "https://www.iana.org/assignments/media-types/"
# The EU's vocabularies, which DCAT-AP uses: twice a year; the health of people; Japanese.
_JAPANESE: Final = "http://publications.europa.eu/resource/authority/language/JPN"
_TWICE_A_YEAR: Final = "http://publications.europa.eu/resource/authority/frequency/ANNUAL_2"
_HEALTH: Final = "http://publications.europa.eu/resource/authority/data-theme/HEAL"
_MAIL: Final = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
_KEYWORDS: Final = ("健康", "BMI", "年代", "関心", "統計", "PHR")


def files(source: Source, published: Sequence[File]) -> tuple[File, ...]:
    """Both catalogue entries for these files."""
    made = (
        ("_catalogue.jsonld", "application/ld+json", "カタログ(DCAT)", _catalogue(source, published)),
        ("_ckan.json", "application/json", "カタログ(CKAN)", _package(source, published)),
    )
    return tuple(
        File(source.name(end), media, title, msgspec.json.format(msgspec.json.encode(body), indent=1))
        for end, media, title, body in made
    )


def _catalogue(source: Source, published: Sequence[File]) -> dict[str, Any]:
    dataset = {"@id": source.address(f"#{source.id}"), "@type": "dcat:Dataset"} | _described(source)
    return {
        "@context": _CONTEXT, "@id": source.address(source.name("_catalogue.jsonld")), "@type": "dcat:Catalog",
        "dct:title": _ja(f"{REGION[source.code]} PHR統計 オープンデータ"), "dct:description": _ja(_notes(source)),
        "dct:publisher": _publisher(source), "dct:issued": _day(source.about.issued),
        "dct:language": {"@id": _JAPANESE},
        "dcat:dataset": dataset | {"dcat:distribution": [_distribution(source, file) for file in published]},
    }  # fmt: skip


def _described(source: Source) -> dict[str, Any]:
    release = source.release
    contact: dict[str, Any] = {"@type": "vcard:Organization", "vcard:fn": source.about.contact}
    mail = _MAIL.search(source.about.contact)
    if mail:
        contact["vcard:hasEmail"] = {"@id": f"mailto:{mail[0]}"}
    return {
        "dct:identifier": source.id, "dct:title": _ja(_title(source)), "dct:description": _ja(_notes(source)),
        "dct:issued": _day(source.about.issued), "dct:publisher": _publisher(source), "dcat:contactPoint": contact,
        "dcat:keyword": [_ja(word) for word in _KEYWORDS], "dcat:theme": {"@id": _HEALTH},
        "dct:accrualPeriodicity": {"@id": _TWICE_A_YEAR},
        "dct:temporal": {
            "@type": "dct:PeriodOfTime", "dcat:startDate": _day(release.start), "dcat:endDate": _day(release.end),
        },
        "dct:spatial": [
            {"@type": "dct:Location", "dct:identifier": code, "dct:title": _ja(REGION[code])}
            for code in release.unit.municipalities
        ],
        "dct:license": {"@id": LICENCES[source.about.licence].url},
        "adms:versionNotes": f"sha256 {source.sha256}",
        "dct:conformsTo": {"@type": "dct:Standard", "dct:title": release.method},
    }  # fmt: skip


def _distribution(source: Source, file: File) -> dict[str, Any]:
    address = {"@id": source.address(file.name)}
    checksum = {"@type": "spdx:Checksum", "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
                "spdx:checksumValue": hashlib.sha256(file.content).hexdigest()}  # fmt: skip
    return {
        "@type": "dcat:Distribution", "dct:title": _ja(file.title), "dcat:accessURL": address,
        "dcat:downloadURL": address, "dcat:mediaType": {"@id": f"{_MEDIA}{file.media}"},
        "dcat:byteSize": {"@value": str(len(file.content)), "@type": "xsd:nonNegativeInteger"},
        "dct:license": {"@id": LICENCES[source.about.licence].url}, "spdx:checksum": checksum,
    }  # fmt: skip


def _package(source: Source, published: Sequence[File]) -> dict[str, Any]:
    release, about = source.release, source.about
    told = {
        "release_id": source.id, "release_sha256": source.sha256, "period_start": f"{release.start}",
        "period_end": f"{release.end}", "method": release.method, "epsilon": release.epsilon, "delta": release.delta,
        "area": area(release.unit), "licence_url": LICENCES[about.licence].url,
    }  # fmt: skip
    mail = _MAIL.search(about.contact)
    return {
        # CKAN takes small letters, digits, - and _ only.
        "name": re.sub(r"[^a-z0-9_-]", "-", source.name("").lower()), "title": _title(source), "notes": _notes(source),
        "license_id": LICENCES[about.licence].ckan, "author": REGION[source.code], "maintainer": about.contact,
        **({"maintainer_email": mail[0]} if mail else {}),
        **({"url": about.dataset_url} if about.dataset_url else {}), "version": f"{release.period} {source.sha256}",
        "private": False, "tags": [{"name": word} for word in _KEYWORDS],
        "extras": [{"key": key, "value": value} for key, value in told.items()],
        "resources": [_resource(source, file) for file in published],
    }  # fmt: skip


def _resource(source: Source, file: File) -> dict[str, Any]:
    return {
        "name": file.title, "url": source.address(file.name), "format": file.name.rpartition(".")[2].upper(),
        "mimetype": file.media, "size": len(file.content), "hash": hashlib.sha256(file.content).hexdigest(),
    }  # fmt: skip


def _title(source: Source) -> str:
    return f"{REGION[source.code]} PHR統計 {half_year(source.release.period)}"


def _notes(source: Source) -> str:
    release = source.release
    held = "、".join(table(one.id, "ja") for one in release.tables)
    return (
        f"{area(release.unit)}に住み、統計への利用に同意した20歳以上の人を、"
        f"{release.start}から{release.end}までの期間について数えた統計です。表は、{held}です。"
        f"人数は誤差を加えて丸めた値で、少ない人数は非公表です(方法 {release.method})。"
        f"原本のSHA-256は {source.sha256} です。"
    )


def _publisher(source: Source) -> dict[str, Any]:
    return {"@type": "foaf:Organization", "foaf:name": _ja(REGION[source.code]), "dct:identifier": source.code}


def _ja(words: str) -> dict[str, str]:
    return {"@value": words, "@language": "ja"}


def _day(day: object) -> dict[str, str]:
    return {"@value": f"{day}", "@type": "xsd:date"}
