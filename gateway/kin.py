"""Children that do not outlive their parent."""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def last_wish(number: signal.Signals = signal.SIGTERM) -> Callable[[], None]:
    """What a child calls first: the kernel then sends it `number` when its parent dies, however that dies (Linux).

    Made before the fork, so that the child does one system call and loads nothing.
    """
    if sys.platform != "linux":
        return lambda: None
    control = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: control(_PR_SET_PDEATHSIG, number, 0, 0, 0)
