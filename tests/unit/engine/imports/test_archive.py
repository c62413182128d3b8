"""Zips from strangers: bombs, locks, paths out of the folder and lies about sizes."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from engine.imports.archive import MOST_MEMBERS, Member, is_zip, members
from engine.imports.model import FileError
from tests.flow.import_files import zipped


def read(data: bytes) -> list[bytes]:
    archive, found = members(io.BytesIO(data), lambda _: True)
    return [Member(archive, info).read() for info in found]


def code_of(data: bytes) -> str:
    with pytest.raises(FileError) as caught:
        read(data)
    return caught.value.code


@pytest.mark.parametrize("name", ["../evil.xml", "/etc/passwd", "..\\evil.xml", "C:\\x.xml", "a/../../b"])
def test_a_path_out_of_the_zip_is_refused(name: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    assert code_of(out.getvalue()) == "unsafe-path"


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("export.xml", "w") as member:
        for _ in range(80):
            member.write(b"\0" * (1 << 20))
    assert len(out.getvalue()) < 1 << 20
    assert code_of(out.getvalue()) == "zip-bomb"


def test_a_file_without_a_name_is_passed_over() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo(""), b"x")
        archive.writestr("export.xml", b"y")
    assert read(out.getvalue()) == [b"y"]


def test_a_locked_zip_says_so() -> None:
    data = bytearray(zipped(exportDOTxml=b"x"))
    at = data.index(b"PK\x01\x02") + 8
    data[at : at + 2] = struct.pack("<H", 1)
    assert code_of(bytes(data)) == "encrypted"


def test_a_member_with_a_wrong_checksum_is_damage() -> None:
    data = bytearray(zipped(exportDOTxml=b"hello, this is some health data" * 50))
    data[45] ^= 0xFF
    assert code_of(bytes(data)) == "damaged-zip"


@pytest.mark.parametrize("cut", [10, 40, -30, -1])
def test_a_cut_zip_is_damage(cut: int) -> None:
    assert code_of(zipped(exportDOTxml=b"x" * 100)[:cut]) == "damaged-zip"


def test_too_many_files_are_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_MEMBERS > 10_000
    monkeypatch.setattr("engine.imports.archive.MOST_MEMBERS", 3)
    assert code_of(zipped(a=b"", b=b"", c=b"", d=b"")) == "too-many-files"


def test_a_zip_is_known_by_its_bytes_and_not_by_its_name() -> None:
    assert is_zip(io.BytesIO(zipped(a=b"")))
    assert not is_zip(io.BytesIO(b"<xml/>"))
