"""Beurer and Sanitas diagnostic scales: the SIG's weight and composition services behind each person's consent code.

Facts from github.com/oliexdev/openScale and github.com/KristianP26/ble-scale-sync. The scale keeps up to eight people,
tells the slot of a new one, and sends what it stored for a person after that person's code; composition frames of
zeros are empty places of its memory.
"""

from __future__ import annotations

from typing import Final

from firmware_profiles.model import Match, Pairing, Profile, Subscribe, UntilIdle, UserConsent, WriteCurrentTime
from firmware_profiles.sig_body import BODY
from firmware_profiles.uuids import (
    BODY_COMPOSITION,
    BODY_COMPOSITION_MEASUREMENT,
    USER_CONTROL_POINT,
    WEIGHT_MEASUREMENT,
    WEIGHT_SCALE,
)

COMPANY: Final = 0x0611
NAMES: Final = r"(?i)(beurer[ _-]?)?(BF[ _-]?(720|105|500|788|950)|SBF[ _-]?7[2367])(?![0-9])"

CONSENT: Final = Profile(
    id="beurer-consent",
    maker="Beurer / Sanitas",
    model="BF105, BF500, BF720, BF788, BF950, SBF72, SBF73, SBF76, SBF77",
    match=(
        Match(company=COMPANY, service=BODY_COMPOSITION),
        Match(company=COMPANY, service=WEIGHT_SCALE),
        Match(name=NAMES),
    ),
    provides=BODY.provides,
    source="github.com/KristianP26/ble-scale-sync (BF720, BF788); github.com/oliexdev/openScale",
    steps=(
        WriteCurrentTime(),
        # The answers must be heard before a code is sent, the measurements before they are unlocked.
        Subscribe(USER_CONTROL_POINT, optional=True),
        Subscribe(BODY_COMPOSITION_MEASUREMENT, optional=True),
        Subscribe(WEIGHT_MEASUREMENT, optional=True),
        UserConsent(),
        UntilIdle(20.0),
    ),
    codecs=BODY.codecs,
    slug=r"beurer-bf(720|105|500|788|950).*|sanitas-sbf7[2367].*",
    pairing=Pairing(wake="step-on", bond="just-works", slots=8, register=True),
    proof="capture",
)
