"""The limit of the desk: bare routes of the same framework on the same server, which do the least of the same work.

The page reads as many rows as a leaf of the queue by their key, writes one durable row (a look is kept) and sends as
many bytes through Jinja2. The decision reads a form, changes one row if its version is the one seen, and writes one
durable row. Both use the libraries the desk uses; nobody is asked who they are, and nothing else is looked up.
"""

from __future__ import annotations

import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Form, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from sqlalchemy import BigInteger, Column, Connection, Integer, MetaData, Table, Text, insert, select, update
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.store.database import open_engine
from engine.web.app import create_app, settle
from engine.web.links import Links

# As long as the words a row of the queue is made of, half of them Japanese.
CELL = "確認の列 routine"
TEMPLATE = "<!doctype html><table>{% for cell in cells %}<tr><td>{{ cell }}</td></tr>\n{% endfor %}</table>"
# As many as a page of the queue.
LEAF = 50
TIMER, CPU = b"x-server-us", b"x-server-cpu-us"


class Timer:
    """ASGI middleware that tells in headers how long the server took until the answer began, and how much it computed.

    One request at a time: what the process computes meanwhile is this request's.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, computed = time.perf_counter_ns(), time.process_time_ns()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = str((time.perf_counter_ns() - began) // 1000).encode()
                cpu = str((time.process_time_ns() - computed) // 1000).encode()
                message["headers"] = [*message["headers"], (TIMER, took), (CPU, cpu)]
            await send(message)

        await self._app(scope, receive, timed if scope["type"] == "http" else send)


class Ledger:
    """A table of items and one of looks in a file of its own, opened as the engine's database is."""

    def __init__(self, path: Path) -> None:
        self._store = open_engine(f"sqlite:///{path}")
        known = MetaData()
        self._item = Table("item", known, Column("id", Integer, primary_key=True), Column("version", Integer),
                           Column("words", Text))  # fmt: skip
        self._look = Table(
            "look", known, Column("seq", Integer, primary_key=True), Column("at", BigInteger), Column("actor", Text),
            Column("action", Text), Column("subject", Text), Column("hash", Text),
        )  # fmt: skip
        with self._store.begin() as connection:
            known.create_all(connection)
            connection.execute(insert(self._item), [{"id": at, "version": 1, "words": CELL} for at in range(LEAF)])

    def read(self) -> int:
        """The rows of a leaf, and a durable row that they were looked at; how many."""
        with self._store.begin() as connection:
            rows = connection.execute(select(self._item).order_by(self._item.c.id).limit(LEAF)).all()
            self._note(connection)
        return len(rows)

    def decide(self, version: int) -> int:
        """One row changed if it is the version that was seen, and a durable row that says so; how many changed."""
        seen = (self._item.c.id == 1) & (self._item.c.version == version)
        with self._store.begin() as connection:
            changed = connection.execute(update(self._item).where(seen).values(version=version))
            self._note(connection)
        return changed.rowcount

    def _note(self, connection: Connection) -> None:
        row = {"at": time.time_ns(), "actor": "s-nurse", "action": "view", "subject": "a-item", "hash": "f" * 64}
        connection.execute(insert(self._look), row)


def bare_app(folder: Path) -> FastAPI:
    """The routes of the limit."""
    app, ledger = FastAPI(openapi_url=None), Ledger(folder / "bare.sqlite")
    page = Environment(autoescape=True).from_string(TEMPLATE)  # the limit is a page of the same engine
    cell = len(f"<tr><td>{CELL}</td></tr>\n".encode())

    @app.get("/bare/page", response_class=HTMLResponse)
    def show(size: int) -> Response:
        ledger.read()
        return HTMLResponse(page.render(cells=[CELL] * max(size // cell, 1)))

    @app.post("/bare/decide")
    def decide(version: Annotated[int, Form()], csrf: Annotated[str, Form()]) -> Response:
        del csrf
        ledger.decide(version)
        return Response(status_code=303, headers={"location": "/queue"})

    @app.get("/bare/hello")
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def serve(folder: Path) -> None:
    """Serves the desk and the bare routes on a free port of 127.0.0.1, which is told on stdout, until stdin closes."""
    engine = open_engine(f"sqlite:///{folder / 'engine.sqlite'}")
    app: Any = bare_app(folder)
    app.mount("/", create_app(engine, Links(folder / "links"), lambda: datetime.now(UTC), os_user="bench"))
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(Timer(app), log_level="error", access_log=False, lifespan="off")
    settle()
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
