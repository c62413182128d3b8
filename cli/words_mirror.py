"""What `phr mirror` says, in both languages."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "good": ("{name}: この 地図は 使えます。", "{name}: this map can be used."),
    "kept": ("{name}: 覚えました。ゲートウェイは すぐに 使います。", "{name} is kept; the gateway uses it at once."),
    "gone": ("{name}: 消しました。", "{name} is gone."),
    "none": ("鏡は まだ ありません。", "There is no mirror yet."),
    "proposed": (
        "{name}: 鏡が 自分で 名のりました。使うときは: phr mirror map accept {name}",
        "{name} said what it has. To use it: phr mirror map accept {name}",
    ),
    "no-people": (
        "だれの 値か 分かりません。--person で 名前を つないでください。",
        "Nobody is bound to it: its readings wait in the inbox. Bind names with --person.",
    ),
    "rate": (
        "脈は 1分に {rate:.0f} 回 くらいです。目安です。",
        "about {rate:.0f} beats a minute; an estimate, for you alone",
    ),
    "poor": ("顔の 映像から 脈を 読めませんでした。", "no pulse could be read from this trace"),
    "part.camera": ("(カメラ)", "(camera)"),
    "part.body": ("(センサー)", "(sensor)"),
    "part.room": ("(部屋)", "(room)"),
    "whose": ("だれの: {person}", "whose: {person}"),
    "when": ("いつ: {time}", "when: {time}"),
    "left-out": ("使わない 値: {name} [{code}]", "left out: {name} [{code}]"),
    "untold": ("使える 値が ありません [{code}]", "no value can be used [{code}]"),
    "quality": ("信号の 質: {quality:.2f}", "signal quality {quality:.2f}"),
}


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
