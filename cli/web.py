"""`phr web`: the desk and the residents' pages, entered by a one-time link or, in a city, by accounts and codes."""

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
from cli.wiring import Settings, ensure_home, open_seal, open_store, settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from engine.store.database import Engine
    from engine.web.links import Links


class Open(msgspec.Struct, frozen=True):
    """A desk that can be entered: where it is, and a link that works once until then; in a city the page to sign in."""

    url: str
    signin: str
    until: str | None = None


def web(
    host: Annotated[str | None, typer.Option(help="Address of this machine to serve on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)] = None,
    link: Annotated[bool, typer.Option("--link", help="Only print a new link to the page that is running.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Serve the pages until stopped, and print a link to sign in with, good once for 15 minutes.

    In city mode there is no link: staff and residents sign in, and the page to do so is printed.
    """

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

    Fails with exit code 10 for an address others could reach without TLS, with 8 when the port is taken.
    """
    address = _address(config)
    import uvicorn

    from engine.web.app import settle

    links, city = _links(config), config.engine.city
    open_seal(config)
    store = open_store(config)
    try:
        with listening(address, config.web.port) as door, _known_as(config, _url(door)) as url:
            app = _pages(config, store, links)
            server = uvicorn.Server(
                uvicorn.Config(
                    app, log_level="warning", access_log=False, server_header=False, proxy_headers=False,
                    lifespan="off", ws="none", timeout_graceful_shutdown=5,
                )
            )  # fmt: skip
            # uvicorn stops gently on a signal and then sends it again, to whoever listened before: nobody else does.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda _number, _frame: None)
            way = "staff and residents sign in" if city else "sign in with the link; `phr web --link` makes another"
            say(f"web: {url} - {way}")
            tell(Open(url, f"{url}/signin") if city else _open(url, links))
            settle()
            server.run(sockets=[door])
    finally:
        store.dispose()
    say("web: stopped")


def another_link(config: Settings) -> Open:
    """A new link to the desk that runs on this PHR_HOME; exit code 3 when none does, 10 in a city."""
    if config.engine.city:
        fail(Exit.CONFIGURATION, "city-mode", "in a city no link opens the desk; `phr staff` makes accounts")
    try:
        url = _address_file(config).read_text(encoding="ascii")
    except OSError:
        fail(Exit.NOT_FOUND, "not-running", "the page is not running here; `phr web` or `phr up` starts it")
    return _open(url, _links(config))


def _pages(config: Settings, store: Engine, links: Links) -> FastAPI:
    """The application with everything the settings say."""
    from cli.notify import outlets_of
    from cli.one_id import provider_of
    from engine.standing import Automatic
    from engine.web.app import create_app
    from fhir_bridge.api import PREFIX, refusal_of, router_of
    from fhir_bridge.takeout import bundle_of

    def now() -> datetime:
        return datetime.now(UTC)

    return create_app(
        store, links, now, hosts=config.web.called, os_user=os_user(), home=config.root, secure=config.web.https,
        city=config.engine.city, outlets=outlets_of(config),
        automatic=Automatic(config.engine.standing, config.engine.urgent_texts, config.engine.learning),
        one_id=provider_of(config), bundle=bundle_of,
        extras=[router_of(store, now, secure=config.web.https, os_user=os_user())], apart={PREFIX: refusal_of},
    )  # fmt: skip


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


def _address(config: Settings) -> str:
    """The address to listen on: one that only this machine can reach, unless a proxy in front speaks TLS."""
    host = config.web.host
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        address = None
    if address is None or not (address.is_loopback or config.web.https):
        fail(
            Exit.CONFIGURATION, "not-loopback",
            f"web.host is {host!r}: without TLS in front (web.https) only this machine is served; use 127.0.0.1",
        )  # fmt: skip
    return name


def _url(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
