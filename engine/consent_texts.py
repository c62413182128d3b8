"""The purposes a resident is asked about and the words they are shown; a change of words changes the hash."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from engine.locale import Language

Purpose = Literal[
    "record", "advice", "nurse-review", "care-share", "family-view",
    "interest-link", "open-statistics", "watch-over", "mirror-display", "learning",
]  # fmt: skip


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """A purpose: its labels, the words shown, whether it is given per recipient, and per what it can be narrowed.

    `scope`: kind = per kind of measurement, topic = per topic of advice, all = all or nothing.
    """

    purpose: Purpose
    label_ja: str
    label_en: str
    ja: str
    en: str
    recipients: bool = False
    scope: Literal["kind", "topic", "all"] = "all"

    def label(self, lang: Language) -> str:
        """How the purpose is called."""
        return self.label_ja if lang == "ja" else self.label_en

    def lines(self, lang: Language) -> tuple[str, ...]:
        """The words shown, a sentence to a line."""
        said = self.ja.replace("。", "。\n") if lang == "ja" else self.en.replace(". ", ".\n")
        return tuple(line for line in said.split("\n") if line)


_ALL: Final = (
    Text(
        purpose="record", label_ja="記録", label_en="Record", scope="kind",
        ja="あなたの機器のはかった値を、この記録に保存します。いつでもやめられます。やめると、新しい値は保存しません。",
        en="Values measured by your devices are kept in this record. You can stop at any time; "
           "after that no new value is kept.",
    ),
    Text(
        purpose="advice", label_ja="助言", label_en="Advice", scope="topic",
        ja="記録から、食事や運動の助言を作ります。助言は保健師が確かめてから届きます。病気の診断ではありません。",
        en="Advice on food and exercise is drafted from your record. A public-health nurse checks it before it reaches "
           "you. It is not a diagnosis.",
    ),
    Text(
        purpose="nurse-review", label_ja="保健師の確認", label_en="Review by nurses", recipients=True,
        ja="保健師があなたの記録と助言の案を見ます。見た人と時刻は残ります。",
        en="Public-health nurses see your record and the drafted advice. Who looked, and when, is kept.",
    ),
    Text(
        purpose="care-share", label_ja="医療機関との共有", label_en="Sharing with care providers", recipients=True,
        scope="kind",
        ja="ちょうかいネットを通して、選んだ医療機関に記録を送ります。やめると、それから先は送りません。",
        en="Your record is sent to the care providers you choose through Chokai-net. After you stop, nothing more "
           "is sent.",
    ),
    Text(
        purpose="family-view", label_ja="家族の閲覧", label_en="Viewing by family", recipients=True, scope="kind",
        ja="選んだ家族があなたの記録を見られます。期限を決められます。",
        en="The family members you choose can see your record. You can set an end.",
    ),
    Text(
        purpose="interest-link", label_ja="関心との連携", label_en="Linking your interests", recipients=True,
        ja="あなたの関心を、名前の分からない統計をつくるときだけ、あなたの値とつなぎます。やめると、つながりを消します。",
        en="Your interests are linked with your values only to make statistics that show no person. When you stop, "
           "the link is deleted.",
    ),
    Text(
        purpose="open-statistics", label_ja="統計への利用", label_en="Use in statistics",
        ja="名前の分からない統計に、あなたの値を数えます。やめると、次の統計から外れます。出た統計は残ります。",
        en="Your values are counted in statistics that show no person. After you stop you are left out of later ones; "
           "statistics already published stay.",
    ),
    Text(
        purpose="watch-over", label_ja="見守り", label_en="Watching over", recipients=True,
        ja="記録が止まったとき、選んだ人に知らせます。24時間の見守りではありません。",
        en="When your record stops, the people you choose are told. This is not round-the-clock monitoring.",
    ),
    Text(
        purpose="mirror-display", label_ja="鏡への表示", label_en="Showing on the mirror", recipients=True,
        scope="kind",
        ja="家の鏡に、あなたの値と助言を表示します。家の人にも見えることがあります。",
        en="Your values and advice are shown on the mirror at home. Others in the home may see them.",
    ),
    Text(
        purpose="learning", label_ja="助言の改善", label_en="Improving advice",
        ja="どの助言が役に立ったかを学ぶために、あなたの記録を使います。目標の順番や時期が変わることがあります。",
        en="Your record is used to learn which advice helps. Goals may come in another order, or later.",
    ),
)  # fmt: skip

TEXTS: Final[dict[str, Text]] = {text.purpose: text for text in _ALL}


def text_hash(purpose: Purpose) -> str:
    """The sha256 that names today's words for `purpose`, in both languages."""
    text = TEXTS[purpose]
    return hashlib.sha256(msgspec.json.encode([purpose, text.ja, text.en])).hexdigest()
