"""`phr web`: the nurses' desk on this machine, entered by a one-time link."""

from __future__ import annotations

import ipaddress
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.serving import listening
from cli.store import os_user
from cli.wiring import Settings, ensure_home, open_store, settings

if TYPE_CHECKING:
    from engine.web.links import Links


class Open(msgspec.Struct, frozen=True):
    """A desk that can be entered: where it is, a link that works once, and until when."""

    url: str
    signin: str
    until: str


def web(
    host: Annotated[str | None, typer.Option(help="Address of this machine to serve on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = None,
    link: Annotated[bool, typer.Option("--link", help="Only print a new link to the page that is running.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Serve the page for the nurse until stopped, and print a link to sign in with, good once for 15 minutes."""

    def tell(found: Open) -> None:
        if json:
            emit(msgspec.structs.asdict(found))
        else:
            result(found.signin)

    config = settings()
    if link:
        tell(another_link(config))
        return
    chosen = msgspec.structs.replace(
        config.web, host=config.web.host if host is None else host, port=config.web.port if port is None else port
    )
    serve(msgspec.structs.replace(config, web=chosen), tell)


def serve(config: Settings, tell: Callable[[Open], None]) -> None:
    """Serve the desk of `config` until SIGTERM or Ctrl-C; `tell` gets the first link when it can be opened.

    Fails with exit code 10 for an address others could reach and in city mode, with 8 when the port is taken.
    """
    if config.engine.city:
        fail(Exit.CONFIGURATION, "city-mode", "in a city the desk needs staff accounts, which this version has not")
    address = _loopback(config.web.host)
    import uvicorn

    from engine.web.app import create_app

    links = _links(config)
    store = open_store(config)
    try:
        with listening(address, config.web.port) as door, _known_as(config, _url(door)) as url:
            app = create_app(store, links, lambda: datetime.now(UTC), os_user=os_user(), home=config.root)
            server = uvicorn.Server(
                uvicorn.Config(
                    app, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
                    lifespan="off", ws="none", timeout_graceful_shutdown=5,
                )
            )  # fmt: skip
            # uvicorn stops gently on a signal and then sends it again, to whoever listened before: nobody else does.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda _number, _frame: None)
            say(f"web: {url} - sign in with the link; `phr web --link` makes another")
            tell(_open(url, links))
            server.run(sockets=[door])
    finally:
        store.dispose()
    say("web: stopped")


def another_link(config: Settings) -> Open:
    """A new link to the desk that runs on this PHR_HOME; exit code 3 when none does."""
    try:
        url = _address_file(config).read_text(encoding="ascii")
    except OSError:
        fail(Exit.NOT_FOUND, "not-running", "the page is not running here; `phr web` or `phr up` starts it")
    return _open(url, _links(config))


def _open(url: str, links: Links) -> Open:
    from engine.web.links import LINK_LIFE

    now = datetime.now(UTC)
    return Open(url, f"{url}/signin?token={links.issue(now)}", (now + LINK_LIFE).isoformat(timespec="seconds"))


def _links(config: Settings) -> Links:
    from engine.web.links import Links

    return Links(ensure_home(config) / "web" / "links")


def _address_file(config: Settings) -> Path:
    return config.root / "web" / "address"


@contextmanager
def _known_as(config: Settings, url: str) -> Iterator[str]:
    """The address noted in PHR_HOME while the desk runs, so that `phr web --link` finds it."""
    place = _address_file(config)
    place.parent.mkdir(exist_ok=True, mode=0o700)
    place.write_text(url, encoding="ascii")
    try:
        yield url
    finally:
        place.unlink(missing_ok=True)


def _loopback(host: str) -> str:
    """The address to listen on, which only this machine can reach."""
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        reachable = not ipaddress.ip_address(name).is_loopback
    except ValueError:
        reachable = True
    if reachable:
        fail(
            Exit.CONFIGURATION, "not-loopback",
            f"web.host is {host!r}: this version serves this machine only; use 127.0.0.1 and an SSH tunnel",
        )  # fmt: skip
    return name


def _url(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
