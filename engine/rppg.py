"""Heart rate out of a face's mean colours: plane-orthogonal-to-skin, with a figure of how far to trust it.

Method: Wang, den Brinker, Stuijk, de Haan, "Algorithmic principles of remote PPG", IEEE TBME 64(7), 2017 (POS), the
signature of blood after de Haan, van Leest, Physiol. Meas. 35, 2014, and the spectral share after de Haan, Jeanne,
"Robust pulse rate from chrominance-based rPPG", IEEE TBME 60(10), 2013. The result is never more than preliminary:
it is shown to the person it was taken from and goes no further, whatever its quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from engine.refusal import Refusal

Array = NDArray[np.float64]
BAND: Final = (0.7, 4.0)
SLOWEST: Final = 15.0
# Faster cameras add work, not knowledge: no pulse has anything above 15 Hz.
FASTEST: Final = 30.0
SHORTEST, LONGEST = 20.0, 60.0
GAP: Final = 0.5
FURTHEST: Final = 1e12
CONTRAST: Final = 1000.0
POS_WINDOW: Final = 1.6
# Half width in Hz in which a rate may wander within one trace (± 7 /min), twice that at the second harmonic.
LINE: Final = 0.12
PART: Final = 8.0
PART_SPREAD: Final = 0.2
FFT: Final = 4096
# Below this quality a rate is not shown; chosen on synthetic faces and rooms, see tests/unit/engine/test_rppg.py.
PASSES: Final = 0.52
# Share of blood's colour in its brightness: light and movement have nearly none, an odd lamp has more.
COLOUR: Final = (0.10, 0.16, 0.75, 1.10)
LIKENESS: Final = (0.75, 0.88)
_BLOOD: Final = np.array([0.33, 0.77, 0.53])
_WHITE: Final = np.ones(3) / np.sqrt(3)


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """Mean colours of a face's skin, in any unit that is proportional to light, at `seconds`."""

    seconds: Sequence[float]
    red: Sequence[float]
    green: Sequence[float]
    blue: Sequence[float]


class Pulse(msgspec.Struct, frozen=True, kw_only=True):
    """A heart rate per minute with its quality 0..1; `passes` False means nothing may be shown.

    `preliminary` is always true: no advice, no push to others and no statistics may come from it.
    """

    rate: float
    quality: float
    passes: bool
    preliminary: bool = True


class _Spectra:
    """The pulse wave and the three relative channels by frequency; `power` is the wave's, 0 where no heart beats."""

    def __init__(self, fps: float, wave: Array, relative: Array) -> None:
        self.fps, self.wave = fps, wave
        self.grid = np.asarray(np.fft.rfftfreq(FFT, 1 / fps), dtype=np.float64)
        self.inside = (self.grid >= BAND[0]) & (self.grid <= BAND[1])
        self.pulse, self.colours = _spectrum(wave), _spectrum(relative)
        self.power = np.asarray(np.abs(self.pulse) ** 2 * self.inside, dtype=np.float64)

    def near(self, frequency: float, width: float) -> NDArray[np.bool_]:
        """Which frequencies lie within `width` of `frequency`, in Hz."""
        return np.abs(self.grid - frequency) <= width


def heart_rate(trace: Trace) -> Pulse | Refusal:
    """The heart rate in `trace`, or why it cannot be looked for.

    Codes: trace-shape, trace-time, trace-short, trace-long, trace-slow, trace-gap, trace-dark.
    """
    taken = _even(trace)
    if isinstance(taken, Refusal):
        return taken
    colours, fps = taken
    wave = _band(_pos(colours, fps), fps)
    if not np.isfinite(wave).all() or float(np.std(wave)) < 1e-12:  # noqa: PLR2004 - a picture that never changes
        return Pulse(rate=0.0, quality=0.0, passes=False)
    relative = _band(colours / _level(colours, fps) - 1, fps)
    spectra = _Spectra(fps, wave, relative)
    line = _line(spectra)
    share, agreement, coherence = _share(spectra, line), _agreement(spectra, line), _coherence(spectra, line)
    # Coherence counts twice: it is what noise, a lamp and a moving head imitate least.
    quality = (share * agreement * coherence**2) ** 0.25 * _signature(spectra, line)
    return Pulse(rate=round(60 * line, 1), quality=round(quality, 3), passes=quality >= PASSES)


def _even(trace: Trace) -> tuple[Array, float] | Refusal:
    """The colours (n × 3) on an even grid, and its frames per second."""
    seconds = np.asarray(trace.seconds, dtype=np.float64)
    colours = [np.asarray(channel, dtype=np.float64) for channel in (trace.red, trace.green, trace.blue)]
    fault = _fault(seconds, colours)
    if fault is not None:
        return fault
    fps = min((len(seconds) - 1) / (seconds[-1] - seconds[0]), FASTEST)
    grid = np.arange(seconds[0], seconds[-1], 1 / fps)
    return np.stack([np.interp(grid, seconds, channel / channel.max()) for channel in colours], axis=1), fps


def _fault(seconds: Array, colours: list[Array]) -> Refusal | None:
    shapes = {channel.shape for channel in (seconds, *colours)}
    if len(shapes) != 1 or seconds.ndim != 1 or len(seconds) < 2:  # noqa: PLR2004
        return Refusal("trace-shape", "a trace is four columns of the same length: t, r, g, b")
    if not all(np.isfinite(channel).all() for channel in (seconds, *colours)):
        return Refusal("trace-shape", "a trace holds numbers only")
    if np.abs(seconds).max() > FURTHEST or (np.diff(seconds) <= 0).any():
        return Refusal("trace-time", "times are seconds that rise from row to row")
    steps = np.diff(seconds)
    span = float(seconds[-1] - seconds[0])
    faults = {
        ("trace-short", f"at least {SHORTEST:.0f} s are needed"): span < SHORTEST - 0.5,
        ("trace-long", f"at most {LONGEST:.0f} s at once: a rate changes"): span > LONGEST + 0.5,
        # A camera of nominally 15 frames loses some.
        ("trace-slow", f"at least {SLOWEST:.0f} pictures a second are needed"): len(steps) / span < SLOWEST - 0.75,
        ("trace-gap", f"no gap may be longer than {GAP} s"): float(steps.max()) > GAP,
        ("trace-dark", "every colour must be brighter than nothing, and no picture a thousand times another"): any(
            channel.min() <= 0 or channel.max() / CONTRAST > channel.min() for channel in colours
        ),
    }
    return next((Refusal(*words) for words, is_so in faults.items() if is_so), None)


def _pos(colours: Array, fps: float) -> Array:
    """The pulse wave: each short window divided by its own mean and projected across the skin tone, overlap-added."""
    width = int(np.ceil(POS_WINDOW * fps))
    windows = sliding_window_view(colours, width, axis=0)
    red, green, blue = np.moveaxis(windows / windows.mean(axis=2, keepdims=True), 1, 0)
    first, second = green - blue, green + blue - 2 * red
    tuned = first + (first.std(axis=1) / np.maximum(second.std(axis=1), 1e-12))[:, None] * second
    tuned -= tuned.mean(axis=1, keepdims=True)
    wave = np.zeros(len(colours))
    for place in range(width):
        wave[place : place + len(tuned)] += tuned[:, place]
    return wave


def _band(signal: Array, fps: float) -> Array:
    return np.asarray(sosfiltfilt(butter(3, BAND, "bandpass", fs=fps, output="sos"), signal, axis=0), dtype=np.float64)


def _level(colours: Array, fps: float) -> Array:
    """The slow level of each channel: a moving mean over two seconds."""
    half = int(fps)
    padded = np.pad(colours, ((half + 1, half), (0, 0)), mode="edge").cumsum(axis=0)
    return np.asarray((padded[2 * half + 1 :] - padded[: -2 * half - 1]) / (2 * half + 1), dtype=np.float64)


def _spectrum(signal: Array) -> NDArray[np.complex128]:
    window = np.hanning(len(signal))
    shaped = (signal.T * window).T
    return np.asarray(np.fft.rfft(shaped, FFT, axis=0), dtype=np.complex128)


def _line(spectra: _Spectra) -> float:
    """The heart's mean frequency in Hz: the centre of the strongest line."""
    grid, power = spectra.grid, spectra.power
    near = np.abs(grid - grid[power.argmax()]) <= LINE
    return float((grid * power)[near].sum() / power[near].sum())


def _share(spectra: _Spectra, line: float) -> float:
    """How much of the band's power lies at the rate and its double."""
    near = spectra.near(line, LINE) | spectra.near(2 * line, 2 * LINE)
    return float(spectra.power[near].sum() / spectra.power.sum())


def _agreement(spectra: _Spectra, line: float) -> float:
    """In how many of the overlapping eight-second parts the strongest line is the same."""
    width = int(PART * spectra.fps)
    starts = range(0, len(spectra.wave) - width + 1, width // 2)
    parts = np.stack([spectra.wave[start : start + width] for start in starts], axis=1)
    power = np.abs(_spectrum(parts)) ** 2 * spectra.inside[:, None]
    return float(np.mean(np.abs(spectra.grid[power.argmax(axis=0)] - line) < PART_SPREAD))


def _coherence(spectra: _Spectra, line: float) -> float:
    """How far brightness and pulse wave move together at the rate: blood changes both, noise and light do not."""
    near = spectra.near(line, LINE)
    bright, pulse = spectra.colours[near] @ _WHITE, spectra.pulse[near]
    both = float(np.sqrt((np.abs(bright) ** 2).sum() * (np.abs(pulse) ** 2).sum()))
    return float(np.abs((bright * pulse.conj()).sum()) / both) if both > 0 else 0.0


def _signature(spectra: _Spectra, line: float) -> float:
    """1 when the channels change at the rate as blood makes them, 0 when they change as light or movement does."""
    near = spectra.near(line, LINE)
    change = (spectra.colours[near] * spectra.pulse[near].conj()[:, None]).sum(axis=0).real
    brightness = float(change @ _WHITE)
    colour, blood = change - brightness * _WHITE, _BLOOD - (_BLOOD @ _WHITE) * _WHITE
    size = float(np.linalg.norm(colour))
    if brightness <= 0 or size <= 0:
        return 0.0
    likeness = float(colour @ blood / (size * np.linalg.norm(blood)))
    ratio = size / brightness
    rises, falls = np.interp(ratio, COLOUR[:2], (0, 1)), np.interp(ratio, COLOUR[2:], (1, 0))
    return float(np.interp(likeness, LIKENESS, (0, 1)) * rises * falls)
