"""Broadcasting families: more public frames than the vectors hold, keys, products, and what must be refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.contract.reading import Quantity, Sample
from firmware_profiles.bthome import FCD2
from firmware_profiles.bthome_v1 import PLAIN, SEALED
from firmware_profiles.huami_band import BAND
from firmware_profiles.model import Advert, DecodeError, read_advert
from firmware_profiles.registry import PROFILES, claim
from firmware_profiles.uuids import HEART_RATE, HUAMI
from firmware_profiles.xiaomi_mibeacon import FE95, parse_beacon

S400_KEY = bytes.fromhex("58305740b64e4b425e518aa1f4e51339")
S400_ADDRESS = "84:46:93:64:A5:E6"
BTHOME_KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
BTHOME_ADDRESS = "54:48:E6:8F:80:A5"
ANY = "C0:FF:EE:00:00:01"


def hear(advert: Advert, key: bytes | None = None) -> Sample | None:
    profile = claim(advert, PROFILES)
    assert profile is not None
    return read_advert(PROFILES[profile.id], advert, key)  # type: ignore[union-attr]


def service(uuid: str, data: str, address: str = ANY) -> Advert:
    return Advert(address=address, service_data={uuid: bytes.fromhex(data)})


def company(number: int, data: str, address: str = ANY, name: str | None = None) -> Advert:
    return Advert(address=address, name=name, manufacturer_data={number: bytes.fromhex(data)})


def said(sample: Sample | None) -> dict[str, tuple[str, str]]:
    assert sample is not None
    return {
        name: (format(Decimal(str(q.value)).normalize(), "f"), q.unit)
        for name, q in sample.quantities.items()
        if isinstance(q.value, Decimal)
    }


def refusal(advert: Advert, key: bytes | None = None) -> DecodeError:
    with pytest.raises(DecodeError) as error:
        hear(advert, key)
    return error.value


# github.com/oliexdev/openScale, S400DecryptorTest.kt; the heart rate follows from the published layout.
@pytest.mark.parametrize(
    ("data", "final", "expected"),
    [
        (
            "4859d53b2d3314943c58b133638c7457a4000000c3e670dc",
            False,
            {"weight": ("74.2", "kg"), "heart_rate": ("52", "/min"), "impedance_50khz": ("400.9", "Ohm")},
        ),
        ("4859d53b4d6f359ce56f1f7e7e0adddc260000000c13d3c4", True, {"weight": ("73.3", "kg")}),
    ],
)
def test_an_s400_says_that_a_second_frequency_is_still_to_come(
    data: str, final: bool, expected: dict[str, tuple[str, str]]
) -> None:
    heard = hear(service(FE95, data, S400_ADDRESS), S400_KEY)
    assert said(heard) == expected
    assert heard is not None
    assert (heard.final, heard.user_slot) == (final, 1)


def test_an_idle_beacon_without_an_object_says_nothing_and_needs_no_key() -> None:
    # github.com/Bluetooth-Devices/xiaomi-ble issue 263, and the eleven bytes of openScale's test.
    assert hear(service(FE95, "105bcb4d00000000000000", "00:00:00:00:00:00")) is None
    assert hear(service(FE95, "1059d53b06e6a564934684", S400_ADDRESS)) is None


def test_without_its_key_a_device_says_where_the_key_is() -> None:
    scale = refusal(service(FE95, "4859d53b2d3314943c58b133638c7457a4000000c3e670dc", S400_ADDRESS))
    assert scale.code == "bindkey-needed"
    assert "Xiaomi Home" in str(scale)
    sensor = refusal(service(FCD2, "41a47266c95f730011223378237214", BTHOME_ADDRESS))
    assert (sensor.code, "bindkey needed" in str(sensor)) == ("bindkey-needed", True)


@pytest.mark.parametrize("key", [bytes(16), bytes(12), b"", S400_KEY[::-1]])
def test_a_key_that_does_not_fit_is_named_and_gives_no_number(key: bytes) -> None:
    advert = service(FE95, "4859d53b2d3314943c58b133638c7457a4000000c3e670dc", S400_ADDRESS)
    assert refusal(advert, key).code == "bindkey-wrong"


def test_a_system_that_hides_addresses_cannot_decrypt_and_says_so() -> None:
    hidden = "12345678-1234-1234-1234-123456789ABC"
    advert = service(FE95, "4859d53b2d3314943c58b133638c7457a4000000c3e670dc", hidden)
    assert refusal(advert, S400_KEY).code == "no-address"


@pytest.mark.parametrize(
    ("advert", "key"),
    [
        (service(FE95, "4059d53b01166e0901ddfa0300e6587668", S400_ADDRESS), S400_KEY),
        (service(FCD2, "4002ca09"), BTHOME_KEY),
        (service(PLAIN, "2302ca09"), BTHOME_KEY),
    ],
)
def test_what_a_device_with_a_key_did_not_encrypt_may_be_somebody_else_s(advert: Advert, key: bytes) -> None:
    assert hear(advert) is not None
    assert refusal(advert, key).code == "bindkey-unused"


def test_encryption_without_a_tag_is_refused() -> None:
    # The W505's own frame with the encryption bit set: version 2 has no tag to tell a wrong key by.
    assert refusal(service(FE95, "782291030fdbab531824d0090a0002750d07"), S400_KEY).code == "legacy-encryption"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("7022910301", "truncated"),
        ("4059d53b", "truncated"),
        ("c059d53b0a", "mesh"),
        ("4019d53b0a", "unknown-version"),
        ("70f2910301aabbccddeeff09", "unknown-version"),
    ],
)
def test_a_beacon_that_is_none_is_refused_by_name(data: str, code: str) -> None:
    with pytest.raises(DecodeError) as error:
        parse_beacon(bytes.fromhex(data))
    assert error.value.code == code


@pytest.mark.parametrize(
    ("product", "owner"),
    [
        ("d53b", "xiaomi-s400"), ("d930", "xiaomi-s400"), ("cf48", "xiaomi-s400"), ("054b", "xiaomi-s400"),
        ("044c", "xiaomi-s200"), ("c945", "xiaomi-s200"), ("cb4d", "xiaomi-s200"), ("e251", "xiaomi-s800"),
        ("db00", "xiaomi-body-thermometer"), ("9103", "xiaomi-body-thermometer"), ("5b05", "xiaomi-room-sensor"),
        ("b555", "xiaomi-room-sensor"), ("9800", None), ("8304", None), ("ffff", None),
    ],
)  # fmt: skip
def test_a_product_is_known_by_its_id_and_an_unknown_one_is_nobody_s(product: str, owner: str | None) -> None:
    found = claim(service(FE95, f"4059{product}00"), PROFILES)
    assert (found.id if found else None) == owner  # type: ignore[union-attr]


def test_a_frame_that_names_another_device_is_not_filed_under_this_one() -> None:
    thermometer = service(FE95, "702291030fdbab531824d0090a0002750d07", "D0:24:18:53:AB:DC")
    assert refusal(thermometer).code == "address-mismatch"
    assert refusal(company(0x7DC0, "2c4700000a01255f5a29e5e094")).code == "address-mismatch"
    assert refusal(company(256, "020311187a93c1b333021a4500b4a1ab61")).code == "address-mismatch"


# github.com/Bluetooth-Devices/bthome-ble, tests/test_parser_v1.py, and bthome.io/format.
@pytest.mark.parametrize(
    ("advert", "expected"),
    [
        (
            service(SEALED, "fba435e4d3c312fb0011223357d90a99", BTHOME_ADDRESS),
            {"temperature": ("25.06", "Cel"), "humidity": ("50.55", "%")},
        ),
        (service(PLAIN, "0200040404138a01"), {"packet_id": ("4", "1"), "pressure": ("1008.83", "mbar")}),
        (service(PLAIN, "0404138a01"), {"pressure": ("1008.83", "mbar")}),
        (service(PLAIN, "4306fe70"), {"weight": ("102.24", "kg")}),
        (service(PLAIN, "03fe01022302ca09"), {"temperature": ("25.06", "Cel")}),
        (service(FCD2, "4002c40903bf13"), {"temperature": ("25", "Cel"), "humidity": ("50.55", "%")}),
        (service(FCD2, "400960"), {"count": ("96", "1")}),
        (service(FCD2, "403e2a2c0960"), {"count": ("1611213866", "1")}),
        (service(FCD2, "4058ea"), {"temperature": ("-7.7", "Cel")}),
        (service(FCD2, "40451101"), {"temperature": ("27.3", "Cel")}),
        (
            service(FCD2, "40400c00414e00"),
            {"distance_1": ("0.012", "m"), "distance_2": ("7.8", "m")},
        ),
        (service(FCD2, "40424e3400"), {"duration": ("13.39", "s")}),
        # An unknown id: what stands before it is kept.
        (service(FCD2, "4002ca09f00102"), {"temperature": ("25.06", "Cel")}),
    ],
)
def test_bthome_objects_are_worth_what_the_format_says(advert: Advert, expected: dict[str, tuple[str, str]]) -> None:
    assert said(hear(advert, BTHOME_KEY if SEALED in advert.service_data else None)) == expected


def test_a_cut_bthome_object_is_refused_and_other_versions_too() -> None:
    assert refusal(service(FCD2, "4002ca0903bf")).code == "truncated"
    assert refusal(service(FCD2, "6002ca09")).code == "unknown-version"
    assert refusal(service(FCD2, "")).code == "truncated"


def test_words_and_events_of_bthome_are_told_as_they_are() -> None:
    heard = hear(service(FCD2, "403a003a013c0203530548656c6c6f5403aabbcc"))
    assert heard is not None
    assert {name: quantity.value for name, quantity in heard.quantities.items()} == {
        "event_button_1": "none", "event_button_2": "press", "event_dimmer": "rotate_right 3", "text": "Hello",
        "raw": "aabbcc",
    }  # fmt: skip


def test_a_settled_p3_is_final_and_one_stepped_off_is_not() -> None:
    # github.com/bdr99/eufylife-ble-client issue 3: the frame three seconds after the vector's.
    heard = hear(company(53085, "e80712209d0058d6f9610500c71a010000000000000000", "CF:E8:07:12:20:9D", "eufy T9150"))
    assert said(heard) == {"weight": ("68.55", "kg")}
    assert heard is not None
    assert heard.final
    left = company(53075, "e80712209d00c6d0f9610d400000010000000000000000", "CF:E8:07:12:20:9D", "eufy T9150")
    assert hear(left) is None


def test_a_damaged_eufy_frame_is_refused() -> None:
    assert refusal(company(4028, "b715695fcf0000602700000000018a649146", ANY, "eufy T9120")).code == "checksum"
    with pytest.raises(DecodeError) as error:
        PROFILES["eufy-p2"].codecs[next(iter(PROFILES["eufy-p2"].codecs))].decode(
            bytes.fromhex("cf0e00cf5c1260221113f10000000031")
        )
    assert error.value.code == "checksum"


def test_a_stable_xiaogui_tells_its_impedance() -> None:
    # github.com/custom-components/ble_monitor, test_xiaogui_parser.py.
    heard = hear(company(0xA3C0, "0276138b0002215f5a29e5e094", "5F:5A:29:E5:E0:94"))
    assert said(heard) == {"weight": ("63", "kg"), "impedance": ("500.3", "Ohm")}
    assert heard is not None
    assert heard.final


def test_a_strap_nobody_wears_is_no_heart_rate() -> None:
    # obniz's own example: no contact, fast average 0, slow average the last wearer's.
    heard = hear(company(0x006B, "012a0065"))
    assert heard is not None
    assert not heard.final
    assert hear(company(0x006B, "2f160000")) is None


def test_a_strap_that_takes_connections_is_heard_by_its_service() -> None:
    strap = Advert(address=ANY, name="Polar H10", services=(HEART_RATE,), manufacturer_data={0x006B: bytes(4)})
    assert claim(strap, PROFILES) is PROFILES["sig-heart-rate"]
    broadcast = msgspec.structs.replace(strap, services=())
    assert claim(broadcast, PROFILES) is PROFILES["polar-advert"]


def test_a_senssun_in_another_unit_is_refused_and_a_weighing_one_is_not_final() -> None:
    body = bytes.fromhex("021a4500b4a2ab")
    frame = f"020311187a93c1b333{body.hex()}{sum(body) & 0xFF:02x}"
    assert refusal(company(256, frame, "18:7A:93:C1:B3:33")).code == "unknown-unit"
    body = bytes.fromhex("021a45000001ab")
    settling = hear(company(256, f"020311187a93c1b333{body.hex()}{sum(body) & 0xFF:02x}", "18:7A:93:C1:B3:33"))
    assert settling is not None
    assert not settling.final


def test_switchbot_below_zero_and_its_outdoor_meter() -> None:
    assert said(hear(service("0000fd3d-0000-1000-8000-00805f9b34fb", "5400ba05043b")))["temperature"] == ("-4.5", "Cel")
    outdoor = Advert(
        address=ANY,
        name="WoIOSensorTH",
        service_data={"0000fd3d-0000-1000-8000-00805f9b34fb": bytes.fromhex("770064")},
        manufacturer_data={0x0969: bytes.fromhex("c0ffee0000013e0908965b00")},
    )
    assert said(hear(outdoor)) == {"temperature": ("22.8", "Cel"), "humidity": ("91", "%"), "battery": ("100", "%")}
    curtain = company(0x0969, "c0ffee0000013e0908965b")
    assert claim(curtain, PROFILES) is None


def test_an_amazfit_scale_is_no_band_whether_or_not_its_recorder_kept_a_byte_of_the_uuid() -> None:
    bare = service(HUAMI, "ba82e6c7fc3414a442bf46ec68000462bba30100")
    kept = service(HUAMI, "feba82e6c7fc3414a442bf46ec68000462bba30100")
    assert said(hear(bare)) == said(hear(kept))
    assert said(hear(bare)) == {"weight": ("85.3", "kg"), "impedance": ("517.2", "Ohm"), "heart_rate": ("104", "/min")}
    assert claim(service(HUAMI, "ac1e0000"), PROFILES) is BAND
    unsettled = hear(service(HUAMI, "ba82e6c7fc3414a44200000068000462bba30100"))
    assert unsettled is not None
    assert (unsettled.final, said(unsettled)) == (False, {"weight": ("85.3", "kg")})


def test_probes_that_lie_on_no_body_are_no_temperature() -> None:
    for probes in ("00000000", "c409c409", "ff7fff7f"):
        assert refusal(service(FE95, f"4020db006f002005{probes}51")).code == "out-of-range"


def test_the_body_temperature_of_two_probes_comes_back_from_their_own_bytes() -> None:
    profile = PROFILES["xiaomi-body-thermometer"]
    probes = {"temperature_1": "35.26", "temperature_2": "34.27"}
    quantities = {name: Quantity(Decimal(value), "Cel") for name, value in probes.items()}
    sample = Sample(quantities={**quantities, "battery": Quantity(Decimal(81), "%")})
    assert profile.encode_advert is not None
    assert said(hear(profile.encode_advert(sample, ANY)))["temperature"] == ("36.872", "Cel")
    with pytest.raises(ValueError, match="battery"):
        profile.encode_advert(msgspec.structs.replace(sample, quantities=quantities), ANY)
