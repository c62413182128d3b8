"""What the inbox and the assigner say, in both languages; residents read short sentences in spaced words."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "today-assumed": (
        "{value} は あなたの 測定ですか。 phr inbox で 教えて ください。(ぜんぶで {count} 件)",
        "Is {value} yours? Say so with phr inbox ({count} in all).",
    ),
    "assign-ask": ("ききます", "ask"),
    "assign-counts": (
        "{filed} 件は 持ち主が わかりました。{asked} 件は ききます。{errors} 件は 読めません。",
        "{filed} filed, {asked} to be asked about, {errors} unreadable",
    ),
    "empty": ("だれのものか わからない 測定は ありません。", "every reading has an owner"),
    "slot": ("番号 {slot}", "slot {slot}"),
    "no-slot": ("番号なし", "no slot"),
    "nobody": ("だれのものか わかりません", "nobody's yet"),
    "assumed": ("たぶん {resident} ({share} %)", "probably {resident} ({share} %)"),
    "red-flag": (
        "もういちど 測って ください。だれが 測ったか 教えて ください。",
        "Measure again, and say who it was.",
    ),
    "hint-nobody": (
        "だれのものか 教えて ください: phr inbox assign 番号 --resident r-…",
        "say whose it is: phr inbox assign ID --resident r-…",
    ),
    "hint-assumed": (
        "あっていれば: phr inbox confirm 番号。ちがえば: phr inbox assign 番号 --resident r-…",
        "if right: phr inbox confirm ID; if not: phr inbox assign ID --resident r-…",
    ),
    "assigned": ("{reading} は {resident} の測定です。", "{reading} is {resident}'s"),
    "released": ("{reading} は だれのものでも ありません。", "{reading} is nobody's again"),
    "discarded": (
        "{reading} は 使いません。もどすには: phr inbox release {reading}",
        "{reading} is not used; to bring it back: phr inbox release {reading}",
    ),
    "confirmed": ("{reading} は たしかに {resident} の測定です。", "{reading} is surely {resident}'s"),
    "withdrawn": (
        "この測定で 書いた 助言を とりさげました: {items}",
        "advice drafted on it is withdrawn: {items}",
    ),
    "delivered": (
        "この測定で 書いた 助言は もう 伝えました。本人に 話して ください: {items}",
        "advice drafted on it was already given; talk to the person: {items}",
    ),
}


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
