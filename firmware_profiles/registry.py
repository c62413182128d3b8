"""The device families this product knows: the built-in list and third parties' entry points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec

from engine.contract.kinds import KINDS
from firmware_profiles import (
    advert_scales,
    amazfit_scale,
    and_devices,
    and_uw302,
    beurer_bm85,
    beurer_consent,
    bthome,
    bthome_v1,
    eufy,
    eufy_talk,
    heart_adverts,
    huami_band,
    keep_s3,
    lefu_ffb0,
    omron_memory,
    omron_sig,
    qn_broadcast,
    qn_talk,
    renpho_msc04,
    renpho_wbe28,
    sanitas_talk,
    sig_activity,
    sig_body,
    sig_heart,
    sig_info,
    sig_oximeter,
    sig_pressure,
    sig_running,
    sig_scale,
    sig_temperature,
    sig_time,
    sig_user,
    switchbot,
    vendor_scales_talk,
    xiaogui,
    xiaomi_mibeacon_scales,
    xiaomi_mibeacon_sensors,
    xiaomi_scale,
)
from firmware_profiles.claim import Ambiguous, Claim, claim, claim_frame, claim_slug
from firmware_profiles.model import Match, Profile

__all__ = [
    "CHARACTERISTICS", "GROUP", "PROFILES", "Ambiguous", "Claim", "Loaded", "Problem", "claim", "claim_frame",
    "claim_slug",    "for_firmware", "installed", "load",
]  # fmt: skip
GROUP: Final = "phr.firmware_profiles"
# The engine takes no longer ones (contract.reading.Word): a gateway could not say what it has.
LONGEST_WORD: Final = 64
_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _index(profiles: Iterable[Profile]) -> Mapping[str, Profile]:
    return MappingProxyType({profile.id: profile for profile in profiles})


PROFILES: Final = _index((
    sig_scale.WEIGHT,
    sig_body.BODY,
    sig_pressure.PRESSURE_PROFILE,
    sig_heart.HEART,
    sig_temperature.TEMPERATURE_PROFILE,
    sig_oximeter.OXIMETER,
    sig_running.RUNNING_PROFILE,
    renpho_wbe28.ES_WBE28,
    xiaomi_scale.V1,
    xiaomi_scale.V2,
    huami_band.BAND,
    xiaomi_mibeacon_scales.S400,
    xiaomi_mibeacon_scales.S200,
    xiaomi_mibeacon_scales.S800,
    xiaomi_mibeacon_sensors.BODY_THERMOMETER,
    xiaomi_mibeacon_sensors.ROOM_SENSOR,
    bthome.V2,
    bthome_v1.V1,
    xiaogui.SCALE,
    eufy.P2,
    eufy_talk.CONNECTED,
    eufy.C1,
    eufy.P3,
    heart_adverts.POLAR_ADVERT,
    heart_adverts.XOSS_ADVERT,
    switchbot.METER,
    advert_scales.SENSSUN_SCALE,
    advert_scales.LAICA_SCALE,
    amazfit_scale.SCALE,
    and_devices.SCALE,
    and_devices.FIRST_SCALE,
    and_devices.CUFF,
    and_devices.THERMOMETER_PROFILE,
    and_devices.BODY,
    and_uw302.TRACKER,
    sig_activity.MONITOR,
    omron_sig.CUFF,
    omron_sig.PASSKEY_CUFF,
    omron_sig.SCALE,
    omron_sig.THERMOMETER,
    omron_sig.OXIMETER,
    omron_memory.PLAIN_PRESSURE,
    omron_memory.SWAPPED_PRESSURE,
    omron_memory.WRIST_PRESSURE,
    omron_memory.HN_SCALE,
    omron_memory.HBF_LONG_SCALE,
    omron_memory.HBF_SCALE,
    omron_memory.HBF_AGELESS_SCALE,
    beurer_bm85.BM85,
    beurer_consent.CONSENT,
    sanitas_talk.FFE1,
    qn_talk.QN,
    qn_broadcast.BROADCAST,
    renpho_msc04.R_MSC04,
    lefu_ffb0.TENTHS,
    lefu_ffb0.HUNDREDTHS,
    lefu_ffb0.UNKNOWN,
    vendor_scales_talk.KOOGEEK,
    vendor_scales_talk.VITAFIT,
    vendor_scales_talk.ROBI,
    vendor_scales_talk.SOEHNLE,
    keep_s3.KEEP_S3,
))  # fmt: skip
"""Built-in device families by id."""

CHARACTERISTICS: Final = _index((sig_time.TIME, sig_user.USER, sig_info.BATTERY))
"""Readers of characteristics any device may have; no advert is theirs."""


class Entry(Protocol):
    """What this module needs of an `importlib.metadata.EntryPoint`."""

    @property
    def name(self) -> str:
        """The plug-in's name."""

    def load(self) -> Any:
        """The profile, or several."""


class Problem(msgspec.Struct, frozen=True):
    """A plug-in that was skipped, and why: `broken`, `no-profile`, `invalid` or `taken`."""

    name: str
    code: str
    message: str


class Loaded(msgspec.Struct, frozen=True):
    """Every usable profile by id, and the plug-ins that are not."""

    profiles: Mapping[str, Profile]
    problems: tuple[Problem, ...]


def load(entries: Iterable[Entry]) -> Loaded:
    """The built-in profiles plus those of `entries`; a plug-in that fails is reported and skipped as a whole."""
    known, problems = dict(PROFILES), list[Problem]()
    for entry in entries:
        found = _open(entry, known.keys() | CHARACTERISTICS.keys())
        if isinstance(found, Problem):
            problems.append(found)
        else:
            known |= {profile.id: profile for profile in found}
    return Loaded(MappingProxyType(known), tuple(problems))


@cache
def installed() -> Loaded:
    """The profiles of this installation, third parties' included; read once per process."""
    return load(sorted(entry_points(group=GROUP), key=lambda entry: entry.name))


def for_firmware(profile: Profile, revision: str | None) -> Profile:
    """`profile` as the first variant matching the Device Information firmware `revision` has it.

    A variant's codecs are laid over the profile's own, its steps replace them; without a match nothing changes.
    """
    for variant in profile.variants:
        if revision is not None and re.fullmatch(variant.firmware, revision):
            codecs = {**profile.codecs, **variant.codecs}
            steps = profile.steps if variant.steps is None else variant.steps
            return msgspec.structs.replace(profile, codecs=codecs, steps=steps)
    return profile


def _open(entry: Entry, taken: Iterable[str]) -> tuple[Profile, ...] | Problem:
    try:
        loaded = entry.load()
        found = (loaded,) if isinstance(loaded, Profile) else tuple(loaded)
    except Exception as error:  # noqa: BLE001 - somebody else's code may fail in any way
        return Problem(entry.name, "broken", f"{type(error).__name__}: {error}")
    if not found or not all(isinstance(profile, Profile) for profile in found):
        return Problem(entry.name, "no-profile", "the entry point is neither a Profile nor a sequence of them")
    for profile in found:
        fault = find_fault(profile)
        if fault is not None:
            return Problem(entry.name, "invalid", f"{profile.id}: {fault}")
    ids = [profile.id for profile in found]
    clash = sorted(set(ids) & set(taken)) or [name for name in ids if ids.count(name) > 1]
    return Problem(entry.name, "taken", f"the id {clash[0]} is in use") if clash else found


def find_fault(profile: Profile) -> str | None:
    """Why `profile` cannot be used, None when it can."""
    patterns = [m.name for m in profile.match] + [m.unless_name for m in profile.match]
    patterns += [profile.slug, *(variant.firmware for variant in profile.variants)]
    faults = {
        "the id is not lower-case words with hyphens": not _ID.fullmatch(profile.id),
        "nothing to recognise it by": not profile.match or not all(map(_is_specific, profile.match)),
        "a pattern is no regular expression": not all(map(_is_pattern, patterns)),
        "it neither connects nor reads adverts": not profile.steps and profile.advert is None,
        "it connects but reads no characteristic": bool(profile.steps) and not profile.codecs,
        "its maker or model has no or more than 64 characters": not all(
            0 < len(word) <= LONGEST_WORD for word in (profile.maker, profile.model)
        ),
        "it provides an unknown kind": not {*profile.provides, *profile.kinds.values()} <= {*KINDS, ""},
        "a family without a third-party capture is experimental": profile.proof != "capture"
        and not profile.experimental,
    }
    return next((text for text, is_so in faults.items() if is_so), None)


def _is_specific(match: Match) -> bool:
    return any(part is not None for part in (match.service_data, match.company, match.name, match.service))


def _is_pattern(pattern: str | None) -> bool:
    try:
        re.compile(pattern or "")
    except re.error:
        return False
    return True
