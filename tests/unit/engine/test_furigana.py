"""Readings over kanji: the text itself is never changed, words are read as people say them, pages stay whole."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.furigana import Part, annotate, ruby

KANJI = re.compile("[㐀-䶿一-鿿豈-﫿々〆]")
WORDS = st.text(
    st.sampled_from("体重血圧日一人方々ヶ髙﨑かなカナーｶﾅ、。 \n0123456789,.kg&<>\"'é😀上下食べ"), max_size=40
)


def read(text: str) -> str:
    """What somebody hears who has the text read to them."""
    return "".join(part.reading or part.text for part in ruby(text))


def over(text: str) -> list[tuple[str, str]]:
    """The pieces that carry a reading."""
    return [(part.text, part.reading) for part in ruby(text) if part.reading is not None]


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("体重を 急に 減らさないでください。", "たいじゅうを きゅうに へらさないでください。"),
        ("今日か 明日 お医者さんに 電話してください。", "きょうか あした おいしゃさんに でんわしてください。"),
        ("この 方は 保健師です。", "この かたは ほけんしです。"),
        ("もう一度 はかってください。", "もういちど はかってください。"),
        ("11月16日(月)と 11月18日（水）", "11がつ16にち(げつ)と 11がつ18にち（すい）"),
        ("一日に 一回 食べ物を 書く", "いちにちに いっかい たべものを かく"),
    ],
)
def test_a_sentence_is_read_as_people_say_it(text: str, heard: str) -> None:
    assert read(text) == heard


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("1日", [("日", "にち")]), ("2日", [("2日", "ふつか")]), ("20日", [("20日", "はつか")]), ("28日", [("日", "にち")]),
        ("12月1日", [("月", "がつ"), ("1日", "ついたち")]), ("1人", [("1人", "ひとり")]), ("３人", [("人", "にん")]),
        ("5分", [("分", "ふん")]), ("10分", [("分", "ぷん")]), ("3分", [("分", "ぷん")]), ("1,200歩", [("歩", "ぽ")]),
        ("2本", [("本", "ほん")]), ("3本", [("本", "ぼん")]), ("3か月後", [("月", "げつ"), ("後", "ご")]),
        ("30分間", [("分間", "ぷんかん")]), ("7日間", [("7日間", "なのかかん")]), ("2時間", [("時間", "じかん")]),
        ("0.5本", [("本", "ほん")]),
    ],
)  # fmt: skip
def test_a_counter_is_read_as_its_figure_asks(text: str, counted: list[tuple[str, str]]) -> None:
    assert over(text) == counted


def test_kana_of_a_word_stand_for_themselves() -> None:
    assert ruby("減らさ") == (Part("減", "へ"), Part("らさ"))
    assert ruby("食べ物") == (Part("食", "た"), Part("べ"), Part("物", "もの"))
    assert ruby("ひらがなと カナ") == (Part("ひらがなと カナ"),)
    assert ruby("") == ()


@given(WORDS)
def test_the_pieces_are_the_text_character_for_character(text: str) -> None:
    parts = ruby(text)
    assert "".join(part.text for part in parts) == text
    assert all(part.text for part in parts)
    # A reading is one: kana only, and only over something that holds a kanji.
    for part in parts:
        if part.reading is not None:
            assert re.fullmatch("[ぁ-ゖー]+", part.reading), part
            assert KANJI.search(part.text), part


def test_a_text_longer_than_the_tokenizer_takes_is_left_as_it_is() -> None:
    text = "体重" * 20_000
    assert "".join(part.text for part in ruby(text)) == text


def test_many_visitors_at_once_are_read_to_as_one_alone() -> None:
    texts = [f"{number}番の 体重を 毎朝 はかってください。" for number in range(200)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, texts)) == [
            f"{number}ばんの たいじゅうを まいあさ はかってください。" for number in range(200)
        ]


def test_on_a_page_only_japanese_texts_get_readings() -> None:
    page = (
        '<!doctype html><html lang="ja"><head><title>体重</title></head><body><h1 class="体重">体重 &amp; 血圧</h1>'
        '<img alt="血圧"><br><textarea>体重</textarea><p lang="en">体重</p><p translate="no">山田</p>'
        '<div lang="en"><p lang="ja">体重</p></div><svg><text>体重</text></svg><ruby>花<rt>はな</rt></ruby>'
        "<!-- 体重 --><p>朝<b>夜</b></p></body></html>"
    )
    made = annotate(page)
    bare = re.sub(r"<rp>[()]</rp>|<rt>[ぁ-ゖ]+</rt>|</?ruby>", "", made)
    assert bare == re.sub(r"<rt>[ぁ-ゖ]+</rt>|</?ruby>", "", page), "nothing else of the page is touched"
    assert re.findall(r"<ruby>([^<]+)<rp>", made) == ["体重", "血圧", "朝", "夜"]
    assert annotate(made) == made, "once is enough"


class Texts(HTMLParser):
    """What a browser shows of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.shown = ""
        self._hidden = 0
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"rt", "rp"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"rt", "rp"}

    def handle_data(self, data: str) -> None:
        self.shown += "" if self._hidden else data


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_readings_never_change_what_a_page_shows(texts: list[str]) -> None:
    from html import escape

    page = "".join(f'<p title="{escape(text)}">{escape(text)}</p>' for text in texts)
    assert Texts(annotate(page)).shown == Texts(page).shown
