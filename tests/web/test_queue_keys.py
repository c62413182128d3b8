"""The keys: one table that the page, the dialog and the script share, and that a person can switch off."""

from __future__ import annotations

import re

import msgspec
import pytest

from engine.locale import LANGUAGES, has_text
from engine.web import context, keys
from engine.web.context import COOKIE
from engine.web.sessions import Sessions
from tests.web.desks import NOW, Desk, Page, desk, item, put

__all__ = ["desk"]
SCRIPT = (context.HERE / "static" / "desk.js").read_text("utf-8")


def test_the_table_is_the_one_of_the_design() -> None:
    assert {one.do: one.press for one in keys.table()} == {
        "next": "j", "previous": "k", "open": "o", "approve": "a", "edit": "e", "reject": "r", "snooze": "s",
        "escalate": "!", "select": "x", "undo": "u", "search": "/", "queue": "g q", "keys": "?",
    }  # fmt: skip
    assert not [
        one.do for one in keys.table() for lang in LANGUAGES if not has_text(lang, "nurse", f"desk.key.{one.do}")
    ]


@pytest.mark.parametrize(
    "lines",
    [
        '[[key]]\ndo = "a"\npress = "j"\n[[key]]\ndo = "b"\npress = "j"', '[[key]]\ndo = "a"\npress = "j"\n[[key]]\ndo = "a"\npress = "k"',
        '[[key]]\ndo = "a"\npress = "g"\n[[key]]\ndo = "b"\npress = "g q"', '[[key]]\ndo = "a"\npress = "ctrl"',
    ],
)  # fmt: skip
def test_a_table_in_which_a_key_does_two_things_is_refused(
    lines: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    path.write_text(lines)
    monkeypatch.setattr(keys, "FILE", path)
    with pytest.raises((ValueError, msgspec.ValidationError)):
        keys.table.__wrapped__()


async def test_the_page_and_the_dialog_show_the_same_keys_and_neither_needs_a_script(desk: Desk) -> None:
    put(desk.engine, item("one"))
    desk.enter_as("nurse")
    queue, table = (await desk.browser.get("/queue")).text, (await desk.browser.get("/keys")).text
    pressed = [
        (held["data-press"], held["data-key"]) for tag, held in Page(queue).tags if tag == "tr" and "data-press" in held
    ]
    assert pressed == [(one.press, one.do) for one in keys.table()]
    assert re.findall(r"<kbd>(.+?)</kbd>", table) == [one.press for one in keys.table()]


async def test_whoever_switched_single_keys_off_has_none(desk: Desk) -> None:
    put(desk.engine, item("one"))
    session = desk.enter_as("nurse")
    quiet = msgspec.structs.replace(session.who, single_keys=False)
    cookie, _ = Sessions(desk.engine).start(quiet, "ja", NOW)
    desk.browser.cookies.set(COOKIE, cookie)
    page = (await desk.browser.get("/queue")).text
    assert ("data-press" in page, "<kbd" in page, "aria-keyshortcuts" in page) == (False, False, False)
    assert "切ってあります" in (await desk.browser.get("/keys")).text


def test_the_script_leaves_typing_modifiers_and_input_methods_alone() -> None:
    """What Chromium journeys press by hand elsewhere; a line that is lost here is lost for good."""
    for guard in ("isComposing", "keyCode === 229", "ctrlKey", "altKey", "metaKey", "isContentEditable", "textarea"):
        assert guard in SCRIPT
    assert not re.search(r"eval\(|innerHTML|document\.write|https?://", SCRIPT)
