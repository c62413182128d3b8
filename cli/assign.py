"""`phr assign`: whose was each weighing of a shared scale, answered from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.exits import Exit
from cli.output import emit, fail, result, say
from cli.wiring import language, settings
from cli.words_inbox import word


def assign(
    household: Annotated[Path, typer.Option(help="CSV: household,reading,day,person,weight_kg.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a row on stdout.")] = False,
) -> None:
    """Say for every row whose weighing it is, or nobody's when it has to be asked.

    Of the column `person` only each person's first reading is used, to make them known.
    """
    from engine.assignment_file import answers
    from engine.refusal import Refusal

    try:
        with household.open("rb") as file:
            found = answers(_texts(file))
            if isinstance(found, Refusal):
                fail(Exit.USAGE, found.code, found.message)
            _tell(found, json=json)
    except BrokenPipeError:
        raise  # who reads our answers has seen enough
    except OSError as error:
        fail(Exit.NOT_FOUND, "cannot-read", f"cannot read {household}: {error.strerror}")


def _texts(file: Iterable[bytes]) -> Iterator[str]:
    """The file's lines: UTF-8, else as spreadsheets in Japan save them; two different names never become one."""
    encoding = "utf-8"
    for chunk in file:
        for line in chunk.splitlines():
            try:
                yield line.decode(encoding)
                continue
            except UnicodeDecodeError:
                encoding = "cp932"
            yield line.decode(encoding, "backslashreplace")


def _tell(found: Any, *, json: bool) -> None:
    lang = language(settings())
    filed = asked = wrong = 0
    for answer in found:
        filed += answer.get("person") is not None
        asked += "posterior" in answer and answer["person"] is None
        wrong += "error" in answer
        if json:
            emit(answer)
        else:
            result(_line(answer, lang))
    if not json:
        say(word(lang, "assign-counts", filed=filed, asked=asked, errors=wrong))


def _line(answer: dict[str, Any], lang: str) -> str:
    name = f"{answer['household'] or '-'}  {answer['reading'] or '-'}"
    if "error" in answer:
        return f"{name}  {answer['error']['message']} [{answer['error']['code']}]"
    return f"{name}  {answer['person'] or word(lang, 'assign-ask')}  {answer['posterior']:.3f}"
