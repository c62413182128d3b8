"""What the engine's command says when it cannot work."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from cli import engine
from cli.exits import Exit
from cli.output import Fail


@pytest.mark.parametrize(
    ("url", "code"),
    [(None, "no-broker"), ("mqtt:/x", "bad-broker"), ("http://town", "bad-broker"), ("mqtt://a:99999", "bad-broker")],
)
def test_a_broker_that_is_not_named_or_cannot_be_is_a_matter_of_configuration(
    url: str | None, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("PHR_HOME", str(tmp_path))
    if url is not None:
        monkeypatch.setenv("PHR_MQTT_URL", url)
    done = CliRunner().invoke(engine.app, ["run"])
    assert isinstance(done.exception, Fail)
    assert (done.exception.exit_code, done.exception.code) == (Exit.CONFIGURATION, code)
