"""What the files of a release have in common: where they come from, what they are called, and the numbers in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

import msgspec

from fhir_bridge.open_data_words import publisher
from fhir_bridge.privacy_release import Release

# One number, or None for none, by the table and the codes of the cell in the order of the table's axes.
Figures = Mapping[tuple[str, ...], int | None]


class Licence(NamedTuple):
    """A licence by its name for people, its address, and what CKAN calls it."""

    title: str
    url: str
    ckan: str


# By SPDX's name where it has one; PDL is the Digital Agency's 公共データ利用規約 1.0 (2024), compatible with CC BY 4.0.
LICENCES: Final[Mapping[str, Licence]] = {
    "CC-BY-4.0": Licence(
        "クリエイティブ・コモンズ 表示 4.0 国際", "https://creativecommons.org/licenses/by/4.0/", "cc-by"
    ),
    "CC0-1.0": Licence("CC0 1.0 全世界", "https://creativecommons.org/publicdomain/zero/1.0/", "cc-zero"),
    "PDL-1.0": Licence(
        "公共データ利用規約(第1.0版)",
        "https://www.digital.go.jp/resources/open_data/public_data_license_v1.0", "other-open",
    ),
}  # fmt: skip


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says of a publication: the day, the licence, whom to ask, and where the files will lie.

    Without `dataset_url` the catalogue names its files relative to itself.
    """

    issued: date
    contact: str
    licence: str = "CC-BY-4.0"
    dataset_url: str | None = None


class File(msgspec.Struct, frozen=True):
    """One file to publish: its name, media type, title, and bytes."""

    name: str
    media: str
    title: str
    content: bytes


class Source(msgspec.Struct, frozen=True):
    """A release that was read and found fit, its hash, and what is said about it."""

    release: Release
    sha256: str
    about: About

    @property
    def code(self) -> str:
        """The local-government code of the publisher."""
        return publisher(self.release.unit)

    @property
    def id(self) -> str:
        """What the release is called in the files and in the store."""
        return f"{self.release.unit.code}-{self.release.period}"

    def name(self, end: str) -> str:
        """The name of a file of this release."""
        return f"{self.code}_phr_stats_{self.release.period}{end}"

    def address(self, name: str) -> str:
        """Where a file will lie, relative to the catalogue where no address is known."""
        base = self.about.dataset_url
        return name if base is None else f"{base.rstrip('/')}/{name}"


def figures(release: Release) -> Figures:
    """The numbers of a release itself."""
    return {(table.id, *cell.at): cell.count for table in release.tables for cell in table.cells}
