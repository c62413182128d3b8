"""One weighing told once: what is repeated, what follows the weight, what never comes, and who steps on next."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from firmware_profiles import lefu_ffb0
from firmware_profiles.lefu_ffb0 import STREAM, TENTHS, UNKNOWN
from firmware_profiles.model import DecodeError, Profile
from firmware_profiles.sanitas_ffe1 import CHANNEL
from firmware_profiles.sanitas_talk import FFE1
from firmware_profiles.session import Assembler
from simulators.devices.broadcast import sample_for


def frame(*, final: bool = True, **values: str) -> bytes:
    return lefu_ffb0.encode(sample_for(values, time=None, slot=None, final=final), 1)


def tell(profile: Profile, characteristic: str, *frames: bytes) -> list[dict[str, Any]]:
    """The values of the final measurements a session of `frames` makes, in order."""
    assembler = Assembler(profile)
    done = [item for data in frames for item in assembler.feed(characteristic, data)]
    done += assembler.finish()
    used = [number for item in done for number in item.frames]
    assert len(set(used)) == len(used)
    found = [item.sample for item in done if item.sample.final]
    # A gateway that is killed reads again what no measurement used: it must find no weighing a second time.
    left = [data for number, data in enumerate(frames) if number not in used]
    again = Assembler(profile)
    ghosts = [item for data in left for item in again.feed(characteristic, data)] + list(again.finish())
    assert not [item for item in ghosts if item.sample.final]
    return [{name: quantity.value for name, quantity in sample.quantities.items()} for sample in found]


ONE = {"weight": Decimal("84.1"), "impedance": Decimal(518)}
SETTLED, EXTRA, OFF = frame(weight="84.1"), frame(impedance="518"), frame(weight="0", final=False)


def test_a_settled_weight_waits_for_its_impedance_and_repetitions_of_either_say_nothing_new() -> None:
    before = frame(weight="83.8", final=False)
    assert tell(TENTHS, STREAM, before, SETTLED, SETTLED, SETTLED, EXTRA, EXTRA, SETTLED, before) == [ONE]


def test_a_weight_whose_impedance_never_comes_is_told_when_somebody_steps_off_or_hangs_up() -> None:
    alone = [{"weight": Decimal("84.1")}]
    assert tell(TENTHS, STREAM, SETTLED, SETTLED) == alone
    assert tell(TENTHS, STREAM, SETTLED, OFF, OFF) == alone


def test_two_people_of_the_same_weight_are_two_weighings() -> None:
    assert tell(TENTHS, STREAM, SETTLED, EXTRA, OFF, SETTLED, EXTRA) == [ONE, ONE]


def test_the_next_person_s_weight_is_neither_swallowed_nor_given_the_first_one_s_impedance() -> None:
    other = frame(weight="61.0")
    assert tell(TENTHS, STREAM, SETTLED, other, EXTRA) == [
        {"weight": Decimal("84.1")},
        {"weight": Decimal("61.0"), "impedance": Decimal(518)},
    ]


def test_an_impedance_before_any_weight_stands_for_itself_and_the_weight_after_it_too() -> None:
    assert tell(TENTHS, STREAM, EXTRA, SETTLED) == [{"impedance": Decimal(518)}, {"weight": Decimal("84.1")}]


def test_a_model_nobody_knows_gives_its_weight_to_nobody() -> None:
    try:
        Assembler(UNKNOWN).feed(STREAM, SETTLED)
        refused = ""
    except DecodeError as error:
        refused = error.code
    assert refused == "ambiguous-scale"
    assert tell(UNKNOWN, STREAM, EXTRA) == [{"impedance": Decimal(518)}]


# As captured in ble-scale-sync issues 112 and 211.
PARTS = tuple(
    map(
        bytes.fromhex,
        ("e7590301010000000000000065", "e75903026a21f4c6068701b500df02", "e759030309018d00e907170aa20108"),
    )
)
LIVE, STABLE = bytes.fromhex("e758010687"), bytes.fromhex("e758000687")


def test_a_composition_in_three_parts_replaces_the_weight_that_came_before_it() -> None:
    (whole,) = tell(FFE1, CHANNEL, LIVE, STABLE, STABLE, *PARTS)
    assert (whole["weight"], whole["impedance"]) == (Decimal("83.55"), Decimal(437))


def test_parts_that_do_not_follow_each_other_make_no_composition() -> None:
    weight = [{"weight": Decimal("83.55")}]
    assert tell(FFE1, CHANNEL, STABLE, PARTS[0], PARTS[2]) == weight
    assert tell(FFE1, CHANNEL, STABLE, PARTS[1], PARTS[2]) == weight
    assert tell(FFE1, CHANNEL, STABLE, PARTS[0], PARTS[1]) == weight


def test_what_was_told_live_and_what_the_memory_holds_of_it_have_the_same_name() -> None:
    assembler = Assembler(FFE1)
    (live,) = [item for part in PARTS for item in assembler.feed(CHANNEL, part)]
    kept = bytes((0x65,)) + PARTS[1][4:] + PARTS[2][4:]
    assert live.raw == kept
    assert live.sample == FFE1.codecs["sanitas-record"].decode(kept)
