"""What the commands say, in both languages."""

from __future__ import annotations

from typing import Final

WORDS: Final[dict[str, tuple[str, str]]] = {
    "what": (
        "ある家の56日分を、本物の道すじで再生します。",
        "Replaying 56 days of a household through the real path:",
    ),
    "path": (
        "仮想の機器 → Bluetooth → ゲートウェイ → MQTT → エンジン → FHIR・BMI・傾向・助言の下書き",
        "virtual devices -> Bluetooth -> gateway -> MQTT -> engine -> FHIR, BMI, trend, drafted advice",
    ),
    "consent": ("{name}: 同意しました ({purposes})", "{name} consents to: {purposes}"),
    "no-consent": ("{name}: 同意していません", "{name} has consented to nothing"),
    "broker": ("MQTT の仲介役: {program}", "MQTT broker: {program}"),
    "steps": ("歩数計: 56日分を日ごとに放送しています", "step band: broadcasting 56 days, one by one"),
    "stored": (
        "体重計・体組成計・血圧計: たまった記録を送っています",
        "scales and cuff: handing over their stored records",
    ),
    "live": ("きょうの測定 (ライブ)", "today, live: a weighing, a blood pressure, and a guest on the scale"),
    "settle": ("エンジンの受け取りを待っています", "waiting until the engine has acknowledged everything"),
    "judge": ("助言の下書きを作っています", "drafting advice"),
    "counts": ("数えました", "What happened"),
    "heard": ("聞こえた測定", "readings heard"),
    "published": ("送った測定", "readings published"),
    "kept": ("保存した測定", "readings stored"),
    "lost": ("失った測定", "lost"),
    "duplicated": ("二重に数えた測定", "counted twice"),
    "refused": ("ことわった測定", "refused"),
    "unassigned": ("だれのものか わからない測定", "nobody's yet"),
    "reasons": ("ことわった理由: {reasons}", "reasons: {reasons}"),
    "observation": ("FHIR Observation {count} 件のうちの1件", "One FHIR Observation of {count}"),
    "bmi": ("{name} の BMI: {value}", "BMI of {name}: {value}"),
    "trend": ("{name} の体重の傾向", "Weight trend of {name}"),
    "claimed": (
        "水準 {level:.1f} kg、1週間に {slope:+.2f} kg (90%区間 {low:+.2f}～{high:+.2f})",
        "level {level:.1f} kg, {slope:+.2f} kg a week (90 % interval {low:+.2f} to {high:+.2f})",
    ),
    "unclaimed": (
        "水準 {level:.1f} kg、はっきりした増減は ありません (90%区間 {low:+.2f}～{high:+.2f})",
        "level {level:.1f} kg, no clear trend (90 % interval {low:+.2f} to {high:+.2f})",
    ),
    "too-few": ("{level}、まだ日数が足りません", "{level}; too few days for a slope"),
    "level": ("水準 {level:.1f} kg", "level {level:.1f} kg"),
    "no-level": ("水準はまだ わかりません", "no level yet"),
    "advice": ("保健師の確認を待つ助言: {count}", "Advice waiting for a nurse: {count}"),
    "because": ("理由: {reason}", "because: {reason}"),
    "source": ("出典: {title}、{section}", "source: {title}, {section}"),
    "look": ("データはここに残っています。つぎのコマンドで見られます:", "The data stay here; look at them with:"),
    "took": ("{seconds:.0f} 秒でした", "took {seconds:.0f} s"),
}

# The same facts as the description of the simulated household, for those who read Japanese.
DEMO_JA: Final = (
    "ふたりは架空の人です。数人のボランティアの本物の記録を組み合わせています。",
    "1人目の体重: Krone ほか 2020 の被験者1 (PLoS ONE、CC BY 4.0)。63日のうち56日を、きょう終わるように移しました。",
    "1人目の歩数: Furberg ほか 2016 の Fitbit 記録 P07 (Zenodo 53894、CC BY 4.0)。",
    "  本物の28日を2回、曜日をそろえて再生します。きょうの歩数は今の時刻までの分です。",
    "2人目の体重: Krone ほか 2020 の被験者2。同じように移しました。",
    "2人目の体脂肪と、さいごの14日の血圧: 本物ではありません。乱数で作りました。",
    "1人目の健診と質問への答え: 作ったものです。2人目には、まだ何も聞いていません。",
)


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in."""
    return WORDS[key][0 if lang == "ja" else 1].format(**values)
