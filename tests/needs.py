"""Installs the Debian packages the tests need when it may, else prints the one command; used by ./x test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDS = {
    "mosquitto": ("mosquitto", ("/usr/sbin/mosquitto", "/usr/bin/mosquitto")),
    "postgresql": ("postgresql", ("/usr/lib/postgresql/*/bin/initdb",)),
    "dbus-daemon": ("dbus-daemon", ("/usr/bin/dbus-daemon",)),
    "tmux": ("tmux", ("/usr/bin/tmux",)),
    "chromium": ("chromium", ("/usr/bin/chromium",)),
    "noto-cjk": ("fonts-noto-cjk", ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",)),
    "pango": ("libpango-1.0-0", ("/usr/lib/*/libpango-1.0.so.0",)),
    "pangoft2": ("libpangoft2-1.0-0", ("/usr/lib/*/libpangoft2-1.0.so.0",)),
    "harfbuzz": ("libharfbuzz-subset0", ("/usr/lib/*/libharfbuzz-subset.so.0",)),
}


def found(name: str) -> Path | None:
    """The program that stands for a package, also outside everybody's PATH."""
    for pattern in NEEDS[name][1]:
        hits = sorted(Path("/").glob(pattern.lstrip("/")))
        if hits:
            return hits[-1]
    return None


def main() -> int:
    """0 when everything is there or could be installed, or may be skipped; 1 when CI must have it and has not."""
    missing = [NEEDS[name][0] for name in NEEDS if found(name) is None]
    if not missing:
        return 0
    command = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing for the tests: {' '.join(missing)}", file=sys.stderr)
        # policy-rc.d 101 keeps the packages from starting their services.
        policy = Path("/usr/sbin/policy-rc.d")
        made = not policy.exists()
        if made:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for step in ("apt-get update -q", command):
                subprocess.run(step.split(), env=env, check=False, stdout=subprocess.DEVNULL)
        finally:
            if made:
                policy.unlink(missing_ok=True)
        missing = [NEEDS[name][0] for name in NEEDS if found(name) is None]
    if missing:
        print(f"some tests will be skipped; to run them: sudo {command}", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main())
