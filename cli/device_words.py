"""What `phr device` says, in plain Japanese and English."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "none": (
        "まだ 機器が ありません。はじめに: phr pair",
        "No device is listed yet; begin with: phr pair",
    ),
    "stays": (
        "記録は そのまま のこります。この機器の あたらしい値は もう 記録しません。",
        "Its readings stay; new ones of this device are no longer recorded.",
    ),
    "slots-stay": (
        "機器の なかの 番号は のこります。ゆずるときは 機器で 消してください。",
        "The user slots inside the device stay: delete them there before giving it away.",
    ),
    "unproven": ("まだ はかった値が ありません: phr pair --again", "not proven yet: phr pair --again"),
    "aside-count": ("まえの 記録 {count}件は つかっていません", "{count} older frames left aside"),
    "id": ("番号", "id"),
    "address": ("アドレス", "address"),
    "profile": ("しゅるい", "family"),
    "name": ("名前", "name"),
    "bindings": ("つかう人", "used by"),
    "whole": ("機械 ぜんぶ", "whole device"),
    "slot": ("{slot}番", "user {slot}"),
    "shared": ("みんなで", "shared"),
    "awaited": ("番号を もらう まえ", "no user number yet"),
    "unlocked_slots": ("暗証番号のある番号", "slots with a PIN"),
    "has_key": ("かぎ", "key"),
    "weight_only": ("体重だけ", "weight only"),
    "reads": ("値の いみ", "reads as"),
    "paired_at": ("つないだ日", "paired"),
    "proven_at": ("たしかめた日", "proven"),
    "left_aside": ("つかわない まえの記録", "older frames left aside"),
    "about": ("機器が言うこと", "what it says of itself"),
}


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
