"""The words a written case may use for complaints, and what each of them answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

# Complaints that are no emergency by themselves, by the answer they are.
MILDER: Final = {
    "symptom.hypoglycemia": frozenset({
        "hypoglycemia", "hypoglycaemia", "hypoglycemia_symptoms", "hypoglycaemia_symptoms", "cold_sweat", "cold_sweats",
        "sweating", "tremor", "trembling", "shaking", "shakiness", "低血糖", "冷や汗", "ふるえ", "手のふるえ",
    }),
    "symptom.irregular-pulse": frozenset(
        {"irregular_pulse", "irregular_heartbeat", "palpitations", "動悸", "脈の乱れ"}
    ),
}  # fmt: skip
# Words for no complaint at all.
NO_COMPLAINT: Final = frozenset({"none", "no", "nothing", "no_symptoms", "なし", "無し", "特になし"})
RED_FLAG: Final = "symptom.red-flag"


def complaints(told: Iterable[str]) -> dict[str, bool]:
    """The answers that complaints come to; any word that is none of the milder ones is taken as a red flag."""
    words = {word.strip().lower().replace(" ", "_").replace("-", "_") for word in told if word.strip()} - NO_COMPLAINT
    found = {name: bool(words & milder) for name, milder in MILDER.items()}
    return found | {RED_FLAG: bool(words.difference(*MILDER.values()))}
