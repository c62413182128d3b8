"""One piece of advice: its page, its charts, and the forms that decide about it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Form, Query, Response
from fastapi.responses import JSONResponse
from msgspec.structs import replace

from engine.charts import draw
from engine.decisions import reason_of
from engine.refusal import Refusal as Unreadable
from engine.review import Command, Item, busy_with, told
from engine.store import repo_staff
from engine.store.database import read, write
from engine.web import scope
from engine.web.context import Signed, TheDesk, Trusted, note
from engine.web.desk import item_care, item_hands
from engine.web.desk.item_acts import TheSent, act, command
from engine.web.desk.item_door import door
from engine.web.desk.item_page import chart_of, show
from engine.web.desk.item_typed import Typed, faults_of, listed_reason, plain_text, text_refusal

__all__ = ["door", "item_care", "item_hands"]
Asked = Annotated[list[str] | None, Form()]


@door.page("/advice/{advice}", "advice.see")
def look(
    advice: str,
    desk: TheDesk,
    session: Signed,
    within: Annotated[str, Query(alias="in", max_length=1_000)] = "",
    done: Annotated[str, Query(max_length=40)] = "",
) -> Response:
    """One item with its reasons, its history, and what may be done about it."""
    return show(desk, session, advice, Typed(), within=within, done=done)


@door.page("/advice/{advice}/chart/{signal}.svg", "advice.see")
def chart(advice: str, signal: str, desk: TheDesk, session: Signed, narrow: bool = False) -> Response:
    """One signal of the item as a picture: what its rule saw, and what came since."""
    now = desk.now()
    with write(desk.engine) as connection:
        item, person = scope.item_of(connection, session.who, advice, now, to=scope.LOOK)
        made = chart_of(connection, session, item, person, signal)
        note(connection, desk, session, "advice-chart", now, subject=item.id, detail=[item.snapshot_hash, signal])
    return Response(draw(made, narrow=narrow), media_type="image/svg+xml")


@door.page("/advice/{advice}/now", "advice.see")
def state(advice: str, desk: TheDesk, session: Signed) -> Response:
    """Whether the item is still what the page shows: version, state, and who works on it; no value of anybody."""
    now = desk.now()
    with read(desk.engine) as connection:
        item, _ = scope.item_of(connection, session.who, advice, now, to=scope.LOOK)
        busy = busy_with(item, now)
        names = repo_staff.names_of(connection, [busy] if busy else [])
    mine = busy == session.by
    told_: dict[str, Any] = {"version": item.version, "state": item.state, "who": names.get(busy or ""), "mine": mine}
    return JSONResponse(told_)


@door.form("/advice/{advice}/approve", "advice.decide")
def approve(advice: str, desk: TheDesk, session: Trusted, form: TheSent, asked: Asked = None) -> Response:
    """Sign for it; every open question must have been put."""
    typed = Typed(form="approve", asked=frozenset(asked or ()))
    return act(
        desk, session, advice, form, typed,
        lambda item, _: [replace(command(session, "approve", form.version), asked=_put(item, typed))],
    )  # fmt: skip


@door.form("/advice/{advice}/edit", "advice.decide")
def edit(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    form: TheSent,
    text_ja: Annotated[str, Form()] = "",
    text_en: Annotated[str, Form()] = "",
    also: Annotated[str, Form()] = "",
    asked: Asked = None,
) -> Response:
    """Change the words, and sign for them at once where `also` says approve; both texts are kept."""
    ja, en = plain_text(text_ja), plain_text(text_en)
    typed = Typed(
        form="edit", asked=frozenset(asked or ()), text_ja=ja, text_en=en, faults=faults_of(ja, en)
    )  # fmt: skip

    def wishes(item: Item, _: object) -> list[Command] | Unreadable:
        bad = text_refusal(ja, en)
        if bad is not None:
            return bad
        same = (ja, en) == (item.text_ja, item.text_en)
        words = replace(command(session, "edit", form.version), text_ja=ja, text_en=en)
        found = [] if same and also == "approve" else [words]
        if also == "approve":
            sign = command(session, "approve", form.version + len(found))
            found.append(replace(sign, asked=_put(item, typed)))
        return found

    stays = form if also == "approve" else replace(form, next=False)
    return act(desk, session, advice, stays, typed, wishes)


@door.form("/advice/{advice}/reject", "advice.decide")
def reject(
    advice: str,
    desk: TheDesk,
    session: Trusted,
    form: TheSent,
    why: Annotated[str, Form()] = "",
    reason: Annotated[str, Form()] = "",
) -> Response:
    """Turn it down with a listed reason, free words, or both."""
    words = reason_of(reason)
    typed = Typed(form="reject", why=why, reason=reason)

    def wishes(_: Item, __: object) -> list[Command] | Unreadable:
        if isinstance(words, Unreadable):
            return words
        return [replace(command(session, "reject", form.version), reason=told(listed_reason(why), words) or None)]

    return act(desk, session, advice, form, typed, wishes)


@door.form("/advice/{advice}/undo", "advice.decide")
def undo(advice: str, desk: TheDesk, session: Trusted, form: TheSent) -> Response:
    """Take a decision back while it is held."""
    wish = command(session, "undo", form.version)
    return act(desk, session, advice, replace(form, next=False), Typed(form="undo"), lambda _, __: [wish])


@door.form("/advice/{advice}/send-now", "advice.decide-serious")
def send_now(advice: str, desk: TheDesk, session: Trusted, form: TheSent) -> Response:
    """Skip the rest of the hold of what one approved oneself, because it is urgent."""
    wish = command(session, "send-now", form.version)
    return act(desk, session, advice, form, Typed(form="send-now"), lambda _, __: [wish])


def _put(item: Item, typed: Typed) -> tuple[str, ...]:
    """The open questions of the item that were ticked as put and answered no."""
    return tuple(question for question in item.ask if question in typed.asked)
