"""Every kanji word that residents read, with the reading that is shown over it: a list for people to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from engine.furigana import ruby
from tests.architecture.test_plain_words import texts


def test_every_word_a_resident_reads_has_the_reading_somebody_read(golden: Callable[[str, str], None]) -> None:
    """The golden holds each word once; whoever changes it reads it: a wrong reading belongs into furigana.toml."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for _, said in texts("ja"):
        for line in said.splitlines():
            for part in ruby(line):
                if part.reading is not None:
                    found[part.text][part.reading].add(line)
    lines = []
    for word, readings in sorted(found.items()):
        for reading, where in sorted(readings.items()):
            # Where a word is read in more than one way, a sentence says which is right.
            example = min(where, key=lambda line: (len(line), line))
            lines.append(f"{word} {reading}{f' | {example}' if len(readings) > 1 else ''}")
    golden("furigana/words.txt", "\n".join(lines) + "\n")
