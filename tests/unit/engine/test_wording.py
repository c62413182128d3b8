"""The wording linter: what it must find however it is written, and what it must leave alone."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.locale import LANGUAGES, Language, catalogue
from engine.wording import LONGEST_SENTENCE, folded, wording_faults

JA_BAD = {
    "disease": (
        "あなたは糖尿病です。", "高血圧症です。", "糖 尿 病です。", "ﾒﾀﾎﾞです。", "糖\u200b尿病があります。", "心・不・全の ようです。", "がんです。",
        "あなたは がんかもしれません。", "とうにょうびょうです。", "高血圧の疑いが あります。", "あなたは 肝臓の 病かもしれません。", "糖尿病の 予防は むりで、もう 糖尿病です。",
        "フレイルの 状態です。", "diabetesです。", "ＤＩＡＢＥＴＥＳの 人です。", "「糖尿」病です。",
    ),
    "drug": (
        "薬を やめてください。", "薬を 減らしましょう。", "お薬の ことです。", "お 薬です。", "くすりを 変えましょう。", "クスリを のみます。", "ｲﾝｽﾘﾝを うちます。", "インシュリンです。",
        "アムロジピンを のみます。", "リシノプリルを のみます。", "カンデサルタンを つづけます。", "メトホルミンは よいです。", "降圧剤を ふやします。", "服用してください。", "サプリを のみます。",
    ),
    "dose": ("1日に 5mg です。", "１日に ５㎎ です。", "2錠です。", "半錠に します。", "インスリンを 十単位。", "5 ミリグラムです。"),
    "normal": ("検査の 値は 正常です。", "異常は ありません。", "ノーマルです。", "正 常 です。", "基準値内です。"),
    "cure": ("これで 治ります。", "病気が なおります。", "きっと なおるでしょう。", "完治します。"),
    "diagnosis": ("診断されました。", "診 断です。", "しんだんの 結果です。"),
    "comfort": ("心配は ありません。", "大丈夫です。", "問題ありません。"),
    "forbidden": ("朝ごはんを 抜きましょう。", "夕食を ぬいてください。", "断食が よいです。", "痛みを がまんして 歩きましょう。", "受診しなくても よいです。", "水分を ひかえましょう。"),
    "too long": ("きょうは とても とても とても とても とても とても とても とても とても 長い 文です。",),
    "two sentences": ("歩きましょう。休みましょう。", "歩きましょう。休みましょう", "歩けますか？休みましょう。"),
    "an empty line": ("", "歩きましょう。\n\n休みましょう。"),
    "not filled in": ("1日に {goal}歩です。", "1日に {goal歩です。", "1日に goal}歩です。"),
}  # fmt: skip
EN_BAD = {
    "disease": (
        "You have diabetes.", "You are d i a b e t i c.", "You may have a kidney disorder.", "Your obesity is a worry.",
        "You've got high blood pressure.", "You are overweight.", "ＤＩＡＢＥＴＥＳ is here.", "Dia\u00adbetes is here.",
        "We prevent diabetes, and you have diabetes.", "You are ill.",
    ),
    "drug": ("Please stop your medicine.", "Take lisinopril.", "Use more insulin.", "Change your tablets.", "A statin helps.", "Candesartan daily."),
    "dose": ("Take 5 mg.", "Take 10units.", "Double the dose."),
    "normal": ("Your value is normal.", "It looks abnormal.", "It is N O R M A L now."),
    "cure": ("This cures it.", "It will heal."),
    "diagnosis": ("You were diagnosed today.", "The diagnosis is clear."),
    "comfort": ("Nothing to worry about.", "You are perfectly healthy."),
    "forbidden": ("Skip breakfast.", "Please skip dinner today.", "Fast until noon.", "Ignore the pain and walk.", "There is no need to see a doctor."),
    "too long": ("Walk " + "a little " * 10 + "more.",),
    "two sentences": ("Walk more. Eat less.", "Walk more! eat less."),
    "an empty line": ("",),
    "not filled in": ("Walk {goal} steps.",),
}  # fmt: skip
JA_GOOD = (
    "がんばりましょう。", "4月(エイプリル)に はかります。", "町内会(自治会)で 歩きましょう。", "明治の 牛乳を 1本 のみましょう。",
    "健康診断を 受けましょう。", "薬局で 血圧を はかれます。", "薬剤師に 聞けます。", "朝ごはんを ぬかないでください。",
    "週に 3回 朝ごはんを ぬいています。", "糖尿病の 予防に なります。", "高血圧を 防ぎましょう。", "熱中症に 気をつけてください。",
    "血糖は 126mg/dLです。", "血圧は 135/85mmHgです。", "コレステロールが 高めです。", "病院に 電話してください。", "アルコールを 1日 20gまでに しましょう。",
    "治療の ことは お医者さんに 聞いてください。", "もう一度 はかりなおしてください。", "あなたは 病院に 電話してください。", "とうふを 半丁 食べましょう。",
    "野菜を 1日 350g 食べましょう。", "5日 いじょう はかりましょう。", "砂糖を 10g とってください。",
)  # fmt: skip
EN_GOOD = (
    "Do not skip breakfast.", "You skip breakfast 3 times a week.", "This helps prevent diabetes.", "Walk 10 min. a day.",
    "Your LDL is 180 mg/dL.", "See you in April.", "Watch out for heat stroke.", "Your home blood pressure is high.",
    "Your health matters.", "Fast walking helps.", "Take 10 g of sugar.", "Please show this to your doctor.", "Eat 3.5 servings.",
)  # fmt: skip


def codes(language: str, text: str) -> set[str]:
    return {re.sub(r" \(\d+\)", "", fault.split(":")[0]) for fault in wording_faults(language, text)}


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in JA_BAD.items() for text in texts])
def test_a_forbidden_japanese_text_is_found_however_it_is_written(code: str, text: str) -> None:
    assert code in codes("ja", text)


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in EN_BAD.items() for text in texts])
def test_a_forbidden_english_text_is_found_however_it_is_written(code: str, text: str) -> None:
    assert code in codes("en", text)


@pytest.mark.parametrize(("language", "text"), [("ja", text) for text in JA_GOOD] + [("en", text) for text in EN_GOOD])
def test_a_plain_text_is_left_alone(language: str, text: str) -> None:
    assert wording_faults(language, text) == ()


def test_a_disease_may_be_named_as_something_to_prevent_and_not_as_something_there() -> None:
    assert wording_faults("ja", "糖尿病の 予防に なります。") == ()
    assert codes("ja", "糖尿病の 予防に なります。\n糖尿病に なりました。") == {"disease"}


def test_words_of_the_other_language_are_found_too() -> None:
    assert codes("ja", "normalです。") == {"normal"}
    assert codes("en", "Your value is 正常.") == {"normal"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_length_limit_itself_is_allowed(language: Language) -> None:
    most = LONGEST_SENTENCE[language]
    letter = "あ" if language == "ja" else "b"
    assert wording_faults(language, letter * most) == ()
    assert codes(language, letter * (most + 1)) == {"too long"}


@given(
    word=st.sampled_from(
        ("糖尿病です", "インスリンを", "正常です", "治ります", "お薬を", "診断です", "メタボです", "5mgを", "10単位を")
    ),
    between=st.lists(
        st.sampled_from(("", " ", "\u3000", "\u200b", "\u00ad", "・", "\t", "\n")), min_size=8, max_size=8
    ),
    wide=st.booleans(),
)
def test_nothing_put_between_the_characters_hides_a_word(word: str, between: list[str], *, wide: bool) -> None:
    shown = word.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)}) if wide else word
    text = "".join(character + gap for character, gap in zip(shown, [*between, ""], strict=False))
    assert codes("ja", text) & {"disease", "drug", "normal", "cure", "diagnosis", "dose"}


@pytest.mark.parametrize("form", ["NFD", "NFKD"])
def test_decomposed_letters_hide_nothing(form: str) -> None:
    text = unicodedata.normalize(form, "インスリンです。")  # type: ignore[arg-type]
    assert "drug" in codes("ja", text)
    assert folded("ja", text) == "いんすりんです。"


# Not advice: headings over the person's own list of medicine, and the word that something is no diagnosis.
OF_THE_RECORD = {
    "me.records.part.medicine": {"drug"}, "me.records.none.medicine": {"drug"}, "me.records.notebook": {"drug"},
    "report.no-diagnosis": {"diagnosis"}, "me.apps.group.care": {"drug"},
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_ours_is_forbidden(language: Language) -> None:
    found = {
        key: faults
        for (context, key), text in catalogue(language).items()
        if context == "resident" and (faults := wording_faults(language, re.sub(r"\{\w+\}", "123", text)))
    }
    assert {key: {fault.split(":")[0] for fault in faults} for key, faults in found.items()} == OF_THE_RECORD
