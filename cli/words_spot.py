"""What `phr spot` and `phr card` say, in both languages; the screen of a spot in short, spaced Japanese."""

from __future__ import annotations

from typing import Final

# Whoever's name ends in one of these is not called さん as well.
TITLES: Final = ("さん", "ちゃん", "くん", "君", "さま", "様", "先生")
WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("まちかど保健室", "Public health corner"),
    "card": ("カードを かざしてください。", "Hold your card to the reader."),
    "number": (
        "カードが ないときは、番号を 入れて Enter を おしてください。",
        "Without a card, type your number and press Enter.",
    ),
    "birth": ("生年月日を 入れて Enter を おしてください。", "Type your date of birth and press Enter."),
    "birth-example": ("れい: 昭和21年1月23日、S21.1.23、19460123", "For example 1946-01-23 or 19460123"),
    "asking": ("しらべています。まだ はからないでください。", "One moment. Do not measure yet."),
    "name": ("{call} さん", "Hello, {call}"),
    "titled": ("{call}", "Hello, {call}"),
    "other": ("ちがう 人は、q と Enter を おしてください。", "Not you? Press q and Enter."),
    "wake.step-on": ("体重計に のってください。", "Step on the scale."),
    "wake.cuff": ("血圧を はかってください。", "Measure your blood pressure."),
    "wake.any": ("はかってください。", "Measure yourself."),
    "current": (
        "ペースメーカーなどを 体に 入れている 人は、のらないでください。",
        "If you have a pacemaker or another implant, do not step on.",
    ),
    "measured": ("はかれました。", "Measured."),
    "more": (
        "ほかのものも はかるときは Enter、おわりは q と Enter を おしてください。",
        "Press Enter to measure something else, or q and Enter to finish.",
    ),
    "again": ("もう一度 はかるときは、カードを かざしてください。", "To measure again, hold your card first."),
    "red-flag": ("かかりの 人に すぐ 見せてください。", "Please show this to the staff now."),
    "sorry.unknown": ("わかりませんでした。かかりの 人に 聞いてください。", "Not recognised. Please ask the staff."),
    "sorry.no-consent": (
        "記録の 同意が まだ ありません。かかりの 人に 聞いてください。",
        "You have not agreed to be recorded yet. Please ask the staff.",
    ),
    "sorry.paused": (
        "今 番号は つかえません。カードを かざすか、10分 まってください。",
        "Numbers are paused. Use a card, or wait ten minutes.",
    ),
    "sorry.clock": (
        "機械の 時計が ちがいます。かかりの 人に 知らせてください。",
        "This machine's clock is wrong. Please tell the staff.",
    ),
    "sorry.not-a-spot": (
        "ここは まだ つかえません。かかりの 人に 知らせてください。",
        "This spot is not set up yet. Please tell the staff.",
    ),
    "sorry.offline": (
        "今 つながっていません。あとで もう一度 かざしてください。",
        "There is no connection now. Please try again later.",
    ),
    "sorry.no-answer": (
        "返事が ありません。もう一度 かざしてください。",
        "There was no answer. Please hold your card again.",
    ),
    "sorry.bad-birth": (
        "生年月日が 読めません。はじめから 入れてください。",
        "The date cannot be read. Please start again.",
    ),
    "sorry.unreadable": ("読めませんでした。もう一度 かざしてください。", "That could not be read. Please try again."),
    "issued": (
        "カード {card} を つくりました。あとから もう一度 つくることは できません。今 印刷してください。",
        "Card {card} is made. Its code is shown only now: print it.",
    ),
    "revoked": ("カード {card} は もう つかえません。", "Card {card} opens nothing any more."),
    "no-cards": ("カードは まだ ありません。", "There is no card yet."),
    "good": ("つかえます", "good"),
    "gone": ("つかえません", "revoked"),
    "written": ("{file} に 書きました。", "Written to {file}."),
    "added": (
        "まちかど保健室の 機械を 登録しました。その機械で PHR_GATEWAY_ID と PHR_GATEWAY_HOUSEHOLD に 入れてください。",
        "The spot is enrolled. On its machine set PHR_GATEWAY_ID and PHR_GATEWAY_HOUSEHOLD to these.",
    ),
    "no-spots": ("まちかど保健室は まだ ありません。", "There is no public spot yet."),
    "found": ("ひろった方は 役所・役場へ お届けください", "If found, please take it to the town hall"),
}


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
