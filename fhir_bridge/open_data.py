"""A release as open data: every file is made of the release's only bytes and says their hash. Pure.

The same release, licence, contact and address give the same bytes, so a file that was published can be made again and
compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from engine.refusal import Refusal
from fhir_bridge import open_data_catalogue, open_data_csv, open_data_note, open_data_stat
from fhir_bridge.open_data_model import LICENCES, About, Figures, File, Source, figures
from fhir_bridge.privacy_release import read

__all__ = ["About", "Figures", "File", "figures", "figures_of", "files_of"]

_ADDRESS: Final = re.compile(r"https://[^\s\"'<>]+")
_MOST: Final = 200
# How the numbers of a file are read back, by the end of its name.
_READERS: Final[Mapping[str, Callable[[bytes], Figures]]] = {
    "_ja.csv": open_data_csv.read_twin, ".csv": open_data_csv.read_table, "_T1.json": open_data_stat.read_dataset,
    "_T2.json": open_data_stat.read_dataset, "_T3.json": open_data_stat.read_dataset,
    "_T4.json": open_data_stat.read_dataset, "_method.html": open_data_note.read_note,
    "_release.json": open_data_stat.read_release,
}  # fmt: skip
_WITHOUT: Final = ("_items.csv", "_ckan.json", "_catalogue.jsonld")


def files_of(content: bytes, sha256: str, about: About) -> tuple[File, ...] | Refusal:
    """Everything that is published of a release, the catalogue last.

    Refused as by `read`, or as `no-contact`, `unknown-licence`, `bad-address`.
    """
    refusal = _unfit(about)
    if refusal:
        return refusal
    release = read(content, sha256)
    if isinstance(release, Refusal):
        return release
    source = Source(release, sha256, about)
    made = (
        File(source.name("_release.json"), "application/json", "公開データの原本", content),
        *open_data_csv.files(source),
        *open_data_stat.files(source),
        open_data_note.file(source),
    )
    return *made, *open_data_catalogue.files(source, made)


def figures_of(file: File) -> Figures | None:
    """The numbers a published file holds, None where it holds none; raises ValueError for a file of another kind."""
    if file.name.endswith(_WITHOUT):
        return None
    for end, reader in _READERS.items():
        if file.name.endswith(end):
            return reader(file.content)
    raise ValueError(f"{file.name} is no file of a release")


def _unfit(about: About) -> Refusal | None:
    if not about.contact.strip() or len(about.contact) > _MOST or not about.contact.isprintable():
        return Refusal("no-contact", "open data names whom to ask: set platform.contact, in one line")
    if about.licence not in LICENCES:
        return Refusal("unknown-licence", f"licences are {', '.join(LICENCES)}")
    if about.dataset_url is not None and not _ADDRESS.fullmatch(about.dataset_url):
        return Refusal("bad-address", "the address of the data begins with https://")
    return None
