"""Small lies about the Python code that keeps people safe: comparisons turned, numbers moved, entries lost.

Each mutant is written into a copy of the repository's packages in a scratch folder and the tests of that module are
run against the copy in a process of their own.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
# Module -> the tests that must notice.
TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "engine/safety.py": ("tests/unit/engine/test_safety.py", "tests/unit/engine/test_urgent.py"),
    "engine/wording.py": ("tests/unit/engine/test_wording.py",),
    "engine/urgent.py": ("tests/unit/engine/test_urgent.py",),
    "engine/plans/needs.py": ("tests/unit/engine/test_plan_needs.py",),
}
_TURNED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SECONDS: Final = 120


def surviving_code() -> tuple[int, list[str]]:
    """How many lies were told about the code, and those no test noticed."""
    told, alive = 0, []
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        for name in ("engine", "cli", "gateway", "firmware_profiles", "fhir_bridge", "simulators", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        for target, tests in TARGETS.items():
            original = (ROOT / target).read_text(encoding="utf-8")
            if _ended(copy, tests) != 0:
                raise RuntimeError(f"the tests of {target} do not pass on what is true")
            for lie, text in code_mutants(original):
                told += 1
                (copy / target).write_text(text, encoding="utf-8")
                if _ended(copy, tests) != 1:
                    alive.append(f"{target}: {lie}")
            (copy / target).write_text(original, encoding="utf-8")
    return told, alive


def code_mutants(source: str) -> Iterator[tuple[str, str]]:
    """Each lie in words, with the text of the module that tells it."""
    count = sum(1 for _ in _places(ast.parse(source)))
    for number in range(count):
        tree = ast.parse(source)
        lie = list(_places(tree))[number]()
        yield lie, ast.unparse(ast.fix_missing_locations(tree))


def _places(tree: ast.AST) -> Iterator[_Lie]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from (_Turn(node, at) for at, op in enumerate(node.ops) if type(op) in _TURNED)
        elif isinstance(node, ast.BoolOp):
            yield _Swap(node)
        elif isinstance(node, ast.Call) and _is_decimal(node):
            yield from (_Move(node, step) for step in (-1, 1))


class _Turn:
    """A comparison turned into its neighbour."""

    def __init__(self, node: ast.Compare, at: int) -> None:
        self._node, self._at = node, at

    def __call__(self) -> str:
        before = ast.unparse(self._node)
        self._node.ops[self._at] = _TURNED[type(self._node.ops[self._at])]()
        return f"line {self._node.lineno}: {before} -> {ast.unparse(self._node)}"


class _Swap:
    """An `and` for an `or`, and the other way round."""

    def __init__(self, node: ast.BoolOp) -> None:
        self._node = node

    def __call__(self) -> str:
        before = ast.unparse(self._node)
        self._node.op = ast.Or() if isinstance(self._node.op, ast.And) else ast.And()
        return f"line {self._node.lineno}: {before} -> {ast.unparse(self._node)}"


class _Move:
    """A threshold one unit of its last digit off."""

    def __init__(self, node: ast.Call, step: int) -> None:
        self._node, self._step = node, step

    def __call__(self) -> str:
        before = ast.unparse(self._node)
        argument = self._node.args[0]
        assert isinstance(argument, ast.Constant)
        text = str(argument.value)
        places = len(text.partition(".")[2])
        moved = round(float(text) + self._step * 10**-places, places)
        self._node.args[0] = ast.Constant(f"{moved:.{places}f}")
        return f"line {self._node.lineno}: {before} -> {ast.unparse(self._node)}"


_Lie = _Turn | _Swap | _Move


def _is_decimal(node: ast.Call) -> bool:
    named = isinstance(node.func, ast.Name) and node.func.id == "Decimal"
    return named and len(node.args) == 1 and isinstance(node.args[0], ast.Constant)


def _ended(copy: Path, tests: tuple[str, ...]) -> int:
    """How the tests ended: 0 all passed, 1 one noticed; anything else proves nothing."""
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=_SECONDS, check=False)
    return ended.returncode
