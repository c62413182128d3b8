"""One year of a town at the desk, with standing approvals or without, and what it shows. Nothing is left out."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
import numpy as np

from engine.officehours import WITHIN, ZONE, after, is_working_day
from engine.ranking import minutes
from engine.review import Item, hurries
from engine.unread import came_before
from simulators.town_year.desk import Desk, Done
from simulators.town_year.signatures import Signatures
from simulators.town_year.town import CHANNELS, DAYS, Constants, Due, Town, constants

_RED: Final = frozenset({"urgent", "emergency"})
MARK: Final = 0.95
OLDEST: Final = 10


class Year(msgspec.Struct, frozen=True, kw_only=True):
    """What a year showed; shares are of 1, ages in office days, minutes of nurses.

    `in_time` of the red flags were told by a signed text at once or looked at within their office time (15 minutes, 2
    hours). `contacted` is the worst month's share of eligible residents who got a text, report or call, and
    `contacted_by_person` the same without the monthly report. `set_aside` routine drafts were never read.
    `needed_hours` is what each nurse would need a day to read every draft; `reports_needed` monthly reports reach the
    mark where texts and calls do not.
    """

    people: int
    eligible: int
    nurses: int
    hours: float
    standing: bool
    red_flags: int
    in_time: int
    told_at_once: int
    oldest_serious: int
    oldest_routine: int
    late: dict[str, int]
    read: dict[str, int]
    set_aside: int
    texts_by_standing: int
    reports: int
    letters: int
    calls: int
    contacted: float
    contacted_by_person: float
    nurse_minutes: float
    minutes_per_resident_month: float
    busy: float
    needed_hours: float
    reports_needed: int

    @property
    def met(self) -> bool:
        """Whether the year keeps the promise."""
        kept = self.in_time == self.red_flags and max(self.oldest_serious, self.oldest_routine) <= OLDEST
        return kept and self.contacted >= MARK


class _Run:
    """The year while it runs."""

    def __init__(self, people: int, nurses: int, hours: float, seed: int, *, standing: bool) -> None:
        self.fixed: Constants = constants()
        self.town = Town(people, seed)
        self.nurses, self.hours, self.reports_a_month = nurses, hours, people
        self.aside_days: int | None = self.fixed.desk.aside_days
        self.desk = Desk(self.fixed.desk.call_minutes)
        self.signatures = Signatures(switched_on=standing)
        self.drafts = self.town.first_drafts()
        heapq.heapify(self.drafts)
        self.months = [(self.fixed.first_day.month - 1 + step) % 12 + 1 for step in range(12)]
        self.texted = np.zeros((12, people), dtype=bool)
        self.reported = np.zeros((12, people), dtype=bool)
        self.count: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.late: Counter[str] = Counter()
        self.oldest = {"serious": 0, "routine": 0}
        self.spent = self.open_minutes = self.demanded = 0.0
        self.worked: list[date] = []
        self.days_of_month: dict[int, int] = defaultdict(int)
        self._standing = standing

    def run(self) -> Year:
        """Day by day; on days off drafts come in and wait, signed texts leave at any hour."""
        for number in range(DAYS):
            day = self.fixed.first_day + timedelta(days=number)
            coming = self._coming(datetime.combine(day + timedelta(days=1), time(0), ZONE))
            if not is_working_day(day):
                for item, due in coming:
                    self.desk.put(item, due)
                continue
            self._office_day(day, coming)
        return self._told()

    def _office_day(self, day: date, coming: list[tuple[Item, Due]]) -> None:
        self.worked.append(day)
        self.days_of_month[day.month] += 1
        month = self.months.index(day.month)
        if self.days_of_month[day.month] == 1:
            self.desk.ask_to_call(np.flatnonzero(self.town.reached_by("phone")).tolist())
        if self.days_of_month[day.month] == self.fixed.desk.report_day:
            self._report(month)
        for done in self.desk.work(day, self.nurses, self.hours, coming):
            self._finish(done)
        self.open_minutes += self.nurses * self.hours * 60
        self._look_at_what_waits(datetime.combine(day, time(23, 59), ZONE))

    def _coming(self, until: datetime) -> list[tuple[Item, Due]]:
        """What is drafted before `until` and waits for a person; what may leave without one has left."""
        found = []
        while self.drafts and self.drafts[0].at < until:
            due = heapq.heappop(self.drafts)
            self.count["drafts"] += 1
            item = self.town.item(due, self.count["drafts"])
            had = bool(self.town.rng.random() < self.fixed.draft.had)
            if due.what in _RED:
                self.count["red"] += 1
                confirmed = self._confirmed(item)
                self.count["at-once"] += confirmed
                self.count["in-time"] += confirmed
            if self.signatures.lets_through(item, due.at, had=had):
                self.count["standing"] += 1
                self._texted(due.resident, due.at)
                self._again(due, due.at)
            else:
                found.append((item, due))
        return found

    def _confirmed(self, item: Item) -> bool:
        """Whether a signed text left at once; the item stays before the nurses all the same."""
        if self.town.rng.random() >= self.fixed.serious.confirmed:
            return False
        item.evidence["told"] = True
        return True

    def _finish(self, done: Done) -> None:
        self.spent += done.minutes
        self.demanded += done.minutes
        if done.waiting is None:
            assert done.called is not None
            self.count["calls"] += 1
            self._texted(done.called, done.at)
            return
        item, due = done.waiting.item, done.waiting.due
        self.read[item.severity] += 1
        # As the product asks of nurses: office time, of whatever severity.
        in_time = done.began <= after(item.created_at, WITHIN[item.severity])
        self.late[item.severity] += not in_time
        if hurries(item.severity) and not item.evidence.get("told"):
            self.count["in-time"] += in_time
        self._texted(due.resident, done.at)
        self._again(due, done.at)

    def _look_at_what_waits(self, evening: datetime) -> None:
        """How old the oldest is; a routine draft that is too old is set aside unread, a serious one never."""
        first: dict[str, datetime] = {}
        for one in self.desk.waiting():
            kind, at = "routine" if one.item.severity == "routine" else "serious", one.item.created_at
            first[kind] = min(first.get(kind, at), at)
        for kind, at in first.items():
            self.oldest[kind] = max(self.oldest[kind], self._office_days(at))
        if self.aside_days is None:
            return
        edge = came_before(evening + timedelta(hours=1), self.aside_days)
        for one in self.desk.set_aside(edge) if first.get("routine", evening) < edge else ():
            self.count["aside"] += 1
            self.demanded += minutes(one.item)
            self._again(one.due, evening.astimezone(UTC))

    def _office_days(self, since: datetime) -> int:
        """The office days after the one on which it came, today's included."""
        return len(self.worked) - bisect_right(self.worked, since.astimezone(ZONE).date())

    def _report(self, month: int) -> None:
        """The monthly report to whoever had no word yet; what comes back is called."""
        silent = self.town.eligible & ~self.texted[month] & ~self.town.reached_by("phone")
        sent = np.flatnonzero(silent)[: self.reports_a_month]
        back = self.town.rng.random(len(sent)) < self.fixed.desk.returned
        self.reported[month, sent[~back]] = True
        self.desk.ask_to_call(sent[back].tolist())
        self.count["reports"] += len(sent)
        self.count["letters"] += int((self.town.channel[sent] == CHANNELS.index("letter")).sum())

    def _texted(self, resident: int, at: datetime) -> None:
        self.texted[self.months.index(at.astimezone(ZONE).month), resident] = True

    def _again(self, due: Due, at: datetime) -> None:
        following = self.town.again(due, at)
        if following is not None:
            heapq.heappush(self.drafts, following)

    def _told(self) -> Year:
        # What came at the very end of the year and is not due yet is nobody's fault.
        self.count["red"] -= sum(
            after(one.item.created_at, WITHIN[one.item.severity]) > self.town.end
            for one in self.desk.waiting() if hurries(one.item.severity) and not one.item.evidence.get("told")
        )  # fmt: skip
        self.demanded += sum(minutes(one.item) for one in self.desk.waiting())
        eligible = self.town.eligible
        by_person = self.texted[:, eligible].mean(axis=1)
        both = (self.texted | self.reported)[:, eligible].mean(axis=1)
        lacking = np.maximum(MARK - by_person, 0).max() * eligible.sum() / (1 - self.fixed.desk.returned)
        counted: dict[str, Any] = {
            "red_flags": self.count["red"], "in_time": self.count["in-time"], "told_at_once": self.count["at-once"],
            "set_aside": self.count["aside"], "texts_by_standing": self.count["standing"],
            "reports": self.count["reports"], "letters": self.count["letters"], "calls": self.count["calls"],
        }  # fmt: skip
        return Year(
            people=self.town.people, eligible=int(eligible.sum()), nurses=self.nurses, hours=self.hours,
            standing=self._standing, oldest_serious=self.oldest["serious"], oldest_routine=self.oldest["routine"],
            late=dict(self.late), read=dict(self.read), contacted=float(both.min()),
            contacted_by_person=float(by_person.min()), nurse_minutes=self.spent,
            minutes_per_resident_month=self.spent / 12 / max(int(eligible.sum()), 1),
            busy=self.spent / max(self.open_minutes, 1.0),
            needed_hours=self.demanded / 60 / max(len(self.worked) * self.nurses, 1),
            reports_needed=int(np.ceil(lacking)), **counted,
        )  # fmt: skip


def year(
    people: int, nurses: int, hours: float, seed: int, *, standing: bool, reports: int | None = None, aside: bool = True
) -> Year:  # fmt: skip
    """A year of `people` residents before `nurses` with `hours` a day; at most `reports` monthly reports a month.

    Without `aside` routine drafts wait until somebody reads them, however old they become.
    """
    run = _Run(people, nurses, hours, seed, standing=standing)
    run.reports_a_month = people if reports is None else reports
    run.aside_days = run.aside_days if aside else None
    return run.run()
