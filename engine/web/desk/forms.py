"""A whole form at once, for pages whose fields are known only when they are made."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData


async def _whole(request: Request) -> FormData:
    return await request.form()


# Read outside the page's own function, so that the function may work in a thread with the store.
Typed = Annotated[FormData, Depends(_whole)]


def said(form: FormData, name: str, most: int = 500) -> str:
    """The text of one field, "" where there is none, cut where no honest form is that long."""
    found = form.get(name)
    return found.strip()[:most] if isinstance(found, str) else ""


def chosen(form: FormData, name: str) -> list[str]:
    """What was ticked in one field."""
    return [one for one in form.getlist(name) if isinstance(one, str)]
