"""The register of a made-up town: what truly happens to people, and under which number the office keeps them.

Names, addresses and numbers are invented; how often things happen is chosen so that every kind happens in a short test.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final

import msgspec

from engine import exchange_csv
from engine.exchange_csv import Torn
from engine.exchange_mapping import Mapping
from engine.exchange_rows import Said, cells_of

# Kanji that are written more than one way stand beside plain ones; all of them exist in CP932.
FAMILIES: Final = (
    ("山田", "ヤマダ"), ("髙橋", "タカハシ"), ("高橋", "タカハシ"), ("佐々木", "ササキ"), ("山﨑", "ヤマザキ"),
    ("齋藤", "サイトウ"), ("斎藤", "サイトウ"), ("渡邊", "ワタナベ"), ("五十嵐", "イガラシ"), ("阿部", "アベ"),
)  # fmt: skip
GIVEN: Final = {
    "female": (("花子", "ハナコ"), ("華子", "ハナコ"), ("美智子", "ミチコ"), ("ヱツ", "ヱツ"), ("佳代", "カヨ")),
    "male": (("太郎", "タロウ"), ("一郎", "イチロウ"), ("市郎", "イチロウ"), ("健", "ケン"), ("茂", "シゲル")),
}  # fmt: skip
_STREETS: Final = ("本町二丁目", "中町一丁目", "若浜町", "こあら三丁目", "日吉町", "光ケ丘")
# Two places far away, and a town of the same region.
_AWAY: Final = ("062014", "042021", "064611")
_DAY: Final = timedelta(days=1)
# A number is used again only after so many nights; a list that was lost does not hide a death for so long.
REST: Final = 5


class Office:
    """Everybody by an id of the model's own, which no list tells; `said` is what the office would write of them."""

    def __init__(self, rng: Random, people: int, today: date) -> None:
        self.today = today
        self.said: dict[int, Said] = {}
        self.gone: dict[int, date] = {}
        self._rng, self._next, self._numbers = rng, 0, 1000
        while len(self.said) < people:
            self._arrive(twins=rng.random() < 0.1)  # noqa: PLR2004 - an assumed share

    @property
    def numbers(self) -> dict[str, int]:
        """Whose each number is tonight; the dead and those who moved keep theirs until it is used again."""
        return {said.number: one for one, said in self.said.items()}

    def night(self) -> None:
        """A day passes and some of what can happen does."""
        self.today += _DAY
        here = [one for one, said in self.said.items() if said.state == "lives"]
        happens = (self._move, self._marry, self._correct, self._die, self._leave, self._misspell)
        for one in self._rng.sample(here, k=max(1, len(here) // 6)):
            self._rng.choice(happens)(one)
        away = [one for one, said in self.said.items() if said.state == "moved-out" and self._rng.random() < 0.3]  # noqa: PLR2004
        for one in away:
            self._change(one, state="lives", on=self.today, address=self._address(), to=None)
        self._arrive(twins=False)
        self._use_again()

    def listed(self, mapping: Mapping) -> bytes:
        """Tonight's list of everybody, in the office's own order, as its mapping writes it."""
        how = mapping.residents
        people = sorted(self.said.values(), key=lambda said: said.number)
        made = exchange_csv.write(cells_of(people, how), mapping, how.columns, how.ending)
        if isinstance(made, Torn):
            raise TypeError(f"{made.code}: {made.message}")
        return made

    def name_of(self, mapping: Mapping) -> str:
        """What tonight's list is called."""
        return mapping.residents.name.replace("{stamp}", f"{self.today:%Y%m%d}")

    def _arrive(self, *, twins: bool) -> None:
        sex = self._rng.choice(("female", "male"))
        (family, family_kana), (given, given_kana) = self._rng.choice(FAMILIES), self._rng.choice(GIVEN[sex])
        birth, address = date(1935, 1, 1) + timedelta(days=self._rng.randrange(25_000)), self._address()
        names = [given]
        if twins:
            # The same reading written in another way: nothing but the number tells the two apart.
            names += [other for other, kana in GIVEN[sex] if kana == given_kana and other != given][:1] or [
                f"{given}二"
            ]
        for name in names:
            self._numbers += 1
            self.said[self._next] = msgspec.convert({
                "number": str(self._numbers), "family": family, "given": name, "family_kana": family_kana,
                "given_kana": given_kana, "birth": birth, "sex": sex, "state": "lives", "address": address,
                "insured": f"{self._rng.randrange(10**8):08}",
            }, Said)  # fmt: skip
            self._next += 1

    def _move(self, one: int) -> None:
        self._change(one, address=self._address(), on=self.today)

    def _marry(self, one: int) -> None:
        family, kana = self._rng.choice(FAMILIES)
        self._change(one, family=family, family_kana=kana)

    def _correct(self, one: int) -> None:
        """A birth date that was written wrong for years."""
        self._change(one, birth=self.said[one].birth + _DAY)

    def _misspell(self, one: int) -> None:
        self._change(one, insured=f"{self._rng.randrange(10**8):08}")

    def _die(self, one: int) -> None:
        self._change(one, state="dead", on=self.today)
        self.gone[one] = self.today

    def _leave(self, one: int) -> None:
        self._change(one, state="moved-out", on=self.today, to=self._rng.choice(_AWAY))

    def _use_again(self) -> None:
        """The number of somebody long dead becomes a newcomer's, and the dead stand on no list any more."""
        old = [one for one, day in self.gone.items() if self.today - day >= REST * _DAY and one in self.said]
        for one in old:
            number = self.said.pop(one).number
            self._arrive(twins=False)
            self._change(self._next - 1, number=number)

    def _address(self) -> str:
        return f"酒田市{self._rng.choice(_STREETS)}{self._rng.randrange(1, 30)}番{self._rng.randrange(1, 20)}号"

    def _change(self, one: int, **changes: object) -> None:
        self.said[one] = msgspec.structs.replace(self.said[one], **changes)
