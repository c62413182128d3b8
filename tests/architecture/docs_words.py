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

COMMANDS_JA: Final = {
    "phr card issue": "カードを作る。QR コードの中身は乱数だけで、名前も番号も入らない",
    "phr card list": "カードを並べる。中身を知っているのは持ち主だけ",
    "phr card revoke": "なくしたカードを、その場でずっと使えなくする",
    "phr card print": "古くなったカードを、その中身からもう一度印刷する",
    "phr spot add": "まちかど保健室の機械を登録する",
    "phr spot list": "まちかど保健室を並べる",
    "phr spot run": "まちかど保健室になる。カードを読み、はかり、見せて、忘れる",
    "phr simulate pairings": "不慣れな人の登録を五十とおり、本番の部品で試す",
    "phr up": "ブローカー、エンジン、ゲートウェイ、ページをまとめて動かす。Ctrl-C ですべて止まる",
    "phr demo": "一つの家の測定が、FHIR、BMI、傾向、助言になるまでを見る",
    "phr today": "きょう大切なことを伝える。人が承認した助言だけを出す",
    "phr trend": "一つの種類を日ごとに示す。体重は水準と傾向も",
    "phr decode": "記録した Bluetooth のデータ(JSON Lines)を読み解く",
    "phr doctor": "フォルダー、時計、データベース、保健師の画面、ジャーナル、ブローカー、Bluetooth を調べる",
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
    "phr assign": "一台の体重計を使った家族の記録(CSV)を、一行ずつだれのものか答える",
    "phr add": "体重、腹囲、血圧、脈拍、体温、歩数を手で書き入れる。いくつでも一度に",
    "phr routes": "メーカーごとに、Bluetooth、ファイル、手入力のどれで記録できるかを見る",
    "phr scan": "近くの機器のうち、知っている機種を名前で示す",
    "phr pair": "機器を登録する。乗る、はいと言う、使う人を選ぶ、一度はかる",
    "phr device show": "一つの機器を見る。だれのものか、いつからか、機器が最後に言ったこと",
    "phr device set": "自作の機器の数字が何を意味するかを決める",
    "phr device rename": "機器に家での呼び名をつける",
    "phr inbox confirm": "測定が、たしかにその人のものだと言う",
    "phr inbox release": "測定をだれのものでもない状態に戻す。使わないことにした測定も戻せる",
    "phr inbox discard": "測定をだれのためにも使わない(客、かばんの重さなど)。あとで戻せる",
    "phr simulate mirror": "家のブローカーで、仮想のスマートミラーになる。最初の行がその地図",
    "phr profile list": "機種を、聞き方と裏づけといっしょに並べる。壊れたプラグインは名前を示す",
    "phr profile show": "一つの機種について、はかるもの、見分け方、登録のしかた、出典を見る",
    "phr profile check": "機種がすべての決まりを守っているかを調べる",
    "phr profile new": "新しい機種のための、動くファイルのひな形を書く",
    "phr profile record": "機器の言うことを、アドレスを消して記録する",
    "phr mirror rppg": "20～60秒の顔の平均色から脈を読む。目安にすぎない",
    "phr mirror map check": "地図が使えるかを調べる。`--message` で一通を読んでみる",
    "phr mirror map list": "使っている地図と、鏡が自分から名乗った候補を見る",
    "phr mirror map add": "地図をデータのフォルダーに置く。ゲートウェイは自分で読み込む",
    "phr mirror map accept": "鏡が名乗った候補を、人と結びつけて使う",
    "phr mirror map forget": "地図や候補を消す。測定は残る",
    "phr mirror map propose": "Home Assistant の名乗り一通から作れる地図と、使えないところを示す",
    "phr import csv": "列の対応を決めて CSV を取り込む。知っている書き出しは見出しでわかる",
    "phr import openscale": "openScale の CSV を取り込む",
    "phr import apple-health": "アップル「ヘルスケア」の export.zip(または中の export.xml)を取り込む",
    "phr import health-connect": "Android のヘルスコネクト、または Google Takeout の Fitbit を取り込む",
    "phr import fhir": "FHIR R4 の Observation を取り込む",
    "phr assess": "書いた事例(JSON Lines)に、ルールが言うことを一行ずつ答える",
    "phr ask": "助言をとめるかもしれないことを、一度に三つまで聞く。答えがなければ「まだ聞いていない」",
    "phr engine refit": "新しい体重のある人の傾向の計算を、古いものから合わせ直す。途中で止めても続きから",
    "phr engine rank-train": "列の同じ段の中の順番を決めるモデルを育てる。データが足りなければ終了コード 5 で、何も変えない",
    "phr rules list": "ルールを並べる。種類、話題、版、いつから、場合の数",
    "phr rules show": "一つのルールを見る。場合ごとの境目と、境目の値がどちらに入るか、出典、文",
    "phr rules check": "すべてのルールが決まりを守っているかを調べる。破れていれば終了コード 11",
    "phr rules test": "ルールを、手で書いた例と照らし合わせる。合わなければ終了コード 5",
    "phr rules explain": "一人について、ルールがなぜ出たか、出なかったか、決められないかを、比べた値とともに示す",
    "phr rules stats": "ルールごとに、下書き、承認、書き直し、却下、差しかえ、配達を数える",
    "phr clinical add": "一人の検査値や病気、薬を記録する。書けるものは `phr clinical codes`",
    "phr clinical list": "記録したことを、だれが言ったか、いつ、いつまでかとともに見る",
    "phr clinical answers": "助言をとめうる答えをすべて見る。はい、いいえ、まだ聞いていない",
    "phr clinical retract": "書いたことを取り消す。記録には残り、もう数えない",
    "phr clinical codes": "記録できるものをすべて見る。コード、単位、意味",
    "phr clinical verdicts": "健診の結論(保健指導の区分、メタボの判定)を、こちらのルールとくらべる",
    "phr clinical import": "健診の結果(CSV)を取り込む。読めない行は、行の番号と理由を示してことわる",
    "phr env import": "日ごとの暑さ指数と積雪の表を取り込む。同じ表を二度読んでも変わらない",
    "phr report": "ひと月の報告を書く。はかったこと、届いた助言、だれが見たか。画面、1つの HTML、PDF で",
    "phr staff add": "職員のアカウントを作り、本人がパスワードと2つ目の確かめを決めるためのリンクを出す。3日間、一度だけ使える",
    "phr staff list": "アカウントを並べる",
    "phr staff roles": "その人にできることを見る。または役割やまちを変える(その人はサインアウトされる)",
    "phr staff disable": "アカウントを閉じる。サインイン中の人もサインアウトされる",
    "phr staff enable": "閉じたアカウントを、前のパスワードのまま開く",
    "phr staff reset": "新しい登録リンクを出す。前のパスワードと2つ目の確かめは使えなくなる",
    "phr audit verify": "鎖と控えをすべて読み、最初におかしい記録を示す(終了コード 11)",
    "phr audit show": "記録を新しい順に見る。番号とハッシュだけで、値や文はない",
    "phr audit head": "最も新しい記録の番号とハッシュを出す。鎖の全体が一行になる",
    "phr audit anchor": "鎖の先頭を、この PHR_HOME の鍵で作った符号とともに `audit-heads` に書き足す。1時間に一度くらい",
    "phr notify status": "設定した知らせ方と、この7日間の知らせがどうなったかを見る",
    "phr notify test": "ただ一つの知らせを、自分のあて先に送ってみる。相手が受けとらなければ終了コード 8",
    "phr disclosure show": "記録の種類ごとに、住民にいつ見せるかを見る。まちが決めていなければ初期の決まり",
    "phr disclosure set": "ある種類の記録を、まちの住民にいつ見せるかを決める。次のページから効く",
    "phr env show": "きょうの天気としてルールが使うもの、それが測った値か季節の用心かを見る",
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
        "opaque ids of the household's residents; understood, not sent yet",
        "世帯の住民の番号(名前はない)。受け取れるが、まだ送られない",
    ),
    "phr/v1/<gateway>/down/show/<resident>": (
        "one line for a mirror, for one person; only with consent, never retained",
        "鏡に出してよい、一人のための一行。同意があるときだけ。保持されない",
    ),
    "phr/v1/<gateway>/down/cmd/<verb>": (
        "a command such as `forget`; understood, not sent yet", "`forget` などの命令。受け取れるが、まだ送られない",
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
