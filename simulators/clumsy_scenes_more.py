"""Clumsy pairings, second part: memories, clocks, codes, keys, and everybody who leaves in the middle."""

from __future__ import annotations

from typing import Final

from gateway.pairing_model import Chose, ForPeople, SlotTyped, Yes
from simulators.clumsy import Scenario
from simulators.clumsy_room import (
    KEY,
    consent_scale,
    cuff,
    dated,
    device,
    later,
    mi_scale,
    omron,
    records,
    scale,
    thermometer,
)
from simulators.clumsy_stage import (
    HANAKO,
    after,
    both,
    interrupt,
    measure,
    nothing,
    press,
    say,
    switch,
    write,
)

AGAIN: Final = press("retry.join")
W, X, C = scale(), mi_scale(), consent_scale()
SHY = scale(asleep=True)
GUARDED_CUFF = cuff(secured=True, passkey=314159, profile="omron-hem-9200t", local_name="BLEsmart_00000116")
LEFT = records(3)
BELT = device("heart-rate-mirror", "sig-heart-rate")

MEMORIES: Final = (
    Scenario(
        name="second-hand", about="A second-hand scale with the last owner's records.", devices=(scale(records=LEFT),),
        ends="paired", aside=3, later=later(W),
    ),
    Scenario(
        name="only-old-records", about="Old records come, and nobody steps on.", devices=(scale(records=LEFT),),
        ends="only-old-records", sees=("only-old-records",), aside=3, script={"proof": (nothing,)},
        later=later(W, None),
    ),
    Scenario(
        name="clock-at-2000", about="A scale without a clock: she says what it shows now.",
        devices=(scale(stuck=True),), ends="paired", asked=("is-it-now",), later=later(W),
    ),
    Scenario(
        name="clock-at-2000-memory", about="Undated records of somebody else first: no; then hers.",
        devices=(scale(stuck=True, records=LEFT),), ends="paired", asked=("is-it-now",), later=later(W),
        script={"proof": (nothing,), "is-it-now": (press("no"), press("yes"))},
    ),
    Scenario(
        name="clock-at-1970", about="A clock at 1970 that cannot be set.", devices=(dated(1970, "62.30"),),
        ends="paired", asked=("is-it-now",),
    ),
    Scenario(
        name="clock-at-2094", about="A clock at 2094 that cannot be set.", devices=(dated(2094, "62.30"),),
        ends="paired", asked=("is-it-now",),
    ),
    Scenario(
        name="is-it-now-unanswered", about="Nobody says whether the undated number is on the scale now.",
        devices=(scale(stuck=True),), ends="unproven", sees=("unproven",), asked=("is-it-now",),
        script={"is-it-now": (nothing,) * 3}, later=later(W, None),
    ),
    Scenario(
        name="list-damaged", about="The household's list cannot be read.", devices=(W,), damaged=True, ends="damaged",
        sees=("damaged",),
    ),
)  # fmt: skip
CODES: Final = (
    Scenario(
        name="no-key", about="An encrypted thermometer, and she has no key.", devices=(thermometer(),), ends="stopped",
        asked=("key",), later=later(thermometer(), None),
    ),
    Scenario(
        name="key-mistyped", about="Half a key first, then the whole one.", devices=(thermometer(),), ends="paired",
        asked=("key",), script={"key": (write("0123"), write(KEY))}, later=later(thermometer()),
    ),
    Scenario(
        name="wrong-key", about="The key of another device, then the right one.", devices=(thermometer(),),
        ends="paired", sees=("bindkey-wrong",),
        script={"key": (write("f" * 32), write(KEY)), "failed": (press("retry.key"),)},
        later=later(thermometer()),
    ),
    Scenario(
        name="slots-all-taken", about="All eight slots are taken.", ends="no-slot", sees=("no-slot",),
        devices=(consent_scale(pins=dict.fromkeys(range(1, 9), 1234)),), later=later(C, None, 1),
    ),
    Scenario(
        name="wrong-passkey", about="She misreads the number the cuff shows; then she reads it right.",
        devices=(GUARDED_CUFF,), ends="paired", sees=("wrong-passkey",), asked=("passkey",),
        script={"passkey": (write("314150"), write("314159")), "failed": (AGAIN,)},
    ),
    Scenario(
        name="passkey-unread", about="Nobody reads the number off the cuff.",
        devices=(GUARDED_CUFF,), ends="wrong-passkey", sees=("wrong-passkey",),
        asked=("passkey",), script={"passkey": (nothing,)}, later=later(GUARDED_CUFF, None),
    ),
    Scenario(
        name="garbage-answers", about="Impossible answers to every question, then the right ones.", ends="paired",
        devices=(omron(),), later=later(omron(), slot=2), asked=("slot",),
        script={
            "choose": (both(say(Chose("nonsense")), press("yes")),),
            "people": (both(say(ForPeople(("r-nobodynobody5",))), say(ForPeople(()))), press("person", HANAKO)),
            "slot": (both(say(Yes()), say(SlotTyped("９９"))), both(write("-1"), write("2"))),
            "proof": (measure(HANAKO, slot=2, systolic="128", diastolic="76", pulse_rate="64"),),
        },
    ),
)  # fmt: skip
ENDS: Final = (
    Scenario(
        name="bluetooth-off", about="Bluetooth is off; it is switched on and she searches again.", devices=(W,),
        before=(switch(on=False),), ends="paired", sees=("bluetooth-off",), later=later(W),
        script={"failed": (both(switch(on=True), press("retry.search")),)},
    ),
    Scenario(
        name="bluetooth-off-in-the-middle", about="Bluetooth is switched off while she stands on the scale.",
        devices=(W,), ends="bluetooth-off", sees=("bluetooth-off",), script={"proof": (switch(on=False),)},
        later=later(W, None), state={"proof_seconds": 20.0},
    ),
    Scenario(
        name="ctrl-c-while-searching", about="Ctrl-C while it searches.", devices=(SHY,), ends="interrupted",
        script={"search": (interrupt,)},
    ),
    Scenario(
        name="ctrl-c-while-asked", about="Ctrl-C instead of an answer.", devices=(W,), ends="interrupted",
        script={"people": (interrupt,)}, later=later(W, None),
    ),
    Scenario(
        name="ctrl-c-on-the-scale", about="Ctrl-C after the scale was reached.", devices=(W,), ends="interrupted",
        script={"proof": (interrupt,)}, later=later(W, None),
    ),
    Scenario(
        name="stops-on-the-scale", about="Stop instead of the measurement.", devices=(W,), ends="stopped",
        script={"proof": (press("stop"),)}, later=later(W, None),
    ),
    Scenario(
        name="walks-off-forever", about="She says yes and never comes back to the questions.", devices=(W,),
        ends="interrupted", asked=("people",), script={"people": (after(8.0, interrupt),)},
    ),
    Scenario(
        name="pulse-belt", about="A device that only tells the pulse, worn at once.", ends="paired",
        devices=(BELT,), later=later(BELT),
    ),
)  # fmt: skip
