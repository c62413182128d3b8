"""The limit of the desk: a bare FastAPI route on the same server, with as many bytes through Jinja2 and one durable row.

It asks nobody who they are, looks nothing up and decides nothing. `serve` runs it and the desk in one process.
"""

from __future__ import annotations

import socket
import sqlite3
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.store.database import open_engine
from engine.web.app import create_app
from engine.web.links import Links

# As long as the words a row of the queue is made of, half of them Japanese.
CELL = "確認の列 routine"
TEMPLATE = "<!doctype html><table>{% for cell in cells %}<tr><td>{{ cell }}</td></tr>\n{% endfor %}</table>"
ROW = "INSERT INTO audit (at, actor, action, subject, hash) VALUES (?, ?, ?, ?, ?)"
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
    """One durable row an answer, in a file of its own with the settings of the engine's database."""

    def __init__(self, path: Path) -> None:
        self._store = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for setting in ("journal_mode=WAL", "synchronous=FULL"):
            self._store.execute(f"PRAGMA {setting}")
        self._store.execute(
            "CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER, actor TEXT, action TEXT, subject TEXT, hash TEXT)"
        )
        self._lock = Lock()

    def write(self) -> None:
        """Commit a row."""
        with self._lock:
            self._store.execute(ROW, (time.time_ns(), "s-nurse", "view", "a-item", "f" * 64))


def bare_app(folder: Path) -> FastAPI:
    """The routes of the limit."""
    app, ledger = FastAPI(openapi_url=None), Ledger(folder / "bare.sqlite")
    page = Environment(autoescape=True).from_string(TEMPLATE)  # the limit is a page of the same engine
    cell = len(f"<tr><td>{CELL}</td></tr>\n".encode())

    @app.get("/bare/page", response_class=HTMLResponse)
    def show(size: int) -> Response:
        ledger.write()
        return HTMLResponse(page.render(cells=[CELL] * max(size // cell, 1)))

    @app.post("/bare/decide")
    def decide() -> Response:
        ledger.write()
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
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
