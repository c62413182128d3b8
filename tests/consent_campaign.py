"""The random-consent campaign at length: `python -m tests.consent_campaign --histories 1000000 --towns 100`.

The suite runs ten thousand histories and one town; here as many as there is time for, each told by its seed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.flow import test_consent_outputs as outputs
from tests.property import test_consent_histories as histories
from tests.stores import migrated_file


def main() -> int:
    """Runs both and prints how much went through each gate; the first output without a permit ends it."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--histories", type=int, default=100_000)
    asked.add_argument("--towns", type=int, default=20)
    chosen = asked.parse_args()
    print(f"{chosen.histories} histories: {histories.campaign(chosen.histories)}")
    through: Counter[str] = Counter()
    for seed in range(chosen.towns):
        with tempfile.TemporaryDirectory() as folder:
            engine = migrated_file(Path(folder) / "engine.sqlite")
            through += outputs.lived(engine, seed).out
            engine.dispose()
    print(f"{chosen.towns} towns of {outputs.PEOPLE}: {dict(through)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
