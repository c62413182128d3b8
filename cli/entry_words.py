"""What `phr add` and `phr import` say, in both languages."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "stored": ("記録しました: {what} ({when})", "recorded: {what} ({when})"),
    "already": ("同じ 記録が もう あります: {what} ({when})", "this is already recorded: {what} ({when})"),
    "take-back": ("まちがえたときは: phr inbox discard {id}", "if that is wrong: phr inbox discard {id}"),
    "unusual": (
        "前は {before}、こんどは {now} です。本当に {now} ですか。",
        "it was {before} before and is {now} now. Is it really {now}?",
    ),
    "unusual-how": ("正しければ --yes をつけます。", "If it is right, add --yes."),
    "implausible": (
        "{what} は はかれる範囲 ({low}～{high} {unit}) の外です。もういちど 数字を 見てください。",
        "{what} is outside what can be ({low} to {high} {unit}). Please look at the number again.",
    ),
    "meant": ("{guess} では ありませんか。", "Did you mean {guess}?"),
    "crossed": (
        "上の血圧は 下の血圧より 大きい数です。{guess} では ありませんか。",
        "the upper pressure is the larger number. Did you mean {guess}?",
    ),
    "ask-weight": ("体重 (kg) 空のまま Enter で とばします", "weight in kg (Enter skips)"),
    "ask-pressure": ("血圧 上/下 (例 128/76)", "blood pressure, upper/lower (128/76)"),
    "ask-pulse": ("脈拍 (回/分)", "pulse (/min)"),
    "ask-waist": ("腹囲 (cm)", "waist (cm)"),
    "ask-steps": ("歩数 (きょう)", "steps (today)"),
    "nothing": ("なにも 記録していません。", "nothing was recorded."),
    "dry": ("ためしました。なにも 記録していません。", "a trial: nothing was recorded."),
    "counts": (
        "新しい記録 {accepted} 件、もう あった記録 {duplicate} 件、受け取れない行 {refused} 件",
        "{accepted} new, {duplicate} already there, {refused} not taken",
    ),
    "span": ("期間: {first} ～ {last}", "from {first} to {last}"),
    "kinds": ("内わけ: {kinds}", "of which: {kinds}"),
    "skipped": ("読まない種類: {kinds}", "not read: {kinds}"),
    "today": (
        "まだ 終わっていない日の歩数などは あとで 取りこめます: {count} 件",
        "days not over yet, for later: {count}",
    ),
    "line": ("  {line} 行目: {reason} [{code}] {text}", "  line {line}: {reason} [{code}] {text}"),
    "damage": (
        "ファイルは {line} 行目で こわれています ({code})。その前までは 記録しました。",
        "the file is damaged at line {line} ({code}); what stood before is recorded.",
    ),
    "damage-dry": (
        "ファイルは {line} 行目で こわれています ({code})。",
        "the file is damaged at line {line} ({code}).",
    ),
    "reading": ("読んでいます", "reading"),
}


# Why a line was not taken, by its code; a code that is not here is shown as it is.
REASONS: Final[dict[str, tuple[str, str]]] = {
    "unreadable-date": ("日付が よめません", "the date cannot be read"),
    "not-a-number": ("数字では ありません", "not a number"),
    "unknown-unit": ("単位が わかりません", "the unit is not known"),
    "unknown-code": ("なにの 値か わかりません", "what was measured is not known"),
    "unknown-kind": ("なにの 値か わかりません", "what was measured is not known"),
    "half-a-pressure": ("血圧の 上か下が ありません", "one side of the blood pressure is missing"),
    "implausible": ("はかれる範囲の 外です", "outside what can be"),
    "future": ("まだ 来ていない日です", "the day has not come yet"),
    "past": ("古すぎる日です", "too long ago"),
    "no-consent": ("本人が 記録に 同意していません", "the person does not let us record this"),
    "another-person": ("べつの人の 記録です", "somebody else's"),
    "conflict": ("同じ番号で ちがう値が もう あります", "another value is stored under this id"),
    "status": ("取り消された 記録です", "withdrawn by its source"),
    "comparator": ("はっきりした 値では ありません", "not an exact value"),
    "no-value": ("値が ありません", "there is no value"),
    "not-an-observation": ("測定の 記録では ありません", "not a measurement"),
    "damaged-json": ("この行は こわれています", "this line is damaged"),
}


def reason(lang: str, code: str) -> str:
    """The words for a reason code."""
    return REASONS.get(code, (code, code))[0 if lang == "ja" else 1]


def entry_word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
