"""What `phr clinical` and `phr ask` say, in both languages."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "stored": ("記録しました: {what} ({when})", "recorded: {what} ({when})"),
    "already": ("同じ 記録が もう あります: {what} ({when})", "this is already recorded: {what} ({when})"),
    "take-back": ("まちがえたときは: phr clinical retract {id}", "if that is wrong: phr clinical retract {id}"),
    "taken-back": ("取り消しました: {what} ({when})", "taken back: {what} ({when})"),
    "none": ("まだ なにも 記録されていません。", "nothing is recorded yet"),
    "until": ("{day} まで", "until {day}"),
    "for-ever": ("ずっと", "for good"),
    "stale": ("古い", "stale"),
    "entry-past": ("終わり", "over"),
    "entry-wrong": ("取り消し", "taken back"),
    "counts": (
        "{rows} 行、{people} 人: 記録 {stored}、すでにあり {already}、ことわり {refused}",
        "{rows} rows, {people} people: {stored} recorded, {already} there already, {refused} refused",
    ),
    "line": ("{line} 行目 {item}: {message} [{code}]", "line {line} {item}: {message} [{code}]"),
    "ignored": ("読まない列: {names}", "columns not read: {names}"),
    "dry": ("ためしです。なにも 記録していません。", "a dry run: nothing was recorded"),
    "damage": (
        "{line} 行目で こわれています。そこまでは 読みました。",
        "broken at line {line}; what stands before it was taken",
    ),
    "verdicts": (
        "健診の判定 {count} 件: 同じ {agreed}、ちがう {differ}、くらべられない {open}",
        "{count} verdicts of check-ups: {agreed} agree, {differ} differ, {open} cannot be compared",
    ),
    "verdict-or": (" / または ", " / or "),
    "verdict-bmi-rounding": ("BMIの 端数の まるめ方", "BMI rounded in another way"),
    "verdict-bmi-stated": ("健診の BMIが 身長と体重に 合いません", "the BMI stated does not fit height and weight"),
    "verdict-edition": ("第4期より 前の 決まり(食後の中性脂肪)", "the rules before the fourth term (casual blood)"),
    "verdict-casual-blood": ("採血が 空腹時か 食後か", "whether the blood was fasting or casual"),
    "verdict-glucose-order": ("空腹時血糖では なく HbA1cで 見たとき", "if HbA1c counts instead of fasting glucose"),
    "verdict-visceral-fat": ("内臓脂肪面積で なく 腹囲で 見たとき", "if the waist counts, not the visceral fat area"),
    "verdict-waist": ("腹囲を 使わないとき", "if the waist is not used"),
    "verdict-age": ("年齢の 数え方(年度末・4月1日生まれ)", "the age counted in another way (born on 1 April)"),
    "verdict-pregnancy": ("妊娠の 答えが ちがうとき", "if the answer on pregnancy is another"),
    "verdict-medicine": ("服薬の 答えが ちがうとき", "if the answers on medicines are others"),
    "verdict-smoking": ("喫煙の 答えが ちがうとき", "if the answer on smoking is another"),
    "verdict-waist-left-out": ("腹囲を はかっていません(BMI 22未満)", "no waist was taken (BMI below 22)"),
    "verdict-missing": ("値が ありません: {names}", "not in the file: {names}"),
    "verdict-undecided": ("健診は 判定できませんでした", "the check-up could not tell"),
    "verdict-rule": ("同じ値から ちがう判定です", "another verdict from the same values, unexplained: look into it"),
    "not-asked": ("聞いていない", "not asked"),
    "1": ("はい", "yes"),
    "0": ("いいえ", "no"),
    "unknown": ("わからない", "not known"),
    "how": (
        "番号か ことばで 答えます。? 説明、s とばす、Enter 前と同じ、0 わからない",
        "answer by number or word; ? explains, s skips, Enter keeps what was said before, 0 not known",
    ),
    "several": ("(いくつでも。例 1,3)", "(any number of them, like 1,3)"),
    "before": ("{source} ({day}): {what}。いまも 同じですか。", "{source} of {day}: {what}. Is this still right?"),
    "why-stale": ("前の答えから 時間が たちました。", "the last answer is old"),
    "all-done": ("いま 聞くことは ありません。", "nothing to ask now"),
    "left": ("まだ {count} つの 質問が あります。", "{count} more questions are open"),
    "more": ("つづけますか。 [Y/n]", "Go on? [Y/n]"),
    "thanks": ("{count} つ 記録しました。", "{count} facts recorded"),
    "not-understood": ("番号か ことばで 答えてください。", "please answer by number or word"),
    "no-terminal": (
        "端末が ないので 聞けません。--set 質問=答え か --json を つけます。",
        "there is no terminal to ask at: give answers with --set question=answer, or list questions with --json",
    ),
    "refused-stored": ("なにも 記録していません。", "nothing was recorded"),
    "from-hospital": ("病院", "the hospital"),
    "from-lab": ("検査", "the laboratory"),
    "from-checkup": ("健診", "the check-up"),
    "from-nurse": ("保健師", "the nurse"),
    "from-resident": ("前の答え", "your answer"),
    "from-family": ("家族", "your family"),
    "from-import": ("取りこみ", "an import"),
    "from-derived": ("計算", "a computation"),
}  # fmt: skip


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
