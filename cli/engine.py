"""`phr engine`: the process that stores readings, draws conclusions and acknowledges."""

from __future__ import annotations

import signal
from types import FrameType

import typer

from cli.chores import chores
from cli.engine_rank import rank_train
from cli.engine_refit import refit
from cli.exits import Exit
from cli.output import fail, say
from cli.wiring import Settings, open_store, secret, settings

app = typer.Typer(help="The engine.", no_args_is_help=True)


app.command()(refit)
app.command()(rank_train)


@app.command()
def run() -> None:
    """Store what the gateways send until told to stop (SIGTERM or Ctrl-C)."""
    run_engine(settings())


def run_engine(config: Settings) -> None:
    """Serve with `config`; fails with exit code 8 when the broker refuses the engine, 10 when none is named."""
    if config.mqtt.url is None:
        fail(Exit.CONFIGURATION, "no-broker", "no mqtt.url is set; `phr up` starts a broker of its own")
    from engine.service import Service
    from engine.service_link import Broker, Link, LinkError
    from engine.standing import Automatic
    from gateway.settings import broker_address

    try:
        broker_address(config.mqtt.url)
    except ValueError as error:
        fail(Exit.CONFIGURATION, "bad-broker", str(error))

    broker = Broker(
        config.mqtt.url,
        username=config.engine.username,
        password=secret(config.engine.password_file),
        ca_file=config.mqtt.ca_file,
        cert_file=config.mqtt.cert_file,
        key_file=config.mqtt.key_file,
        mqtt5=config.mqtt.protocol == "auto",
        shared=config.engine.shared,
    )
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    store = open_store(config)
    allowed = config.engine
    automatic = Automatic(allowed.standing, allowed.urgent_texts, allowed.learning, allowed.aside_days)
    service = Service(store, Link(broker), automatic=automatic)
    say("engine: ready")
    try:
        with chores(store, config):
            service.run(lambda: bool(stopping))
    except LinkError as error:
        fail(Exit.NETWORK, error.code, str(error))
    say("engine: stopped")
