"""Writers of documents, the inverse of the parsers: a 特定健診 XML, HL7 v2 messages, an SS-MIX2 tree, a JP-CLINS Bundle.

The layouts follow the public specifications (特定健診情報ファイル仕様, SS-MIX2 標準化ストレージ 1.2, JP-CLINS 1.5); every
value is invented.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from engine.people import Resident
from engine.refusal import Refusal
from fhir_bridge.imports.model import Entering, Report
from fhir_bridge.imports.reading import read_document

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SAMPLE = Path(__file__).parents[1] / "contract/bridge/echeckup/Bundle-Bundle-eCheckupReport-Sample-01.json"
KENSHIN = Resident(
    id="r-kenshinkenshi", household_id=None, municipality_code="062049", family_name="健診", given_name="太郎",
    family_kana="ケンシン", given_kana="タロウ", birth_date=date(1950, 5, 4), sex="male",
)  # fmt: skip
PATIENT = "1234567890"
DAY = "20261101"
_LISTS = "1.2.392.200119.6."
Result = tuple[str, str, str, str]


def entering(person: Resident = KENSHIN) -> Entering:
    return Entering(resident=person, actor="suzuki", now=NOW)


def understood(data: bytes, person: Resident = KENSHIN) -> Report:
    report = read_document(data, entering(person), "doc")
    assert isinstance(report, Report), report
    assert unexplained(report) == 0
    return report


def unexplained(report: Report) -> int:
    """How many items of a document are neither a fact nor an entry nor counted with a reason."""
    return report.items - report.read - report.kept - sum(one.count for one in report.unknown)


def refused(data: bytes, person: Resident = KENSHIN) -> tuple[str, str | None]:
    said = read_document(data, entering(person), "doc")
    assert isinstance(said, Refusal), said
    return said.code, said.field


def values(report: Report) -> dict[str, tuple[str, str | None]]:
    return {fact.code: (fact.value, fact.unit) for fact in report.understood}


def reasons(report: Report) -> dict[str, str]:
    return {one.code: one.reason for one in report.unknown}


def cda(results: Iterable[Result], *, day: str = "20261001", name: str = "ケンシン　タロウ", birth: str = "19500504",
        sex: str = "1", head: str = "") -> bytes:  # fmt: skip
    """A 特定健診 file; a result is (item code, name, kind, value), kind being a unit, "ST", or a list as "CD:2102"."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>{head}
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><id nullFlavor="NI"/>
<code code="10" codeSystem="{_LISTS}1001"/><effectiveTime value="20261010"/>
<recordTarget><patientRole><id extension="06132013" root="{_LISTS}101"/>
<patient><name>{escape(name)}</name><administrativeGenderCode code="{sex}" codeSystem="{_LISTS}1104"/>
<birthTime value="{birth}"/></patient></patientRole></recordTarget>
<author><time value="20261010"/><assignedAuthor><id nullFlavor="NI"/></assignedAuthor></author>
<documentationOf><serviceEvent><effectiveTime value="{day}"/><performer typeCode="PRF"><assignedEntity>
<representedOrganization><id extension="1311234567" root="{_LISTS}102"/></representedOrganization>
</assignedEntity></performer></serviceEvent></documentationOf>
<component><structuredBody><component><section><code code="01010" codeSystem="{_LISTS}1010"/>
{"".join(_entry(*one) for one in results)}
</section></component></structuredBody></component></ClinicalDocument>""".encode()


def _entry(code: str, name: str, kind: str, value: str) -> str:
    if kind == "ST":
        said = f'<value xsi:type="ST">{escape(value)}</value>'
    elif kind.startswith("CD:"):
        said = f'<value xsi:type="CD" code="{value}" codeSystem="{_LISTS}{kind[3:]}"/>'
    elif kind == "NI":
        said = '<value xsi:type="PQ" nullFlavor="NI"/>'
    else:
        said = f'<value xsi:type="PQ" value={quoteattr(value)} unit={quoteattr(kind)}/>'
    return (
        f'<entry><observation classCode="OBS" moodCode="EVN"><code code="{code}" displayName={quoteattr(name)}/>'
        f"{said}</observation></entry>\n"
    )


def jis(text: str) -> bytes:
    """ISO-2022-JP as hospitals write it: JIS X 0208 with the vendor rows, half-width kana in JIS X 0201."""
    found = bytearray()
    state = b"\x1b(B"
    for character in text:
        one = character.encode("cp932")
        if len(one) == 2:
            wanted, code = b"\x1b$B", _unshifted(one)
        elif one[0] >= 0x80:
            wanted, code = b"\x1b(I", bytes([one[0] & 0x7F])
        else:
            wanted, code = b"\x1b(B", one
        if wanted != state:
            found += wanted
            state = wanted
        found += code
    return bytes(found) + (b"" if state == b"\x1b(B" else b"\x1b(B")


def _unshifted(pair: bytes) -> bytes:
    lead = pair[0] - (0x81 if pair[0] < 0xA0 else 0xC1)
    trail = pair[1]
    if trail >= 0x9F:
        return bytes([lead * 2 + 0x22, trail - 0x7E])
    return bytes([lead * 2 + 0x21, trail - (0x1F if trail < 0x7F else 0x20)])


def message(kind: str, *segments: str, person: str = "健診^太郎^^^^^L^I~ケンシン^タロウ^^^^^L^P", birth: str = "19500504",
            sex: str = "M", written: str = "20261101093000", end: str = "\r") -> bytes:  # fmt: skip
    """A message with header and patient before its segments."""
    lines = [
        f"MSH|^~\\&|HIS|HOSP|GW|RCV|{written}||{kind}|{written}1|P|2.5||||||~ISO IR87||ISO 2022-1994",
        f"PID|0001||{PATIENT}^^^^PI||{person}||{birth}|{sex}",
        *segments,
    ]
    return jis(end.join(lines) + end)


def labs(*results: tuple[str, str, str, str, str], order: str = "000000011000354", **more: Any) -> bytes:
    """OML-11; a result is (type, code, name, value, unit)."""
    lines = [
        f"OBX|{number}|{kind}|{code}^{name}^JC10||{value}||||||F"
        if not unit else f"OBX|{number}|{kind}|{code}^{name}^JC10||{value}|{unit}|||||F"
        for number, (kind, code, name, value, unit) in enumerate(results, 1)
    ]  # fmt: skip
    return message("OUL^R22^OUL_R22", "SPM|1|1||023^血清^JC10|||||||||||||202611010915",
                   f"OBR|1|{order}|1|E001^検査^99O03", f"ORC|SC|{order}", *lines, **more)  # fmt: skip


def prescription(
    *medicines: tuple[str, str, str], control: str = "NW", order: str = "000000000000001", **more: Any
) -> bytes:
    """OMP-01; a medicine is (code, name, system)."""
    lines = [
        line
        for number, (code, name, system) in enumerate(medicines, 1)
        for line in (
            f"ORC|{control}|{order}||{order}_01_{number:03}|||||20261101090000",
            f"RXE||{code}^{name}^{system}|1||TAB|TAB|",
            "TQ1|||1012040400000000&1日1回朝食後||||20261101|20261130",
        )
    ]
    return message("RDE^O11^RDE_O11", *lines, **more)


def illnesses(*known: tuple[str, str, str], doubted: Sequence[str] = (), over: Sequence[str] = ()) -> bytes:
    """PPR-01; an illness is (exchange code, name, ICD-10)."""
    lines = []
    for number, (code, name, icd) in enumerate(known):
        end = "K^治癒^HL70241" if code in over else "N^回復せず^HL70241"
        lines += [
            f"PRB|AD|20261101|{code}^{name}^MDCDX2|{number:015}|||20261005|||{icd}^^I10||||{end}",
            f"ZPR||{code}^{name}^MDCDX2" + ("|||8002^の疑い^MDCDX2" if code in doubted else ""),
        ]
    return message("PPR^ZD1^PPR_ZD1", *lines)


def tree(root: Path, *messages: tuple[str, bytes], patient: str = PATIENT, condition: str = "1") -> Path:
    """Files one message, each under its patient, day and kind; the folder of the patient."""
    home = root / patient[:3] / patient[3:6] / patient
    for number, (kind, data) in enumerate(messages, 1):
        day = "-" if kind.startswith("ADT") else DAY
        place = home / day / kind
        place.mkdir(parents=True, exist_ok=True)
        name = f"{patient}_{day}_{kind}_{number:015}_20261101093000{number:03}_01_{condition}"
        (place / name).write_bytes(data)
    return home


def clins(*resources: dict[str, Any], person: dict[str, Any] | None = None) -> bytes:
    """A collection with the patient first, as JP-CLINS sends it."""
    patient: dict[str, Any] = person or {
        "resourceType": "Patient", "id": "p1", "gender": "male", "birthDate": "1950-05-04",
        "meta": {"profile": ["http://jpfhir.jp/fhir/clins/StructureDefinition/JP_Patient_CLINS_eCS"]},
        "name": [{"text": "健診 太郎"}, {"text": "ケンシン タロウ", "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": "SYL"}]}],
    }  # fmt: skip
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate((patient, *resources))]
    bundle = {"resourceType": "Bundle", "type": "collection", "id": "b1", "identifier": {"system": "s", "value": "7"},
              "timestamp": "2026-11-01T09:00:00+09:00", "entry": entries}  # fmt: skip
    return json.dumps(bundle, ensure_ascii=False).encode()


def lab(code: str, name: str, **value: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "status": "final", "subject": {"reference": "urn:uuid:0"},
        "effectiveDateTime": "2026-10-30T08:15:00+09:00",
        "code": {"coding": [{"system": "urn:oid:1.2.392.200119.4.504", "code": code, "display": name}]}, **value,
    }  # fmt: skip
