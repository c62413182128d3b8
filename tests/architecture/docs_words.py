"""Words of the generated tables that the code itself does not carry; (English, Japanese) where both are needed."""

from __future__ import annotations

from typing import Final

from cli.exits import Exit

PROOF_JA: Final = {"capture": "実機の記録", "fixture": "他プロジェクトの試験データ", "specification": "仕様書"}

NEEDS_JA: Final = {
    "button": "ボタンを長く押す", "just-works": "つなぎ合わせ(ボンド)", "passkey": "機器に出る数字を入れる", "slots": "ユーザー番号{slots}人分",
    "register": "番号は自動で取る", "bindkey": "鍵(暗号化する機種)", "key": "鍵はこちらで作る",
    "evicts": "メーカーのアプリでは使えなくなる", "restarts": "電池を替えたらもう一度", "nothing": "特になし",
}  # fmt: skip

COVERAGE: Final = (
    ("household", "家"), ("filed from", "この確率から記録"), ("filed", "記録した数"), ("coverage", "割合"), ("wrong", "まちがい"),
    ("error", "まちがいの割合"),
)  # fmt: skip

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
    "gateway.adapter": (
        "such as `hci0`, or several: `hci0,hci1`; empty: all", "`hci0` や `hci0,hci1`。空ならすべて",
    ),
    "gateway.scan": (
        "`auto`, `active` or `passive`: whether to ask devices for their names; passive wakes nothing",
        "`auto`・`active`・`passive`。機器に名前をたずねるかどうか。`passive` は聞くだけ",
    ),
    "gateway.zone": ("time zone of the home", "家の時間帯"),
    "mirror.url": (
        "the home's own broker, where mirrors and room sensors speak; empty: none",
        "鏡や部屋のセンサーが話す、家のブローカー。空なら使わない",
    ),
    "mirror.username": ("our account there", "そこでの名前"),
    "mirror.password_file": ("file with its password", "そのパスワードのファイル"),
    "mirror.ca_file": ("certificate authority of that broker", "そのブローカーの認証局の証明書"),
    "mirror.discover": (
        "take what announces itself as Home Assistant does as a proposal", "Home Assistant の形で名乗った機器を候補にする",
    ),
    "mirror.announce": (
        "announce batteries, rooms and the gateway there; a person's values only with consent",
        "電池、部屋、ゲートウェイの様子をそこに知らせる。人の値は同意があるときだけ",
    ),
    "engine.database": (
        "`postgresql://…` or `sqlite:///…`; empty: SQLite in the data folder",
        "`postgresql://…` か `sqlite:///…`。空ならデータフォルダーの SQLite",
    ),
    "engine.username": ("the engine's broker account", "エンジンのブローカー用の名前"),
    "engine.password_file": ("file with its password", "そのパスワードのファイル"),
    "engine.city": (
        "city mode: accounts instead of the link, and nobody decides on the command line",
        "市のモード。リンクの代わりにアカウント。コマンドでは承認も却下もできない",
    ),
    "engine.shared": (
        "several engines share one subscription (MQTT 5)", "複数のエンジンで一つの購読を分け合う(MQTT 5)",
    ),
    "engine.standing": (
        "drafts covered by a live standing approval are approved in its name", "生きている包括承認にあう下書きを、その名前で承認する",
    ),
    "engine.urgent_texts": (
        "an urgent text a physician signed goes out after a confirming second reading",
        "医師が署名した急ぎの文を、二度目の測定で確かめられたときに届ける",
    ),
    "engine.learning": (
        "`shadow`: the learner writes down what it would choose; `on`: it chooses among the allowed goals of who agreed",
        "`shadow`: 学習のしくみが、選ぶはずのものを書き留めるだけ。`on`: 同意した人の、許された目標から選ぶ",
    ),
    "engine.aside_days": (
        "office days after which a routine draft that nobody read is set aside until its rule may speak again; empty: never",
        "だれも読まないふつうの下書きを、この開庁日数のあとに脇へ置く。空ならいつまでも待つ",
    ),
    "web.host": (
        "where the pages are served; without `web.https` only an address of this machine itself",
        "ページのアドレス。`web.https` がなければ、この機械からだけ見えるもの",
    ),
    "web.port": ("its port; 0 takes a free one", "そのポート。0 なら空いているもの"),
    "web.names": (
        "host names the pages may be called by; in the environment separated by commas",
        "ページを呼ぶときのホスト名。環境変数ではコンマで区切る",
    ),
    "web.https": ("a proxy in front speaks TLS", "前に置いたプロキシーが TLS で話す"),
    "notify.base": (
        "the pages' address as residents reach it, `https://…`; empty: nobody is notified",
        "住民から見たページのアドレス `https://…`。空ならだれにも知らせない",
    ),
    "notify.smtp": (
        "mail server, `smtps://host` or `smtp://host` (STARTTLS)", "メールのサーバー。`smtps://host` か `smtp://host`(STARTTLS)",
    ),
    "notify.smtp_from": ("the address mail comes from", "差出人のアドレス"),
    "notify.smtp_username": ("our account there", "そこでの名前"),
    "notify.smtp_password_file": ("file with its password", "そのパスワードのファイル"),
    "notify.smtp_ca_file": ("certificate authority of the mail server", "メールのサーバーの認証局の証明書"),
    "notify.smtp_plain": ("no TLS, only for a server on this machine", "TLS なし。この機械のサーバーだけ"),
    "notify.line_token_file": ("file with the token of the LINE channel", "LINE チャネルのアクセストークンのファイル"),
    "notify.line_secret_file": ("file with the secret of the LINE channel", "LINE チャネルシークレットのファイル"),
    "notify.line_api": ("another address of LINE, for tests", "LINE の別のアドレス(試験用)"),
    "notify.push_contact": (
        "`mailto:` or `https:` of who is answerable; turns web push on",
        "責任者の `mailto:` か `https:`。入れるとブラウザーへの知らせを使う",
    ),
    "bridge.url": (
        "FHIR R4 address of the medical network; empty: nothing is exchanged", "医療ネットワークの FHIR R4 のアドレス。空なら何もやりとりしない",
    ),
    "bridge.name": (
        "what the network is called here, and the recipient of the consent to `care-share`", "ネットワークの名前。`care-share` の同意の相手でもある",
    ),
    "bridge.client_id": ("our id there (SMART Backend Services)", "そこでのわたしたちの番号(SMART Backend Services)"),
    "bridge.key_file": ("file with our private key, from `phr bridge keygen`", "わたしたちの秘密鍵のファイル。`phr bridge keygen` が作る"),
    "bridge.key_id": (
        "the key's name in the published set; empty: its thumbprint", "公開鍵の組の中での鍵の名前。空なら鍵から計算した値",
    ),
    "bridge.ca_file": ("certificate authority of the network", "ネットワークの認証局の証明書"),
    "bridge.cert_file": ("client certificate, for mutual TLS", "クライアント証明書(相互 TLS)"),
    "bridge.cert_key_file": ("key of the client certificate", "クライアント証明書の鍵"),
    "bridge.system": ("identifier system of the network's patient numbers", "患者番号の体系(identifier system)"),
    "bridge.test_patients": (
        "patient numbers, separated by commas: only these are exchanged", "患者番号(コンマで区切る)。この人たちだけをやりとりする",
    ),
    "bridge.outbox": (
        "folder for HL7 v2.5 files to members without FHIR (`phr export oru`)", "FHIR のない施設への HL7 v2.5 ファイルのフォルダー(`phr export oru`)",
    ),
    "platform.url": (
        "the city's data-linkage platform (NGSIv2); empty: releases are prepared and written as files only",
        "市のデータ連携基盤のアドレス(NGSIv2)。空なら、統計は作ってファイルにするだけ",
    ),
    "platform.token_url": ("its OAuth2 token endpoint", "その OAuth2 のトークンのアドレス"),
    "platform.client_id": ("our id there", "そこでのこちらの名前"),
    "platform.secret_file": ("file with the secret of that id", "その名前の秘密のファイル"),
    "platform.ca_file": ("certificate authority of the platform", "基盤の認証局の証明書"),
    "platform.service": ("tenant (`Fiware-Service`), small letters", "テナント(`Fiware-Service`)。小文字"),
    "platform.path": ("service path (`Fiware-ServicePath`)", "サービスパス(`Fiware-ServicePath`)"),
    "platform.linked": ("speak NGSI-LD instead of NGSIv2", "NGSIv2 の代わりに NGSI-LD で話す"),
    "platform.context": (
        "with NGSI-LD: where what `phr release context` prints is served", "NGSI-LD のとき: `phr release context` の内容を置いた場所",
    ),
    "platform.dataset_url": (
        "where the files are offered, `https://…`, for the catalogue; empty: names without a place",
        "ファイルを置く場所 `https://…`(カタログ用)。空ならファイルの名前だけ",
    ),
    "platform.licence": ("licence of the data: `CC-BY-4.0`, `CC0-1.0` or `PDL-1.0`", "データのライセンス: `CC-BY-4.0`、`CC0-1.0`、`PDL-1.0`"),
    "platform.contact": (
        "whom to ask about the data, in one line; without it no files are written", "データの問い合わせ先(一行)。なければファイルを書かない",
    ),
    "one_id.issuer": (
        "the city's identity provider (OpenID Connect), exactly as it names itself; empty: code and card only",
        "市の ID の提供者(OpenID Connect)。提供者が自分を呼ぶとおりに。空ならコードとカードだけ",
    ),
    "one_id.client_id": ("our id there", "そこでのこちらの名前"),
    "one_id.secret_file": ("file with the secret of that id; empty: a public client", "その名前の秘密のファイル。空なら公開クライアント"),
    "one_id.ca_file": ("certificate authority of the provider", "提供者の認証局の証明書"),
    "one_id.card": (
        "the `acr` of a sign-in with the card; set: asked for before a yes is written",
        "カードでのサインインを表す `acr`。入れれば、「はい」を書く前にたしかめる",
    ),
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
    "phr/v1/<gateway>/up/who": (
        "a public spot asks who stands there: the secret of a card, or number and birth date",
        "まちかど保健室が、だれがいるかをたずねる。カードの秘密、または番号と生年月日",
    ),
    "phr/v1/<gateway>/up/left": ("the visit at a spot is over", "まちかど保健室での一回が終わった"),
    "phr/v1/<gateway>/down/who": (
        "the answer: whose visit it is and until when, or why nobody may measure",
        "その答え。だれの番か、いつまでか。または、はかれない理由",
    ),
    "phr/v1/<gateway>/down/ack": (
        "the ids the engine has committed; only then does the gateway forget",
        "エンジンが保存を終えた番号。ゲートウェイはこのあとで初めて忘れる",
    ),
    "phr/v1/<gateway>/down/roster": (
        "opaque ids of who lives in the household: after a life event, and whenever the gateway comes up",
        "世帯に住む人の番号(名前はない)。くらしの変化のあとと、ゲートウェイが起きたとき",
    ),
    "phr/v1/<gateway>/down/show/<resident>": (
        "one line for a mirror, for one person; only with consent, never retained",
        "鏡に出してよい、一人のための一行。同意があるときだけ。保持されない",
    ),
    "phr/v1/<gateway>/down/cmd/<verb>": (
        "a command, said again until it is done: `forget` a person, `release` what was lent, `wipe` a lent gateway",
        "命令。終わるまでくり返す。`forget` は人を忘れさせ、`release` は貸した機器を、`wipe` は貸したゲートウェイを空にさせる",
    ),
}  # fmt: skip

# Where the published text stands that a rule follows, by a word of the rule's own "checked".
CHECKED: Final = {"read in": "A", "read through": "A", "quoted": "B", "from memory": "C", "product policy": "D"}

KINDS_OF_RULES: Final = {
    "class": ("class", "分類"), "flag": ("referral", "受診の目印"), "veto": ("veto", "禁止"), "advice": ("advice", "助言"),
}  # fmt: skip

CODES: Final = {
    "weight_loss": ("to lose weight", "体重を減らす"),
    "auto_weight_loss": ("to lose weight, unless a nurse sets the goal herself", "体重を減らす(保健師が自分で決めた目標を除く)"),
    "calorie_deficit": ("to eat less energy than is used", "食べるエネルギーを減らす"),
    "unsupervised_calorie_deficit": ("the same without a doctor who knows", "医師の見守りなしに食べるエネルギーを減らす"),
    "skip_meal": ("to leave out a meal", "食事を抜く"),
    "fasted_exercise": ("exercise before eating", "食べる前の運動"),
    "exercise_increase": ("more exercise or more steps", "運動や歩数を増やす"),
    "vigorous_exercise": ("hard exercise", "きつい運動"),
    "outdoor_exercise": ("exercise outdoors", "外での運動"),
    "snow_shovelling": ("to shovel snow", "雪かき"),
    "protein_increase": ("more protein", "たんぱく質を増やす"),
    "potassium_increase": ("more potassium: fruit, vegetables", "カリウム(果物、野菜)を増やす"),
    "fluid_increase": ("to drink more", "水分を増やす"),
    "steps_target": ("a target of steps", "歩数の目標"),
    "weight_display": ("to show the weight, or energy", "体重やエネルギーを見せる"),
    "servings": ("a number of servings", "食事の量の目安(つ・サービング)"),
    "body_composition": ("a current through the body: only the weight", "体に電気を流す測定(体重だけをはかる)"),
    "hypoglycemia_precaution": ("*demanded:* carry sugar, skip no meal, agree it with the doctor", "*必ず言う:* 糖を持つ、食事を抜かない、医師と決める"),
    "smoking_cessation": ("*demanded:* the offer of help to stop smoking", "*必ず言う:* 禁煙の手助けがあること"),
}  # fmt: skip

EFFECTS: Final = {
    "flag": ("referrals", "受診の急ぎ方"), "class": ("classes", "分類"), "advice": ("which advice", "どの助言か"),
}  # fmt: skip
