"""A child process of a harness: its first line, and its end."""

from __future__ import annotations

import select
import signal
import subprocess

STOP_SECONDS = 10.0


def end_child(child: subprocess.Popen[str] | None, how: signal.Signals) -> None:
    """End a child with `how`, unkindly after ten seconds, and close its pipes."""
    if child is None:
        return
    child.send_signal(how)
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            pipe.close()


def first_line(child: subprocess.Popen[str], seconds: float) -> str:
    """What the child says first, "" when it says nothing within `seconds`."""
    if child.stdout is None or not select.select([child.stdout], [], [], seconds)[0]:
        return ""
    return child.stdout.readline()
