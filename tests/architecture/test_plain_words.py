"""Everything a resident reads is plain: every text of the catalogue, every table of words, every page as it is shown."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from engine.consent_texts import TEXTS
from engine.locale import LANGUAGES, Language, catalogue
from engine.plain import exceptions, plain_faults, sentences
from tests.web.desks import HANAKO, Desk, desk
from tests.web.resident_home import answer, delivered, hear, reading
from tests.web.test_me_consents import add, sit

__all__ = ["desk"]
ENGINE: Final = Path(__file__).parents[2] / "engine"
# What stands in a text for a value, as long as the longest real one: a sentence must be short with it, too.
LONGEST: Final[dict[Language, dict[str, str]]] = {
    "ja": {
        "day": "2026年11月28日(土)", "first": "2026年11月28日(土)", "last": "2026年11月28日(土)", "date": "11月28日",
        "due": "11月28日(土)", "month": "2026年11月", "until": "2026年11月28日(土)", "name": "佐々木 幸太郎",
    },
    "en": {
        "day": "Sat 28 Nov 2026", "first": "Sat 28 Nov 2026", "last": "Sat 28 Nov 2026", "date": "28 Nov",
        "due": "Sat 28 Nov", "month": "November 2026", "until": "Sat 28 Nov 2026", "name": "Kotaro Sasaki",
    },
}  # fmt: skip
_BLOCKS: Final = frozenset(
    {"p", "li", "h1", "h2", "h3", "h4", "td", "th", "dt", "dd", "label", "button", "legend", "caption", "figcaption",
     "div", "section", "summary", "option", "main", "nav", "header", "footer", "form", "fieldset", "tr", "a", "br",
     "article", "small", "strong", "time", "b", "span"}
)  # fmt: skip
# Titles of books are not ours to change.
_UNREAD: Final = frozenset({"script", "style", "svg", "textarea", "head", "cite"})
_VOID: Final = frozenset({"br", "img", "input", "meta", "link", "hr", "source", "wbr"})


def texts(language: Language) -> Iterator[tuple[str, str]]:
    """Every text for residents, by name, with values as long as they come."""
    for (context, key), said in sorted(catalogue(language).items()):
        if context == "resident":
            yield key, filled(language, said)
    for purpose, words in TEXTS.items():
        yield f"consent.{purpose}", getattr(words, language)
        yield f"consent.{purpose}.label", getattr(words, f"label_{language}")
    for path in sorted((*ENGINE.glob("questionnaires/*.toml"), *ENGINE.glob("explained/*.toml"))):
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        area = "me.explained" if path.parent.name == "explained" else "question"
        yield from _table(found, language, f"{area}.{path.stem}")
    yield from _table(tomllib.loads((ENGINE / "contacts.toml").read_text(encoding="utf-8")), language, "contacts")


def filled(language: Language, said: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda value: LONGEST[language].get(value[1], "128.5"), said)


def _table(found: Any, language: Language, key: str) -> Iterator[tuple[str, str]]:
    """The texts of a table, wherever in it they stand; sources of a table are not for residents."""
    if isinstance(found, list):
        for number, one in enumerate(found):
            name = one.get("code", one.get("id", number)) if isinstance(one, dict) else number
            yield from _table(one, language, f"{key}.{name}")
        return
    for name, one in found.items() if isinstance(found, dict) else ():
        if isinstance(one, str) and (name == language or name.endswith(f"_{language}")):
            yield f"{key}.{name}", one
        elif isinstance(one, dict | list):
            yield from _table(one, language, f"{key}.{name}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_for_residents_is_plain(language: Language) -> None:
    told = dict(texts(language))
    assert len(told) > 900
    faults = {key: found for key, said in told.items() if (found := plain_faults(language, said, key))}
    assert faults == {}


def test_every_exception_is_needed_and_says_why() -> None:
    told = dict(texts("ja"))
    for but in exceptions():
        assert but["reason"]
        for word in but["words"]:
            pattern = but["key"].removesuffix("*")
            assert [key for key, said in told.items() if key.startswith(pattern) and word in said.replace(" ", "")], but


@pytest.mark.parametrize(
    ("language", "said", "fault"),
    [
        ("ja", "アプリケーションに 入ってください。", "word: アプリケーション -> アプリ"),
        ("ja", "アプリ ケーションに 入ってください。", "word: アプリケーション -> アプリ"),
        ("ja", "本人の 認証を します。", "word: 認証 -> 本人か 確かめる"),
        ("ja", "塩を ひかえてください、そして 歩きましょう。", "asks twice"),
        ("ja", "あ" * 41 + "。", "too long (42)"),
        ("en", "Your session has ended.", "word: session -> say how long you stay in"),
        ("en", "word " * 20 + ".", "too long"),
        ("en", "Please rest and please call us.", "asks twice"),
    ],
)
def test_what_is_not_plain_is_found(language: str, said: str, fault: str) -> None:
    assert any(one.startswith(fault) for one in plain_faults(language, said)), plain_faults(language, said)


def test_what_is_plain_is_left_alone() -> None:
    for said in (
        "体重計に のってください。\nつぎに 血圧を はかってください。",
        "ペースメーカーの ある 人は のらないでください。",
    ):
        assert plain_faults("ja", said) == ()
    assert sentences("ja", "はい。 いいえ。\nまだ") == ["はい。", "いいえ。", "まだ"]


class Reader(HTMLParser):
    """The words of a page block by block, and where it leads; what people wrote themselves is not read."""

    def __init__(self, page: str, language: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.ways: list[str] = []
        self._language, self._open, self._text = language, [("", True)], ""
        self.feed(page)
        self._end()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag == "a" and held.get("href"):
            self.ways.append(held["href"] or "")
        if tag in _BLOCKS:
            self._end()
        if tag not in _VOID:
            own = held.get("lang") in {None, self._language} and held.get("translate") != "no" and tag not in _UNREAD
            self._open.append((tag, own and self._open[-1][1]))

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._end()
        if any(tag == name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open[-1][1]:
            self._text += data

    def _end(self) -> None:
        if said := " ".join(self._text.split()):
            self.said.append(said)
        self._text = ""


async def walk(browser: httpx.AsyncClient, language: Language, first: str = "/me") -> dict[str, Reader]:
    """Every page that can be reached by links from the first one, two of each kind."""
    ways, found, kinds = [first], dict[str, Reader](), dict[str, int]()
    while ways:
        way = ways.pop(0).partition("#")[0]
        kind = re.sub(r"(/[a-z]-[a-z2-7]{8,}|/[a-z-]+\.[a-z0-9.-]+|\?.*)", "/*", way)
        if way in found or not way.startswith(first) or kinds.get(kind, 0) >= 2 or ".svg" in way:
            continue
        answered = await browser.get(way, params=None if "lang=" in way else {"lang": language})
        assert answered.status_code == 200, way
        if answered.headers["content-type"].startswith("text/html"):
            kinds[kind] = kinds.get(kind, 0) + 1
            found[way] = Reader(answered.text, language)
            ways += [one for one in found[way].ways if "lang=" not in one]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_of_a_resident_is_plain_as_it_is_shown(desk: Desk, language: Language) -> None:
    days = [reading(1, ago + 0.1, body_weight=f"{61 - ago * 0.05:.2f}") for ago in range(20)]
    hear(desk.engine, *days, *[reading(1, ago + 0.2, systolic="131", diastolic="79") for ago in range(9)])
    hear(desk.engine, *[reading(1, ago, steps_day="4120") for ago in range(1, 9)])
    delivered(desk.engine, "平均" if language == "ja" else "an average")
    answer(desk.engine, HANAKO, desk.clock[0], checkup_weight="61.2", lab_ldl="131", has_cvd="0")
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    pages = await walk(desk.browser, language)
    assert {"/me", "/me/trends", "/me/advice", "/me/records", "/me/consents", "/me/seen", "/me/export"} <= set(pages)
    assert faults_of(pages, language) == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_of_family_is_plain_as_it_is_shown(desk: Desk, language: Language) -> None:
    hear(desk.engine, *[reading(1, ago + 0.1, body_weight=f"{61 - ago * 0.05:.2f}") for ago in range(20)])
    member = await add(desk, sit(desk))
    async with desk.another() as family:
        desk.enter_as("family", by=member, name="山田 一郎", towns=(), browser=family)
        pages = await walk(family, language, "/family")
    assert {"/family", f"/family/{HANAKO}", f"/family/{HANAKO}/trends/weight"} <= set(pages)
    assert faults_of(pages, language) == {}


def faults_of(pages: dict[str, Reader], language: Language) -> dict[str, list[str]]:
    found = {
        way: [fault for said in page.said for fault in plain_faults(language, said, "*")] for way, page in pages.items()
    }
    return {way: faults for way, faults in found.items() if faults}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", ["/me/advice/a-bbbbbbbbbbbbb", "/nowhere", "/queue"])
async def test_a_refusal_is_plain_too(desk: Desk, way: str, language: Language) -> None:
    desk.enter_as("resident", by=HANAKO, name="山田 花子", towns=())
    shown = await desk.browser.get(way, params={"lang": language})
    said = Reader(shown.text, language).said
    assert said
    assert [fault for one in said for fault in plain_faults(language, one, "*")] == []
