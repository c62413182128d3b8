"""What pairing says, in plain Japanese (short sentences, words apart) and English; one entry for every key there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cli.words_spot import TITLES as CALLED
from engine.contract.ids import is_id

STEPS: Final = "①②③④"
TITLES: Final = {
    1: ("さがしています …", "Searching …"),
    2: ("これで いいですか？", "This one?"),
    3: ("だれが つかいますか？", "Who uses it?"),
    4: ("ためしに はかります。", "A real measurement."),
}
WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "wake.any": (
        "体重計なら のってください。血圧計なら はかってください。",
        "A scale: step on it. A cuff: measure.",
    ),
    "wake.step-on": ("体重計に のってください。", "Step on the scale."),
    "wake.cuff": ("血圧を はかってください。", "Measure your blood pressure."),
    "wake.wear": ("うでに つけてください。", "Put it on."),
    "wake.mouth": ("体温を はかってください。", "Take your temperature."),
    "wake.finger": ("ゆびに つけてください。", "Put it on your finger."),
    "wake.look": ("かがみの まえに 立ってください。", "Stand in front of the mirror."),
    "wake.none": ("機器を ちかくに おいてください。", "Put the device nearby."),
    "wake.button": (
        "そのあと ボタンを 3秒 おしてください。うしろに あります。",
        "Then hold its button for 3 seconds, at the back.",
    ),
    "again.step-on": ("もういちど のってください。", "Please step on again."),
    "again.cuff": ("もういちど はかってください。", "Please measure again."),
    "again.wear": ("つけて すこし あるいてください。", "Wear it and walk a little."),
    "again.mouth": ("もういちど はかってください。", "Please measure again."),
    "again.finger": ("もういちど ゆびに つけてください。", "Put it on your finger again."),
    "again.look": ("もういちど かがみを 見てください。", "Look into the mirror again."),
    "again.none": ("そのまま おまちください。", "Please wait."),
    "come-nearer": ("電波が よわいです。近づけてください。", "The signal is weak: bring it nearer."),
    "is-it-this": ("{device}", "{device}"),
    "which-one": ("どれですか？ 近い じゅんです。", "Which one? The nearest is first."),
    "key.needed": ("この機器には かぎが いります。", "This device needs its key."),
    "key.where": (
        "メーカーのアプリで ペアリングし、かぎ (32けた) を 取りだします。--key-file でも わたせます。",
        "Pair it once in the maker's app and take its key (32 digits) from there; --key-file takes it, too.",
    ),
    "who": ("だれが つかいますか？", "Who uses it?"),
    "what-happens": (
        "はかった値は あなたの記録に のこります。いつでも やめられます。",
        "What it measures is kept in your record. You can stop at any time.",
    ),
    "evicts": (
        "メーカーのアプリでは つかえなくなります。",
        "The maker's own app will no longer get its readings.",
    ),
    "implants": (
        "体に ペースメーカーなどが ある人は いますか？",
        "Does anybody who uses it have a pacemaker or another implant?",
    ),
    "weight-only": (
        "体重だけを 記録します。つかってよいか 医師に ききましょう。",
        "Only the weight is kept. Ask a doctor whether this scale may be used at all.",
    ),
    "slot.which": ("{name}は 機器の なん番ですか？", "Which user number does {name} have on the device?"),
    "pin.which": ("{slot}番の 暗証番号は？ (0〜9999)", "The code of user {slot}? (0 to 9999)"),
    "passkey.which": ("機器に 出た 数字を 入れてください。", "Type the number the device shows."),
    "aside": (
        "まえの 記録 {count}件は つかいません。(だれのものか わかりません)",
        "{count} older records were left aside: nobody knows whose they are.",
    ),
    "not-theirs": ("つかう人が のってください。", "Now whoever uses it, please."),
    "battery-low": (
        "電池が のこり {percent}％です。かえてください。",
        "The battery is at {percent} %: change it soon.",
    ),
    "is-it-now": ("いま {value} と 出ていますか？", "Does it show {value} now?"),
    "is-it-you": (
        "{value} です。ほんとうに {name}ですか？",
        "{value}. Is this really {name}?",
    ),
    "arrived": ("{value}  ✔ とどきました", "{value}  ✔ arrived"),
    "listed": ("つながりました。", "Connected."),
    "done": ("できました。つぎから はかるだけで 記録されます。", "Done. From now on measuring is enough."),
    "next": (
        "やめるとき: phr device forget {device}   こまったとき: phr doctor",
        "To stop: phr device forget {device}   In trouble: phr doctor",
    ),
    "mistyped": ("その答えは つかえません。もういちど。", "That cannot be. Once more, please."),
    "yes": ("はい", "yes"),
    "no": ("いいえ", "no"),
    "not-this": ("ちがう", "not this one"),
    "none-of-these": ("どれでもない", "none of these"),
    "device": ("{device}", "{device}"),
    "person": ("{name}", "{name}"),
    "both": ("ふたりとも", "both"),
    "everybody": ("みんなで", "everybody"),
    "implants.no": ("いいえ、いません", "no, nobody"),
    "implants.yes": ("はい", "yes"),
    "implants.unknown": ("わからない", "I do not know"),
    "slot": ("{slot}番", "user {slot}"),
    "slot.alone": ("番号は ない。ひとりで つかう", "no numbers: only this person uses it"),
    "slot.none": ("番号は ない", "there are no numbers"),
    "stop": ("やめる", "stop"),
    "help": ("こまった", "help"),
    "retry.search": ("もういちど さがす", "search again"),
    "retry.join": ("もういちど ためす", "try again"),
    "retry.people": ("ほかの人を えらぶ", "choose somebody else"),
    "retry.key": ("かぎを 入れなおす", "type the key again"),
    "retry.slot": ("番号を 入れなおす", "type the number again"),
    "retry.anew": ("つなぎなおす", "pair it anew"),
    "strong": ("つよい電波", "strong signal"),
    "weak": ("よわい電波", "weak signal"),
    "listed-as": ("とうろくずみ", "already listed"),
    "needs-key": ("かぎが いります", "needs its key"),
    "strangers": ("知らない機器: {count}", "strangers: {count}"),
    "nothing-heard": (
        "知っている機器は きこえません。はかると きこえます。(知らない機器: {count})",
        "No known device is heard; measuring wakes them. (strangers: {count})",
    ),
    "page.scan": (
        "スマホの カメラで よみとってください。10分だけ ひらきます。",
        "Scan this with a phone on the same network; it works for ten minutes.",
    ),
    "page.late": (
        "10分 たったので スマホの 画面を とじました。",
        "Ten minutes have passed: the page is closed.",
    ),
    "seconds": ("{seconds} 秒", "{seconds} s"),
}
CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "call.family": ("それでも だめなら 家族に きいてください。", "If that does not help, ask your family."),
    "call.maker": ("それでも だめなら メーカーに 電話してください。", "If that does not help, call the maker."),
    "call.nurse": ("わからないときは 保健師に 電話してください。", "If in doubt, call your public-health nurse."),
    "call.support": (
        "それでも だめなら せっちした人に きいてください。",
        "If that does not help, ask whoever set this up.",
    ),
}
# What happened, and the one thing to do now.
FAILURES: Final[Mapping[str, tuple[tuple[str, str], tuple[str, str]]]] = {
    "nothing-found": (
        ("機器が 見つかりません。", "No device was found."),
        ("電池を たしかめて、この機械の 2メートル以内で はかってください。",
         "Check its battery and measure within two metres of this machine."),
    ),
    "not-supported": (
        ("この機器は じかに つながりません。", "This device cannot be connected directly."),
        ("phr import で アプリの記録を よむか、phr add で 書きいれてください。",
         "Read its app's export with phr import, or write values down with phr add."),
    ),
    "already-paired": (
        ("この機器は もう とうろくされています。", "This device is already paired."),
        ("そのまま つかえます。電池を かえたあとなら つなぎなおしてください (--again)。",
         "Just use it. After a battery change, pair it anew (--again)."),
    ),
    "ambiguous-device": (
        ("機器の しゅるいが わかりません。", "Two device families claim this device."),
        ("phr device add で しゅるいを 言ってください。", "Name its family with phr device add."),
    ),
    "weak-signal": (
        ("電波が よわくて とどきません。", "The signal is too weak."),
        ("機器を この機械に 近づけて もういちど。", "Bring the device nearer to this machine and try again."),
    ),
    "stepped-off": (
        ("とちゅうで つながりが きれました。", "The connection ended too early."),
        ("もういちど はかって、数字が 止まるまで そのままで いてください。",
         "Measure again and stay until the number stands still."),
    ),
    "flat-battery": (
        ("機器の 電池が たりません。", "The device's battery is too low."),
        ("電池を かえて もういちど。", "Change the battery and try again."),
    ),
    "phone-holds-bond": (
        ("機器が この機械を みとめません。スマホと つながっています。",
         "The device refuses this machine: a phone is paired with it."),
        ("スマホの ブルートゥースを 切り、機器の ボタンを 3秒 おして もういちど。",
         "Switch the phone's Bluetooth off, hold the device's button for 3 seconds and try again."),
    ),
    "wrong-passkey": (
        ("数字が ちがいます。", "The number was not right."),
        ("もういちど はかり、機器に 出る あたらしい数字を 入れてください。",
         "Measure again and type the new number the device shows."),
    ),
    "slot-refused": (
        ("暗証番号が ちがいます。", "The device refuses this code."),
        ("機器の 説明書で 番号を たしかめて 入れなおしてください。",
         "Look the user's code up on the device and type it again."),
    ),
    "no-slot": (
        ("機器が あたらしい番号を くれません。", "The device gives no new user number."),
        ("機器で つくった番号と 暗証番号を 入れてください (--slot、--pin-file)。",
         "Make a user on the device itself and type its number and code (--slot, --pin-file)."),
    ),
    "not-answering": (
        ("機器が こたえません。", "The device does not answer."),
        ("電池を 入れなおして もういちど。", "Take its battery out and in, and try again."),
    ),
    "unproven": (
        ("つながりましたが、はかった値が とどきません。", "It is connected, but no measurement arrived."),
        ("もういちど はかり、数字が 止まるまで おまちください。",
         "Measure once more and wait until the number stands still."),
    ),
    "wrong-device": (
        ("この機器からは 値が とどきません。ちかくに ほかの機器も あります。",
         "Nothing was measured on this device, and another one is near."),
        ("のっている ほうの 機器を えらびなおしてください。", "Choose again: the one you stand on."),
    ),
    "only-old-records": (
        ("まえの 記録だけが とどきました。", "Only old records arrived."),
        ("いま もういちど はかってください。", "Measure once more, now."),
    ),
    "wrong-person": (
        ("いつもの値と ちがいすぎます。", "The value is far from this person's."),
        ("つかう人が のって もういちど。", "Let the person who uses it measure, and try again."),
    ),
    "device-clock": (
        ("機器の 時計が ちがいます。", "The device's clock is wrong."),
        ("メーカーのアプリで いちど 時計を あわせて もういちど。",
         "Set its clock once with the maker's app and try again."),
    ),
    "bindkey-needed": (
        ("この機器には かぎが いります。", "This device encrypts what it says: its key is needed."),
        ("メーカーのアプリから かぎを 取りだして --key-file で わたしてください。",
         "Take the key from the maker's app and give it with --key-file."),
    ),
    "bindkey-wrong": (
        ("かぎが ちがいます。", "The key does not fit this device."),
        ("メーカーのアプリで もういちど かぎを 取りだしてください。",
         "Take the key from the maker's app again: it changes at every pairing there."),
    ),
    "no-consent": (
        ("この人は まだ 記録に 同意していません。", "This person has not agreed to be recorded."),
        ("同意して から もういちど: phr consent grant --resident {resident} --purpose record",
         "With their yes: phr consent grant --resident {resident} --purpose record"),
    ),
    "nobody-here": (
        ("この家の人が まだ とうろくされていません。", "Nobody of this household is registered."),
        ("さきに とうろく: phr resident add", "Register somebody first: phr resident add"),
    ),
    "bluetooth-off": (
        ("ブルートゥースが 切れています。", "Bluetooth is switched off."),
        ("入れてください: rfkill unblock bluetooth", "Switch it on: rfkill unblock bluetooth"),
    ),
    "bluetooth-denied": (
        ("ブルートゥースを つかう ゆるしが ありません。", "This user may not use Bluetooth."),
        ("bluetooth グループに 入れてください。", "Put this user into the group bluetooth."),
    ),
    "no-bluetooth": (
        ("ブルートゥースの 部品が 見つかりません。", "No Bluetooth adapter was found."),
        ("アダプターを さして もういちど。", "Plug in an adapter and try again."),
    ),
    "gateway-started": (
        ("ゲートウェイが ちょうど うごきはじめました。", "The gateway has just started here."),
        ("もういちど やってください。", "Pair once more: the gateway then does its part."),
    ),
    "pairing-now": (
        ("ほかの人が いま つないでいます。", "Somebody else is pairing right now."),
        ("それが おわってから もういちど。", "Wait until that is over."),
    ),
    "damaged": (
        ("この機械の データが よめません。", "The data of this machine cannot be read or written."),
        ("phr doctor を うごかしてください。", "Run phr doctor."),
    ),
    "stopped": (
        ("やめました。", "Stopped."),
        ("つづけるときは もういちど phr pair", "To go on: phr pair"),
    ),
    "bug": (
        ("プログラムの まちがいです。", "A bug of ours."),
        ("phr doctor を うごかしてください。", "Run phr doctor."),
    ),
}  # fmt: skip


def word(lang: str, key: str, **values: object) -> str:
    """The words for `key` in ja or en, with `values` put in; a `name` is called as the language calls people."""
    if "name" in values:
        values["name"] = called(lang, str(values["name"]))
    index = 0 if lang == "ja" else 1
    if key.startswith(("what.", "do.")):
        which, _, code = key.partition(".")
        text = FAILURES[code][0 if which == "what" else 1][index]
    else:
        text = (WORDS.get(key) or CALLS[key])[index]
    return text.format_map(_Spare(values))


def called(lang: str, names: str) -> str:
    """花子さん、太郎さん in Japanese, Hanako and Taro in English; `names` is one name, or several with 、 between.

    A gateway alone knows ids only, which are nobody's name.
    """
    each = names.split("、")
    if lang != "ja":
        return " and ".join(each)
    return "、".join(one if one.endswith(CALLED) or is_id(one, "r") else f"{one}さん" for one in each)


class _Spare(dict[str, object]):
    """A value nobody gave is named, not missed."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def title(lang: str, step: int) -> str:
    """The heading of a step."""
    return f"{STEPS[step - 1]} {TITLES[step][0 if lang == 'ja' else 1]}"
