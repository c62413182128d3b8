"""The characters of names that are compared alike; never used to change what is stored.

`VARIANTS` pairs a variant with the usual form. It holds only forms of one character found in Japanese family
registers, no different characters that happen to be confused (斉 and 斎 stay two).
"""

from __future__ import annotations

from typing import Final

_PAIRS: Final = (
    "髙高 﨑崎 嵜崎 𠮷吉 濵浜 濱浜 邉辺 邊辺 齋斎 齊斉 澤沢 櫻桜 廣広 國国 惠恵 眞真 淸清 黑黒 德徳 瀨瀬 曾曽 "
    "龍竜 會会 學学 榮栄 圓円 壽寿 實実 彌弥 藏蔵 關関 靑青 淵渕 嶋島 嶌島 冨富 栁柳 槗橋 𣘺橋 𡈽土 增増 桒桑 "
    "萬万 與与 豐豊 驒騨 鷗鴎 寬寛 賴頼 緖緒 條条 瀧滝 莊荘 龜亀 鐵鉄 淺浅 濟済 當当 靜静 冝宜 舘館 峯峰"
)
VARIANTS: Final[dict[int, str]] = {ord(pair[0]): pair[1] for pair in _PAIRS.split()}

# Small kana as large: older registers printed ショウコ as シヨウコ.
SMALL: Final = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")

# Kana that sound alike today and are mixed up in readings.
HOMOPHONES: Final = str.maketrans("ヂヅヲ", "ジズオ")

# The vowel a long mark stands for, by the plain kana before it.
VOWEL_ROWS: Final[dict[str, str]] = {
    kana: vowel
    for vowel, row in {
        "ア": "アカサタナハマヤラワ", "イ": "イキシチニヒミリヰ", "ウ": "ウクスツヌフムユル",
        "エ": "エケセテネヘメレヱ", "オ": "オコソトノホモヨロヲ",
    }.items()
    for kana in row
}  # fmt: skip
