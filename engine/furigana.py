"""Readings over kanji: which part of a Japanese text is read how, and a page with the readings written in.

The words are cut and read by SudachiPy with its small dictionary; what it misreads stands in `furigana.toml`, and so
does the reading of a counter behind a figure (1日 いちにち, 2日 ふつか, 3分 さんぷん).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from html.parser import HTMLParser
from importlib.resources import files
from threading import Lock
from typing import Any, Final

import msgspec

_KANJI: Final = "㐀-䶿一-鿿豈-﫿々〆𠀀-𯨟"
_HAS_KANJI: Final = re.compile(f"[{_KANJI}]")
_RUNS: Final = re.compile(f"[{_KANJI}]+|[^{_KANJI}]+")
_SENTENCES: Final = re.compile(r"(?<=[。\n])")
_TO_HIRAGANA: Final = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ"))}
# The tokenizer refuses what is longer than 49,149 bytes; no sentence for people is.
_LONGEST: Final = 8_000
_KEPT: Final = 16_384
# One tokenizer works for one thread at a time.
_TURN: Final = Lock()
_LEFT_ALONE: Final = frozenset(
    {"head", "title", "script", "style", "textarea", "select", "option", "svg", "ruby", "code", "pre"}
)
_VOID: Final = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)


class Part(msgspec.Struct, frozen=True):
    """A piece of a text and how it is read, in hiragana; None where it needs no reading."""

    text: str
    reading: str | None = None


def ruby(text: str) -> tuple[Part, ...]:
    """The pieces of a Japanese text with their readings; joined they are the text, character for character."""
    if not _HAS_KANJI.search(text):
        return (Part(text),) if text else ()
    return _joined(part for sentence in _SENTENCES.split(text) for part in _read(sentence))


def annotate(page: str) -> str:
    """An HTML page with `<ruby>` over every kanji of its Japanese texts; nothing else of it is changed.

    Left alone is what stands in attributes, forms' fields, pictures and code, in elements of another `lang`, and in
    those with translate="no", which is where names and what people typed themselves belong.
    """
    writer = _Writer()
    writer.feed(page)
    writer.close()
    return "".join(writer.written)


@lru_cache(maxsize=_KEPT)
def _read(sentence: str) -> tuple[Part, ...]:
    if not _HAS_KANJI.search(sentence) or len(sentence) > _LONGEST:
        return (Part(sentence),)
    found: list[Part] = []
    at = 0
    for counted in _counters().finditer(sentence):
        found += _words(sentence[at : counted.start()])
        if counted[4]:
            found.append(Part(counted[4], _table()["weekday"][counted[4]]))
        else:
            found += _counted(counted[1], counted[2], sentence[: counted.start()])
        found += [Part(counted[3], "ご")] if counted[3] else []
        at = counted.end()
    return (*found, *_words(sentence[at:]))


def _words(text: str) -> Iterator[Part]:
    """The words of a stretch, the longest of `furigana.toml` before those of the dictionary."""
    tokens = list(_tokens(text)) if _HAS_KANJI.search(text) else [(text, "")]
    own: dict[str, str] = _table()["word"]
    at = 0
    while at < len(tokens):
        ends = range(min(at + 4, len(tokens)), at, -1)
        spans = ((end, "".join(surface for surface, _ in tokens[at:end])) for end in ends)
        end, word = next(((end, word) for end, word in spans if word in own), (at + 1, tokens[at][0]))
        yield from _aligned(word, own.get(word) or tokens[at][1])
        at = end


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """The words of a text and their readings, from the first character to the last."""
    with _TURN:
        found = [(one.begin(), one.end(), one.reading_form()) for one in _tokenizer().tokenize(text)]
    at = 0
    for begin, end, reading in found:
        # What the tokenizer passes over is kept all the same.
        yield text[at:end], reading if begin == at else ""
        at = end
    yield text[at:], ""


def _aligned(word: str, reading: str) -> Iterator[Part]:
    """A word whose kana stand for themselves: 減(へ)らさ, 食(た)べ物(もの)."""
    said = reading.translate(_TO_HIRAGANA)
    if not _HAS_KANJI.search(word) or not said or _HAS_KANJI.search(said):
        yield Part(word)
        return
    runs = _RUNS.findall(word)
    wanted = "".join("(.+?)" if _HAS_KANJI.match(run) else re.escape(run.translate(_TO_HIRAGANA)) for run in runs)
    fitting = re.fullmatch(wanted, said)
    if fitting is None:
        yield Part(word, said)
        return
    readings = iter(fitting.groups())
    for run in runs:
        yield Part(run, next(readings) if _HAS_KANJI.match(run) else None)


def _counted(figure: str, counter: str, before: str) -> Iterator[Part]:
    """A figure with its counter."""
    rule = _table()["counter"][counter]
    number = figure.replace(",", "")
    whole = rule.get("dated", {}).get(number) if before.endswith("月") else None
    whole = whole or rule.get("whole", {}).get(number)
    if whole:
        yield Part(figure + counter, whole)
        return
    yield Part(figure)
    yield from _aligned(counter, rule.get("after", {}).get(number[-1], rule["usual"]))


def _joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The pieces, those without a reading in one."""
    found: list[Part] = []
    for part in parts:
        if part.reading is None and found and found[-1].reading is None:
            found[-1] = Part(found[-1].text + part.text)
        elif part.text:
            found.append(part)
    return tuple(found)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("engine").joinpath("furigana.toml").read_text(encoding="utf-8"))


@cache
def _counters() -> re.Pattern[str]:
    longest = sorted(_table()["counter"], key=len, reverse=True)
    counted = rf"(\d(?:[\d,.]*\d)?)({'|'.join(map(re.escape, longest))})(後)?"
    # A day of the week in brackets behind a date: 11月16日(月).
    return re.compile(rf"{counted}|(?<=[(（])([{''.join(_table()['weekday'])}])(?=[)）])")


@cache
def _tokenizer() -> Any:
    # Reading the dictionary takes memory and a fraction of a second: only whoever wants readings pays.
    from sudachipy import SplitMode, dictionary

    return dictionary.Dictionary(dict="small").tokenizer(mode=SplitMode.C)


class _Writer(HTMLParser):
    """Writes a page down again, its Japanese texts with readings."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.written: list[str] = []
        # Whether the texts of each open element get readings.
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.written.append(self.get_starttag_text() or "")
        if tag in _VOID:
            return
        held, outside = dict(attrs), self._open[-1][1] if self._open else True
        tongue = held.get("lang")
        foreign = tongue is not None and not tongue.startswith("ja")
        self._open.append((tag, outside and not foreign and held.get("translate") != "no" and tag not in _LEFT_ALONE))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element that holds nothing."""
        del tag, attrs
        self.written.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        """An element ends, and with it whatever was left open inside."""
        self.written.append(f"</{tag}>")
        if any(tag == name for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass

    def handle_data(self, data: str) -> None:
        """A text."""
        if self._open and self._open[-1][1]:
            self.written += [_written(part) for part in ruby(data)]
        else:
            self.written.append(data)

    def handle_entityref(self, name: str) -> None:
        """A character by its name."""
        self.written.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        """A character by its number."""
        self.written.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        """A remark."""
        self.written.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        """The type of the document."""
        self.written.append(f"<!{decl}>")


def _written(part: Part) -> str:
    if part.reading is None:
        return part.text
    return f"<ruby>{part.text}<rp>(</rp><rt>{part.reading}</rt><rp>)</rp></ruby>"
