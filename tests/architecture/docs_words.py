"""Words of the generated tables that the code itself does not carry; (English, Japanese) where both are needed."""

from __future__ import annotations

from typing import Final

from cli.exits import Exit

PROOF_JA: Final = {"capture": "実機の記録", "fixture": "他プロジェクトの試験データ", "specification": "仕様書"}

EXITS_JA: Final = {
    Exit.DONE: "できました",
    Exit.BUG: "プログラムの不具合",
    Exit.USAGE: "使い方の誤り、またはありえない値",
    Exit.NOT_FOUND: "見つかりません",
    Exit.ALREADY: "すでにあります",
    Exit.REFUSED: "人またはルールがことわりました",
    Exit.NO_BLUETOOTH: "Bluetooth がない、切れている、または許可がありません",
    Exit.DEVICE_LOST: "機器との接続が切れました",
    Exit.NETWORK: "ブローカーまたはネットワーク",
    Exit.NO_CONSENT: "同意がありません",
    Exit.CONFIGURATION: "設定",
    Exit.DAMAGED: "データが壊れています",
    Exit.INTERRUPTED: "中断されました",
}

COMMANDS_JA: Final = {
    "phr up": "ブローカー、エンジン、ゲートウェイ、ページをまとめて動かす。Ctrl-C ですべて止まる",
    "phr demo": "一つの家の測定が、FHIR、BMI、傾向、助言になるまでを見る",
    "phr today": "きょう大切なことを伝える。人が承認した助言だけを出す",
    "phr trend": "一つの種類を日ごとに示す。体重は水準と傾向も",
    "phr decode": "記録した Bluetooth のデータ(JSON Lines)を読み解く",
    "phr doctor": "フォルダー、時計、データベース、ジャーナル、ブローカー、Bluetooth を調べる",
    "phr web": "保健師のページを動かし、一度だけ使えるサインイン用リンクを出す",
    "phr resident add": "住民を登録し、番号を出す",
    "phr resident list": "住民をよみがなの順に並べる",
    "phr resident show": "一人の登録内容を見る",
    "phr resident edit": "登録内容を変える",
    "phr consent grant": "「はい」を、示した文とともに書き留める",
    "phr consent withdraw": "「いいえ」を書き留める。その瞬間から効く",
    "phr consent list": "いま有効な同意を見る。ほかはすべて「いいえ」",
    "phr consent history": "これまでの返事を古い順に見る",
    "phr consent purposes": "目的と、住民に示す文を見る",
    "phr device add": "機器、または機器のユーザー番号を登録する",
    "phr device list": "登録した機器を見る。暗証番号は出ない",
    "phr device forget": "機器を一覧から消す。測定は残る",
    "phr gateway add": "別の機械のゲートウェイをこのエンジンに登録する",
    "phr gateway list": "登録したゲートウェイと、最後に伝えてきたことを見る",
    "phr gateway run": "登録した機器を聞き、測定を送る",
    "phr engine run": "ゲートウェイから届くものを保存する",
    "phr advice list": "確認を待つ助言を順に見る",
    "phr inbox list": "だれのものか決まっていない測定を見る",
    "phr inbox assign": "測定を持ち主のものにする",
    "phr advice show": "一つの助言の文、理由、もとの測定、ルール、出典、経過を見る",
    "phr advice approve": "名前を書いて承認する。10分待ってから届く",
    "phr advice reject": "理由を書いて却下する",
    "phr advice undo": "10分以内に決定を取り消す",
    "phr export fhir": "FHIR R4 Observation を1行に1つ書き出す",
    "phr simulate devices": "仮想の機器を動かす",
    "phr simulate replay": "記録した電波を本番のゲートウェイに聞かせる",
    "phr simulate crash": "ゲートウェイ、ブローカー、エンジンを途中で強制終了し、数が合うかを確かめる",
    "phr contract schema": "すべての MQTT メッセージの JSON Schema を出す",
}

SETTINGS: Final = {
    "home": ("data folder; default `~/.local/share/phr`", "データのフォルダー。初期値は `~/.local/share/phr`"),
    "lang": ("`ja` or `en`; default: the terminal's language", "`ja` か `en`。初期値は端末の言語"),
    "mqtt.url": (
        "`mqtt://host:port` or `mqtts://host:port`; empty: `phr up` starts a broker of its own",
        "`mqtt://host:port` か `mqtts://host:port`。空なら `phr up` が自分のブローカーを動かす",
    ),
    "mqtt.protocol": (
        "`auto` tries MQTT 5 first; `3.1.1` for a broker known not to speak it",
        "`auto` は MQTT 5 から試す。話せないとわかっているブローカーには `3.1.1`",
    ),
    "mqtt.username": ("the gateway's broker account", "ゲートウェイのブローカー用の名前"),
    "mqtt.password_file": ("file with its password", "そのパスワードのファイル"),
    "mqtt.ca_file": ("certificate authority of the broker", "ブローカーの認証局の証明書"),
    "mqtt.cert_file": ("client certificate", "クライアント証明書"),
    "mqtt.key_file": ("key of the client certificate", "クライアント証明書の鍵"),
    "gateway.id": ("this gateway, `g-…`; `phr up` makes one", "このゲートウェイの番号 `g-…`。`phr up` が作る"),
    "gateway.household": ("the household it stands in, `h-…`", "置かれた世帯の番号 `h-…`"),
    "gateway.adapter": ("such as `hci0`; empty: the first one", "`hci0` など。空なら最初のもの"),
    "gateway.zone": ("time zone of the home", "家の時間帯"),
    "engine.database": (
        "`postgresql://…` or `sqlite:///…`; empty: SQLite in the data folder",
        "`postgresql://…` か `sqlite:///…`。空ならデータフォルダーの SQLite",
    ),
    "engine.username": ("the engine's broker account", "エンジンのブローカー用の名前"),
    "engine.password_file": ("file with its password", "そのパスワードのファイル"),
    "engine.city": (
        "city mode: nobody decides on the command line", "市のモード。コマンドでは承認も却下もできない",
    ),
    "engine.shared": (
        "several engines share one subscription (MQTT 5)", "複数のエンジンで一つの購読を分け合う(MQTT 5)",
    ),
    "web.host": ("where the page is served; this machine only", "ページのアドレス。この機械からだけ見える"),
    "web.port": ("its port; 0 takes a free one", "そのポート。0 なら空いているもの"),
}  # fmt: skip

TOPICS: Final = {
    "phr/v1/<gateway>/up/state": (
        "`ready`, `sleeping`, `lost` or `alert`; retained, and the last will",
        "`ready`・`sleeping`・`lost`・`alert`。保持される。遺言(last will)でもある",
    ),
    "phr/v1/<gateway>/up/health": (
        "version, uptime, journal depth; no health data; retained",
        "版、稼働時間、ジャーナルの深さ。健康の情報は入らない。保持される",
    ),
    "phr/v1/<gateway>/up/device": (
        "what a device is, its battery, and whose each slot is", "機器の素性、電池、番号ごとの持ち主",
    ),
    "phr/v1/<gateway>/up/reading": (
        "one reading, or a batch of up to 100 and 48 KiB; never retained",
        "一つの測定、または100件・48 KiB までのまとまり。保持されない",
    ),
    "phr/v1/<gateway>/up/reply": ("the answer to a command", "命令への返事"),
    "phr/v1/<gateway>/down/ack": (
        "the ids the engine has committed; only then does the gateway forget",
        "エンジンが保存を終えた番号。ゲートウェイはこのあとで初めて忘れる",
    ),
    "phr/v1/<gateway>/down/roster": (
        "opaque ids of the household's residents; understood, not sent yet",
        "世帯の住民の番号(名前はない)。受け取れるが、まだ送られない",
    ),
    "phr/v1/<gateway>/down/show/<resident>": (
        "what a mirror may show; reserved", "鏡に出してよいもの。予約のみ",
    ),
    "phr/v1/<gateway>/down/cmd/<verb>": (
        "a command such as `forget`; understood, not sent yet", "`forget` などの命令。受け取れるが、まだ送られない",
    ),
}  # fmt: skip
