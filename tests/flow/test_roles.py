"""A role installs only what it needs: the gateway's commands work where nothing of the engine is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow]
ENGINE_ONLY = ("sqlalchemy", "sqlmodel", "numpy", "scipy", "fhir", "fastapi", "alembic", "orjson", "bumble", "amqtt")
# Stands for a machine without these packages: importing one fails as it would there.
WITHOUT = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ENGINE_ONLY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from cli.main import main
main()
"""


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {
        **os.environ,
        "PHR_HOME": str(home),
        "PHR_MQTT_URL": "mqtt://127.0.0.1:1",
        "PHR_GATEWAY_ID": "g-abcdefghijklm",
        "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={home}/nobody",  # also on machines with an adapter
    }
    command = [sys.executable, "-c", WITHOUT, *words]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_gateway_lists_devices_and_looks_for_its_radio_without_the_engine(tmp_path: Path) -> None:
    added = run(tmp_path, "device", "add", "--address", "C0:26:DF:01:E2:3A", "--profile", "sig-weight")
    assert added.returncode == 0, added.stderr
    assert added.stdout.strip() in run(tmp_path, "device", "list").stdout
    started = run(tmp_path, "gateway", "run")
    assert started.returncode == 6, started.stderr
    assert "[no-bluetooth]" in started.stderr


def test_a_command_of_another_role_says_so_and_is_no_bug(tmp_path: Path) -> None:
    done = run(tmp_path, "resident", "list")
    assert done.returncode == 10
    assert "[not-installed]" in done.stderr
    assert "Traceback" not in done.stderr
