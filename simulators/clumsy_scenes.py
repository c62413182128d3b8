"""The fifty clumsy pairings: what happened, what the person did, and how each must end."""

from __future__ import annotations

from typing import Final

from engine.contract.wire import Binding
from simulators.clumsy import Later, Scenario
from simulators.clumsy_room import (
    THERE,
    entry,
    later,
    mi_scale,
    named,
    omron,
    other,
    scale,
    shaky,
)
from simulators.clumsy_scenes_more import AGAIN, CODES, ENDS, MEMORIES, SHY, C, W, X
from simulators.clumsy_stage import (
    HANAKO,
    TARO,
    both,
    measure,
    nothing,
    order,
    press,
)

GUARDED = scale(secured=True, pairable=False)

_PHONES: Final = (
    Scenario(
        name="phone-holds-bond", about="The scale lets no new partner in: a phone holds its bond.", devices=(GUARDED,),
        ends="phone-holds-bond", sees=("phone-holds-bond",), later=later(W, None),
    ),
    Scenario(
        name="phone-lets-go", about="After that she holds the button and tries again.", devices=(GUARDED,),
        ends="paired", sees=("phone-holds-bond",), later=later(W),
        script={"failed": (both(order("open-pairing"), order("wake"), AGAIN),)},
    ),
    Scenario(
        name="phone-is-connected", about="The scale talks to a phone and is not on the air.", devices=(SHY,),
        ends="nothing-found", sees=("nothing-found",), script={"search": (nothing,)},
    ),
    Scenario(
        name="phone-off-then-again", about="She switches the phone off and searches again.", devices=(SHY,),
        ends="paired", sees=("nothing-found",), later=later(W),
        script={"search": (nothing,), "failed": (both(order("wake"), press("retry.search")),)},
    ),
    Scenario(
        name="phone-takes-it", about="A phone takes the scale while she reads who uses it.", devices=(W,),
        ends="stepped-off", sees=("stepped-off",), later=later(W, None),
        script={"people": (both(order("sleep"), press("person", HANAKO)),), "join": (nothing,)},
    ),
    Scenario(
        name="button-not-held", about="The monitor is asked before its button was held; then she holds it.",
        devices=(omron(pairable=False),), ends="paired", sees=("phone-holds-bond",), later=later(omron(), slot=1),
        script={"failed": (both(order("open-pairing"), AGAIN),)},
    ),
    Scenario(
        name="button-never-held", about="The monitor is never put into pairing mode.", devices=(omron(pairable=False),),
        ends="phone-holds-bond", sees=("phone-holds-bond",), later=later(omron(), None, 1),
    ),
)  # fmt: skip
_SIGNALS: Final = (
    Scenario(
        name="too-far", about="The scale is heard from afar, but no link comes about.", devices=(scale(rssi=-97),),
        ends="weak-signal", sees=("weak-signal",), later=later(W, None),
    ),
    Scenario(
        name="brought-nearer", about="She carries it nearer and tries again.", devices=(scale(rssi=-97),),
        ends="paired", sees=("weak-signal",), later=later(W),
        script={"failed": (both(order("move", rssi=-55), AGAIN),)},
    ),
    Scenario(
        name="faint-but-works", about="A weak signal that is just enough.", devices=(scale(rssi=-86),), ends="paired",
        later=later(W),
    ),
    Scenario(
        name="walked-away", about="The link breaks in the middle of the record; the next one brings it.", devices=(W,),
        ends="paired", script={"proof": (both(order("drop-link", after=0), measure(HANAKO, weight="62.30")),)},
        later=later(W),
    ),
    Scenario(
        name="every-link-breaks", about="Each connection breaks at once: she steps off each time.",
        devices=(scale(rssi=-60),), ends="stepped-off", sees=("stepped-off",), later=later(W, None),
        script={"people": (both(order("move", rssi=-96), press("person", HANAKO), order("move", rssi=-60),
                                order("sleep")),), "join": (nothing,)},
    ),
    Scenario(
        name="stepped-off-early", about="The number never stands still.", devices=(shaky("20.00", "41.00", "55.00"),),
        ends="stepped-off", sees=("stepped-off",), script={"join": (measure(None, weight="55.00"),)},
    ),
    Scenario(
        name="left-after-the-yes", about="The scale goes silent after the yes, and she after it.",
        devices=(mi_scale(aired=0.6),), ends="stepped-off", sees=("stepped-off",), script={"join": (nothing,)},
        later=later(X, None),
    ),
    Scenario(
        name="left-then-back", about="She is called back and steps on once more.", devices=(X,), ends="paired",
        sees=("stepped-off",), script={"join": (nothing,), "failed": (AGAIN,)}, later=later(X),
    ),
)  # fmt: skip
_BATTERIES: Final = (
    Scenario(
        name="dies-in-transfer", about="The battery gives up in the middle of the record.", devices=(scale(battery=6),),
        ends="flat-battery", sees=("flat-battery",), later=later(W, None),
        script={"proof": (both(order("drop-link", after=0), order("sleep")),)},
    ),
    Scenario(
        name="low-battery", about="A low battery is told, and the pairing goes on.", devices=(scale(battery=9),),
        ends="paired", later=later(W),
    ),
    Scenario(
        name="new-battery", about="After a battery change she pairs it anew; name and people stay.",
        devices=(scale(secured=True),), listed=(entry(W),), ends="paired", sees=("already-paired",),
        script={"failed": (press("retry.anew"),)}, before=(order("lose-bonds"),), later=later(W),
    ),
    Scenario(
        name="new-battery-new-address", about="With its new battery the scale has a new address.", devices=(W,),
        ends="paired", later=later(W), listed=(entry(other()),),
    ),
    Scenario(
        name="codes-forgotten", about="The battery change wiped the user codes: it gives her a slot again.",
        devices=(C,), ends="paired", sees=("already-paired", "slot-refused"), later=later(C, slot=1),
        listed=(entry(C, bindings=(Binding(1, HANAKO),), pins={1: 4711}),),
        script={"failed": (press("retry.anew"), press("retry.slot"))},
    ),
    Scenario(
        name="already-paired", about="The scale is on the list already, and she leaves it at that.", devices=(W,),
        listed=(entry(W),), ends="already-paired", sees=("already-paired",), later=later(W),
    ),
)  # fmt: skip
_PEOPLE: Final = (
    Scenario(
        name="wrong-person-first", about="Taro steps on first; no; then Hanako.", devices=(W,), ends="paired",
        asked=("is-it-you",), later=later(W),
        script={"proof": (measure(TARO, weight="81.00"), measure(HANAKO, weight="62.30"))},
    ),
    Scenario(
        name="wrong-person-only", about="Taro steps on, and Hanako never comes.", devices=(W,), ends="wrong-person",
        sees=("wrong-person",), asked=("is-it-you",), later=later(W, None),
        script={"proof": (measure(TARO, weight="81.00"), nothing)},
    ),
    Scenario(
        name="wrong-person-no-answer", about="Taro steps on, and nobody answers whether it is her.", devices=(W,),
        ends="wrong-person", sees=("wrong-person",), asked=("is-it-you",), later=later(W, None),
        script={"proof": (measure(TARO, weight="81.00"),), "is-it-you": (nothing,)},
    ),
    Scenario(
        name="thinner-than-before", about="It is far from her last weight, and it is her.", devices=(W,), ends="paired",
        asked=("is-it-you",), later=later(W),
        script={"proof": (measure(HANAKO, weight="50.10"),), "is-it-you": (press("yes"),)},
    ),
    Scenario(
        name="no-consent", about="Jiro never agreed to be recorded.", devices=(W,), ends="no-consent",
        sees=("no-consent",), script={"people": (press("person", "jiro"),)}, later=later(W, None),
    ),
    Scenario(
        name="somebody-who-agreed", about="Not Jiro then, but Hanako.", devices=(W,), ends="paired",
        sees=("no-consent",), script={"people": (press("person", "jiro"),), "failed": (press("retry.people"),)},
        later=later(W),
    ),
    Scenario(
        name="nobody-registered", about="Nobody of the household is registered.", devices=(W,), people=(),
        ends="nobody-here", sees=("nobody-here",), later=later(W, None),
    ),
    Scenario(
        name="both-on-slots", about="Two people get a slot each.", devices=(C,), ends="paired",
        script={"people": (press("both"),)},
        later=(Later(HANAKO, {"weight": "62.50", "body_fat_percentage": "31.4", "impedance": "505"}, None, 1),
               Later(TARO, {"weight": "81.20", "body_fat_percentage": "24.0", "impedance": "470"}, None, 2)),
    ),
    Scenario(
        name="both-without-slots", about="Two people share a scale that knows nobody: who it was is asked later.",
        devices=(W,), ends="paired", script={"people": (press("both"),), "proof": (measure(None, weight="62.30"),)},
        later=(Later(None, {"weight": "62.60"}),),
    ),
    Scenario(
        name="implants-yes", about="A pacemaker: only the weight is kept.", devices=(X,), ends="paired",
        script={"implants": (press("implants.yes"),)}, later=later(X),
    ),
    Scenario(
        name="implants-unknown", about="She does not know about implants: only the weight is kept.", devices=(X,),
        ends="paired", script={"implants": (press("implants.unknown"),)}, later=later(X),
    ),
)  # fmt: skip
_OTHERS: Final = (
    Scenario(
        name="two-scales", about="Two scales in the room: she picks hers from the list.", devices=(W, other(rssi=-70)),
        ends="paired", later=(*later(W), Later(None, {"weight": "90.40"}, "other")),
    ),
    Scenario(
        name="neighbour-is-louder", about="The neighbour's scale is nearer to the machine.",
        devices=(scale(rssi=-75), other(rssi=-42)), ends="paired",
        later=(*later(W), Later(None, {"weight": "90.40"}, "other")),
    ),
    Scenario(
        name="neighbour-chosen", about="She picks the neighbour's scale and steps on her own.",
        devices=(W, other(rssi=-42)), ends="wrong-device", sees=("wrong-device",),
        script={"choose": (press("device", THERE),)},
        later=(Later(None, {"weight": "90.40"}, "other"),),
    ),
    Scenario(
        name="not-this-one", about="Not that one; then hers is switched on.", devices=(SHY, other()), ends="paired",
        script={"search": (nothing, order("wake")), "choose": (press("not-this"),)}, later=later(W),
    ),
    Scenario(
        name="wrong-yes-then-no", about="She says yes to the neighbour's, stops, and nothing stays on the list.",
        devices=(W, other(rssi=-42)), ends="stopped", script={"choose": (press("device", THERE),),
        "people": (press("stop"),)}, later=(Later(None, {"weight": "90.40"}, "other"),),
    ),
    Scenario(
        name="not-supported", about="A scale that speaks to its maker's app only.", devices=(named("TANITA RD-930L"),),
        ends="not-supported", sees=("not-supported",), script={"search": (measure(None, weight="60.00"),)},
    ),
    Scenario(
        name="strangers-only", about="Headphones and televisions, no scale.", devices=(named("LE-Headphones"),),
        ends="nothing-found", sees=("nothing-found",), script={"search": (measure(None, weight="60.00"),)},
    ),
    Scenario(
        name="pairing-already", about="Somebody else in the house is pairing right now.", devices=(W,), taken=True,
        ends="pairing-now", sees=("pairing-now",),
    ),
    Scenario(
        name="gateway-runs", about="A gateway runs here: it does the visiting.", devices=(W,), gateway=True,
        ends="paired", later=later(W),
    ),
)  # fmt: skip
SCENES: Final = (*_PHONES, *_SIGNALS, *_BATTERIES, *_PEOPLE, *_OTHERS, *MEMORIES, *CODES, *ENDS)
