"""The pairing page: who may see it, what a tap does, and the whole flow on a phone in a real browser."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from cli import pair_page
from cli.exits import Exit
from cli.output import Fail
from cli.pair_page import Sheet, event_of, key_of, moment, version_of
from cli.pair_words import word
from engine.web.guard import HEADERS
from engine.web.pairing_page import create_page, new_secret
from gateway.pairing import step
from gateway.pairing_model import Chose, Event, ForPeople, PinTyped, SlotTyped, State, Stop, Tick
from gateway.pairing_reasons import REASONS
from gateway.pairing_screen import screen
from tests.flow.pairing_home import FAMILIES, HANAKO, PEOPLE
from tests.flow.test_pair_terminal import home, listed, scale, stepping_on
from tests.web.chromium import Tab, chromium
from tests.web.desks import Page, heading

__all__ = ["home"]
HERE, SECRET = "F0:00:00:00:00:21", new_secret()
WHERE = f"/{SECRET}"


class Phone:
    """A browser in a hand, and the pairing it looks at; `told` is what reached the pairing."""

    def __init__(self, state: State) -> None:
        self.sheet = Sheet(self, "ja", lambda: "d-aaaaaaaaaaaaa")
        self.told: list[Event] = []
        self.sheet.send = self.take
        self.state = state
        self.sheet.show(state)
        app = create_page(self.sheet.look, self.sheet.answer, secret=SECRET, lang="ja", hosts=("192.168.1.5",))
        self.transport = httpx.ASGITransport(app)

    def show(self, state: State) -> None:
        """What the terminal beside it would show."""

    def take(self, event: Event) -> None:
        self.told.append(event)
        self.state, _ = step(self.state, event)
        self.sheet.show(self.state)

    def browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.transport, base_url="http://192.168.1.5:80")

    async def press(self, browser: httpx.AsyncClient, text: str) -> httpx.Response:
        """Tap the button with these words."""
        page = (await browser.get(WHERE)).text
        key = page.partition(f">{text}</button>")[0].rpartition('value="')[2].partition('"')[0]
        return await browser.post(WHERE, data=Page(page).forms[WHERE] | {"key": key})


def state_at(*events: Event, family: str = "sig-weight") -> State:
    from gateway.pairing_model import Found, Seen

    state = State(families=FAMILIES, people=PEOPLE)
    for event in (Seen(Found(address=HERE, family=family, rssi=-50)), Tick(3.0), *events):
        state, _ = step(state, event)
    return state


@pytest.fixture
async def phone() -> AsyncIterator[tuple[Phone, httpx.AsyncClient]]:
    """A phone that is asked: this one?"""
    held = Phone(state_at())
    async with held.browser() as browser:
        yield held, browser


async def test_the_first_browser_has_the_page_and_every_other_learns_nothing(
    phone: tuple[Phone, httpx.AsyncClient],
) -> None:
    held, browser = phone
    first = await browser.get(WHERE)
    assert first.status_code == 200
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert f"Path={WHERE}" in cookie
    async with held.browser() as second:
        for answer in (await second.get(WHERE), await second.post(WHERE, data=Page(first.text).forms[WHERE])):
            assert answer.status_code == 403
            assert "A&amp;D" not in answer.text
            assert "csrf" not in answer.text
        for path in ("/", "/x", f"{WHERE}x", "/docs", "/openapi.json"):
            assert (await second.get(path)).status_code == 404
    assert (await browser.get(WHERE)).status_code == 200
    assert held.told == []


async def test_every_answer_carries_the_strict_headers_and_nothing_comes_from_elsewhere(
    phone: tuple[Phone, httpx.AsyncClient],
) -> None:
    _, browser = phone
    page = await browser.get(WHERE)
    for answer in (page, await browser.get("/pairing.css"), await browser.get("/nothing")):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    held = Page(page.text)
    assert not [tag for tag, _ in held.tags if tag in {"script", "iframe", "img", "style"}]
    assert not [value for _, attrs in held.tags for name, value in attrs.items() if name in {"href", "src", "action"}
                and value not in {"data:,", "/pairing.css", WHERE, f"{WHERE}?lang=en"}]  # fmt: skip
    assert (await browser.get(WHERE, headers={"Host": "evil.example"})).status_code == 400


async def test_a_form_from_elsewhere_or_for_a_question_that_is_gone_answers_nothing(
    phone: tuple[Phone, httpx.AsyncClient],
) -> None:
    held, browser = phone
    form = Page((await browser.get(WHERE)).text).forms[WHERE]
    yes = key_of(Chose(HERE))
    assert (await browser.post(WHERE, data=form | {"key": yes, "csrf": "x"})).status_code == 403
    foreign = await browser.post(WHERE, data=form | {"key": yes}, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    assert held.told == []
    # Somebody at the keyboard was quicker: the tap on the old screen must not answer the next question.
    held.take(Chose(HERE))
    assert (await browser.post(WHERE, data=form | {"key": key_of(Stop())})).status_code == 303
    assert held.told == [Chose(HERE)]


async def test_taps_are_answers_and_each_question_is_one_heading(phone: tuple[Phone, httpx.AsyncClient]) -> None:
    held, browser = phone
    assert heading((await browser.get(WHERE)).text) == "これで いいですか？"
    assert (await held.press(browser, "はい")).status_code == 303
    assert heading((await browser.get(WHERE)).text) == "だれが つかいますか？"
    await held.press(browser, "花子さん")
    assert held.told == [Chose(HERE), ForPeople((HANAKO,))]
    waiting = (await browser.get(WHERE, params={"lang": "en"})).text
    assert 'http-equiv="refresh"' in waiting
    assert 'lang="en"' in waiting
    assert heading(waiting) == "A real measurement."


async def test_what_is_typed_is_an_answer_and_nonsense_is_said_to_be_none() -> None:
    asked = state_at(Chose(HERE), ForPeople((HANAKO,)), family="omron-blood-pressure-memory")
    held = Phone(replace(asked, phase="pin", slot=3))
    async with held.browser() as browser:
        page = (await browser.get(WHERE)).text
        assert 'http-equiv="refresh"' not in page, "a page that asks must not take half a number away"
        form = Page(page).forms[WHERE]
        wrong = await browser.post(WHERE, data=form | {"text": "abc"}, follow_redirects=True)
        assert word("ja", "mistyped").partition("。")[0] in wrong.text
        assert 'role="status"' in wrong.text
        await browser.post(WHERE, data=Page(wrong.text).forms[WHERE] | {"text": " 0042 "})
        assert held.told == [PinTyped("abc"), PinTyped("0042")]


@pytest.mark.parametrize("code", sorted(REASONS))
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_failure_says_what_happened_what_to_do_and_whom_to_call(code: str, lang: str) -> None:
    state = replace(state_at(Chose(HERE), ForPeople((HANAKO,))), phase="failed", code=code)
    shown = moment(state, lang, "d-aaaaaaaaaaaaa")  # type: ignore[arg-type]
    assert len(shown.lines) == 3
    assert shown.tone == "trouble"
    assert [button.quiet for button in shown.buttons][-1]
    assert len(shown.buttons) == (2 if REASONS[code].retry else 1)


def test_a_button_means_what_its_screen_says_and_nothing_else() -> None:
    state = state_at()
    assert event_of(screen(state), f"button:{key_of(Chose(HERE))}") == Chose(HERE)
    for said in ("button:", "button:x", f"button:{key_of(SlotTyped('1'))}", "text:1", "", "x"):
        assert event_of(screen(state), said) is None
    assert version_of(state) == version_of(replace(state, at=9.0))
    assert version_of(state) != version_of(step(state, Chose(HERE))[0])


async def test_the_address_dies_with_its_ten_minutes_and_a_pairing_nobody_else_sees_ends(
    phone: tuple[Phone, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held, _ = phone
    monkeypatch.setattr(pair_page, "OPEN_FOR", 0.5)
    async with pair_page.served(held.sheet, "127.0.0.1", 0, json=True, others=False), httpx.AsyncClient() as browser:
        url = json.loads(capsys.readouterr().out)["url"]
        assert (await browser.get(url)).status_code == 200
        async with asyncio.timeout(10):
            while not held.told:  # noqa: ASYNC110 - the clock of the page is what is waited for
                await asyncio.sleep(0.05)
        assert held.told == [Stop()]
        # A connection kept open is let go within a second of grace.
        await asyncio.sleep(1.0)
        with pytest.raises(httpx.TransportError):
            await browser.get(url)


async def test_an_address_that_cannot_be_served_on_is_said_before_anybody_is_asked(
    phone: tuple[Phone, httpx.AsyncClient],
) -> None:
    held, _ = phone
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Fail) as failure:
        async with pair_page.served(held.sheet, "127.0.0.1", taken.getsockname()[1], json=True, others=True):
            pass
    assert (failure.value.exit_code, failure.value.code) == (Exit.NETWORK, "port-taken")


@contextmanager
def pairing(home: Path, air: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`phr pair --qr` without anybody at a keyboard, and the address of its page."""
    words = [sys.executable, "-m", "cli", "--lang", "ja", "--home", str(home), "pair", "--air", air, "--qr"]
    child = subprocess.Popen(
        [*words, "--host", "127.0.0.1", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        yield child, json.loads(child.stdout.readline())["url"]
    finally:
        child.kill()
        child.communicate()


def fits(tab: Tab) -> None:
    """Nothing is cut off, nothing small: for eyes of 75."""
    assert tab.find("document.documentElement.scrollWidth <= window.innerWidth")
    smallest = tab.find(
        "Math.min(...[...document.querySelectorAll('main *, header *')].filter(one => one.innerText)"
        ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
    )
    assert smallest >= 24


@pytest.mark.flow
@pytest.mark.needs_chromium
def test_a_resident_pairs_a_scale_on_a_phone(home: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    with (
        scale(tmp_path / "air") as process,
        pairing(home, process.air) as (child, url),
        chromium(tmp_path / "profile") as tab,
    ):
        tab.open(url)
        for number, (text, button) in enumerate(
            [("これで いいですか？", "はい"), ("だれが つかいますか？", "花子さん")]
        ):
            tab.until(text)
            fits(tab)
            tab.picture(pictures / f"{number}.png")
            tab.press(button)
        tab.until("のってください")
        fits(tab)
        tab.picture(pictures / "2.png")
        with stepping_on(process):
            tab.until("✔ とどきました")
        fits(tab)
        tab.picture(pictures / "3.png")
        told, _ = child.communicate(timeout=30)
        assert child.returncode == 0
    assert [json.loads(line)["event"] for line in told.splitlines()][-1] == "proven"
    (entry,) = listed(home)
    assert entry["bindings"] == [{"slot": None, "resident": HANAKO}]
    # Four moments, four different pictures.
    assert len({path.read_bytes() for path in pictures.iterdir()}) == 4
