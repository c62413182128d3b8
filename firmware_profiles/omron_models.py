"""Where OMRON devices keep their records: one memory map for all models that share it.

Addresses: github.com/eigger/hass-omron device_catalog.py and docs, github.com/userx14/omblepy deviceSpecific/ and
github.com/oliexdev/openScale OmronWlcHandler (facts only). Models whose record layout nobody has published are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Unlock = Literal["key", "token", "none"]


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """A memory map: a ring of `count` records of `size` bytes at `starts` for each user.

    At most `block` bytes are read at once. The place after the newest record of a user stands in the byte `cursors`
    (masked with `mask`) of the `index_size` bytes at `index`. `models` are the beginnings of the model's name.
    `unlock`: a 16-byte key the device was given at pairing, a token it echoes, or nothing but the bond.
    """

    models: tuple[str, ...]
    starts: tuple[int, ...]
    count: int
    size: int
    block: int
    index: int
    index_size: int
    cursors: tuple[int, ...]
    mask: int = 0xFF
    unlock: Unlock = "key"


def _old(models: str, starts: tuple[int, ...], count: int, block: int = 0x2C, index_size: int = 0x08) -> Memory:
    """Words of the first generation come with their bytes exchanged: the cursor is the second byte of its word."""
    return Memory(
        models=tuple(models.split()), starts=starts, count=count, size=14, block=block, index=0x0260,
        index_size=index_size, cursors=tuple(range(1, 2 * len(starts), 2)),
    )  # fmt: skip


def _second(models: str, starts: tuple[int, ...], count: int) -> Memory:
    return Memory(
        models=tuple(models.split()), starts=starts, count=count, size=16, block=0x10, index=0x0010,
        index_size=0x10, cursors=tuple(range(0, 2 * len(starts), 2)),
    )  # fmt: skip


def _bonded(
    models: str, starts: tuple[int, ...], count: int, *, index_size: int, index: int = 0x0010,
    cursors: tuple[int, ...] = (0, 2), unlock: Unlock = "token", size: int = 16, block: int = 0x38,
) -> Memory:  # fmt: skip
    return Memory(
        models=tuple(models.split()), starts=starts, count=count, size=size, block=block, index=index,
        index_size=index_size, cursors=cursors[: len(starts)], unlock=unlock,
    )  # fmt: skip


SWAPPED: Final = (
    _old("HEM-7322T HEM-7321T HEM-7280T HEM-7281T HEM-7282T", (0x02AC, 0x0824), 100),
    _old("HEM-7511T", (0x02AC, 0x0798), 90),
    _old("HEM-8732T", (0x02AC, 0x05F4), 60),
    _old("HEM-8732K", (0x02AC, 0x0522), 45),
    _old("HEM-7600T HEM-7270C HEM-7271T", (0x02AC,), 100),
    _old("HEM-7325T", (0x02AC,), 90),
    _old("HEM-7530T HEM-6231T2 HEM-6231T_Z HEM-7271P HEM-7271T_SH3 HEM-8630T", (0x02E8,), 90, 0x10, 0x10),
    _old("HEM-6161T HEM-7271L", (0x02E8,), 30, 0x10, 0x10),
    _old("HEM-7136T HEM-7138T HEM-7138JT HEM-7139T", (0x02E8,), 60, 0x10, 0x10),
    _old("HEM-6231T", (0x02E8,), 100, 0x10, 0x10),
)
"""Blood-pressure monitors whose words come with their bytes exchanged."""

WRIST: Final = (_old("HEM-6232T HEM-6233T", (0x02E8, 0x0860), 100, 0x2C, 0x10),)
"""The wrist monitors that also exchange two flags."""

PLAIN: Final = (
    _second("HEM-7150T HEM-7153T HEM-7156T", (0x0098,), 60),
    _second("HEM-7151T", (0x0098,), 80),
    _second("HEM-7153JT", (0x0098,), 30),
    _second("HEM-7157T HEM-7158T", (0x0098,), 100),
    _second("HEM-7155T HEM-7340T HEM-7341T", (0x0098, 0x0458), 60),
    _second(
        "HEM-7159T HEM-7342T HEM-7343T HEM-7344T HEM-7344JT HEM-7346T HEM-7347T HEM-7349T HEM-7361T",
        (0x0098, 0x06D8),
        100,
    ),
    _bonded("HEM-1026T2", (0x02E8, 0x0928), 100, index=0x0260, index_size=0x18, unlock="key", block=0x2C),
    _bonded(
        "HEM-7155T_K4 HEM-7340T_K4 HEM-7341T_K4", (0x02E8, 0x06A8), 60, index=0x0260, index_size=0x18, unlock="none",
    ),
    _bonded("HEM-7155T_ESL1", (0x02E8, 0x06A8), 60, index=0x0260, index_size=0x10, cursors=(0, 8)),
    _bonded(
        "HEM-7143T HEM-7144T HEM-7146T HEM-716DT", (0x02E8,), 30,
        index=0x0260, index_size=0x10, unlock="none", size=14, block=0x2C,
    ),
    _bonded("HEM-716BT2 HEM-716CT2 HEM-7149T2", (0x02E8,), 30, index=0x0260, index_size=0x10, size=14, block=0x2C),
    _bonded(
        "HEM-7138K HEM-7140T HEM-7141T HEM-7142T", (0x02E8,), 14, index=0x0260, index_size=0x10, size=14, block=0x2C,
    ),
    _bonded("HEM-7183T1 HEM-7188T1", (0x01C4,), 30, index_size=0x18),
    _bonded("HEM-7191T1", (0x01C4,), 60, index_size=0x18),
    _bonded("HEM-7194T1 HEM-7196T1", (0x01C4, 0x0584), 60, index_size=0x18),
    _bonded("HEM-7380T HEM-7383T1 HEM-7384T1", (0x01C4, 0x0804), 100, index_size=0x18),
    _bonded("HEM-7376T1 HEM-7385T1 HEM-7387T1 HEM-7389T1", (0x080C, 0x0BCC), 60, index_size=0x1C),
    _bonded("HEM-7377T1", (0x080C, 0x0D0C), 80, index_size=0x1C),
    _bonded("HEM-7381T1 HEM-7382T1 HEM-7386T1 HEM-7388T1", (0x080C, 0x0E4C), 100, index_size=0x1C),
)  # fmt: skip
"""Blood-pressure monitors whose bytes come as they stand."""

_SCALE: Final = Memory(
    models=(), starts=(0x02C0,), count=30, size=16, block=0x10, index=0x01A0, index_size=0x0C, cursors=(0,), mask=0x3F,
    unlock="token",
)  # fmt: skip
HN_300T2: Final = msgspec.structs.replace(_SCALE, models=("HN-300T2", "SC-150"))
HBF_702T: Final = msgspec.structs.replace(
    _SCALE, models=("HBF-702T", "KRD-703T"), starts=(0x02C0, 0x0890, 0x0E60, 0x1430), size=48, block=0x20,
    index_size=0x08, cursors=(0, 1, 2, 3), unlock="key",
)  # fmt: skip
HBF_32: Final = msgspec.structs.replace(
    HBF_702T, models=("HBF-222T", "HBF-227T", "HBF-228T", "HBF-229T", "HBF-230T"),
    starts=(0x02C0, 0x06A0, 0x0A80, 0x0E60), size=32,
)  # fmt: skip
HBF_32_AGELESS: Final = msgspec.structs.replace(HBF_32, models=("BCM-500", "VIVA"))

# What the box says, where the device says that instead of its model (the Japanese names first).
BOX_NAMES: Final[Mapping[str, str]] = {
    "HCR-1901T2": "HEM-1026T2", "HCR-1902T2": "HEM-1026T2", "HCR-7206T2": "HEM-7146T2", "HCR-7308T2": "HEM-7146T2",
    "HCR-7501T": "HEM-7158T", "HCR-7502T": "HEM-7346T", "HCR-750AT": "HEM-7346T", "HCR-7601T": "HEM-7347T",
    "HCR-7602T": "HEM-7347T", "HCR-7608T2": "HEM-7600T2", "HCR-7612T2": "HEM-7346T2", "HCR-761AT2": "HEM-7346T2",
    "HCR-7711T2": "HEM-7347T2", "HCR-7712T2": "HEM-7347T2", "HCR-7800T": "HEM-7530T",
    "JPN610T": "HEM-7158T", "JPN616T": "HEM-7159T", "JPN710T": "HEM-7346T",
    "BP4350": "HEM-6232T", "BP5150": "HEM-7142T2", "BP5250": "HEM-7151T", "BP5255": "HEM-716BT2",
    "BP5360": "HEM-7377T1", "BP5450": "HEM-7343T", "BP5465": "HEM-7382T1", "BP6350": "HEM-6231T_Z",
    "BP7000": "HEM-7600T", "BP7150": "HEM-7142T2", "BP7250": "HEM-7150T", "BP7255": "HEM-716CT2",
    "BP7360": "HEM-7376T1", "BP7450": "HEM-7342T", "BP7465": "HEM-7381T1", "BP7900": "HEM-7530T",
    "EVOLV": "HEM-7600T", "COMPLETE": "HEM-7530T", "RS3 INTELLI IT": "HEM-6161T", "RS7 INTELLI IT": "HEM-6232T",
    "M2 INTELLI IT": "HEM-7143T1", "M500 INTELLI IT": "HEM-7361T", "M700 INTELLI IT": "HEM-7322T",
    "M7 INTELLI IT AFIB": "HEM-7380T1", "MIT5S": "HEM-7280T", "X2+": "HEM-7188T1", "X2+ CONNECT": "HEM-7188T1",
    "M2+": "HEM-7188T1", "X2 SMART": "HEM-7143T2", "X4 CONNECT AFIB": "HEM-7196T1", "M4 CONNECT AFIB": "HEM-7196T1",
    "X7 SMART": "HEM-7361T", "X7 SMART AFIB": "HEM-7380T1",
}  # fmt: skip


def find_memory(model: str, memories: tuple[Memory, ...]) -> Memory | None:
    """The map of a device that calls itself `model`: the longest beginning that fits; None when none does."""
    name = model.strip("\0 ").upper()
    name = BOX_NAMES.get(name, name)
    fits = [(len(start), memory) for memory in memories for start in memory.models if name.startswith(start)]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None
