"""Mean RGB traces of a face before a mirror, with a known pulse or none: what `engine.rppg` is measured on.

The model is the dichromatic one of Wang et al. 2017: each channel is its own DC level (lamp × skin) times one plus
small relative changes. The pulse changes the channels in the proportions of blood, light and movement change all of
them nearly alike, the sensor each for itself. Everything is drawn from the generator that is passed in.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

Array = NDArray[np.float64]
BAND: Final = (0.7, 4.0)
DROPPED: Final = 0.01
RATES: Final = (15.0, 20.0, 24.0, 25.0, 29.97, 30.0, 33.0, 60.0)
# Relative pulsatility of red, green, blue (de Haan & van Leest 2014); people and lamps move it by some 12 %.
BLOOD: Final = np.array([0.33, 0.77, 0.53])
# How much of red, green and blue skin returns, from light to dark (rough sRGB means of the Fitzpatrick types).
SKINS: Final = ((225, 180, 160), (205, 155, 130), (180, 125, 100), (140, 95, 70), (95, 62, 48), (65, 45, 38))


class PulseTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds, channels in camera counts; `rate` the true mean heart rate /min, None where there is none.

    `snr_db` is 10·log10 of pulse power over the power of everything else (movement, light, sensor), both taken from
    the relative green channel within 0.7-4 Hz before any processing.
    """

    seconds: tuple[float, ...]
    red: tuple[float, ...]
    green: tuple[float, ...]
    blue: tuple[float, ...]
    rate: float | None
    snr_db: float | None


def pulse_trace(rng: np.random.Generator, snr_db: float) -> PulseTrace:
    """One face with a pulse of 45-160 /min that drifts, at exactly `snr_db` in the green channel."""
    seconds = _times(rng)
    phase, rate = _beats(rng, seconds)
    pulse = np.outer(_wave(rng, phase), BLOOD * rng.normal(1, 0.12, 3)) * rng.uniform(0.002, 0.012)
    other = _nuisance(rng, seconds)
    other *= np.sqrt(_power(pulse[:, 1], seconds) / _power(other[:, 1], seconds)) * 10 ** (-snr_db / 20)
    return _film(rng, seconds, pulse + other, rate, snr_db)


def noise_trace(rng: np.random.Generator) -> PulseTrace:
    """The same room without a pulse: movement, light and sensor of any strength, a photograph before the mirror."""
    seconds = _times(rng)
    other = _nuisance(rng, seconds)
    strength = 10 ** rng.uniform(-3.3, -1.7)
    return _film(rng, seconds, other * strength / np.sqrt(_power(other[:, 1], seconds)), None, None)


def _times(rng: np.random.Generator) -> Array:
    """When the frames were taken: a nominal rate with jitter and one frame in a hundred dropped."""
    fps = float(rng.choice(RATES))
    count = int(rng.uniform(20, 60) * fps)
    moments = np.arange(count) / fps + rng.normal(0, 0.03, count) / fps
    kept = rng.random(count) > DROPPED
    kept[[0, -1]] = True
    return np.asarray(moments[kept], dtype=np.float64)


def _beats(rng: np.random.Generator, seconds: Array) -> tuple[Array, float]:
    """Phase of the heart (cycles) and its mean rate per minute: a trend, breathing and a wandering part."""
    base, trend = rng.uniform(45, 160), rng.uniform(-6, 6)
    span = seconds[-1] - seconds[0]
    breath = rng.uniform(0, 2.5) * np.sin(2 * np.pi * rng.uniform(0.15, 0.35) * seconds + rng.uniform(0, 6.28))
    steps = rng.normal(0, 1, len(seconds)) * np.sqrt(np.diff(seconds, prepend=seconds[0]).clip(0))
    wander = np.cumsum(steps) * 0.4
    rate = base + trend * ((seconds - seconds[0]) / span - 0.5) + breath + wander
    phase = np.concatenate([[0.0], np.cumsum(np.diff(seconds) * (rate[1:] + rate[:-1]) / 120)])
    return phase + rng.random(), float(60 * (phase[-1] - phase[0]) / span)


def _wave(rng: np.random.Generator, phase: Array) -> Array:
    """The pulse wave at `phase`, with a second and third harmonic, its height moving a little."""
    angle = 2 * np.pi * phase
    wave = np.sin(angle) + rng.uniform(0.15, 0.5) * np.sin(2 * angle + rng.uniform(0.2, 1.2))
    wave = wave + rng.uniform(0, 0.15) * np.sin(3 * angle + rng.uniform(0, 6.28))
    height = 1 + 0.15 * np.sin(
        2 * np.pi * rng.uniform(0.02, 0.3) * np.linspace(0, 60, len(phase)) + rng.uniform(0, 6.28)
    )
    return np.asarray(wave * height, dtype=np.float64)


def _nuisance(rng: np.random.Generator, seconds: Array) -> Array:
    """Relative changes (n × 3) that are no pulse, their parts mixed in random proportion."""
    parts = [
        _sway(rng, seconds),
        _steps(rng, seconds),
        _lamp(rng, seconds),
        _daylight(rng, seconds),
        _sensor(rng, seconds),
    ]
    weights = rng.dirichlet(np.full(len(parts), 0.7))
    total = np.zeros((len(seconds), 3))
    for weight, part in zip(weights, parts, strict=True):
        power = _power(part[:, 1], seconds)
        # The sensor and the lamp are what a band holds; slow parts may be many times larger outside it.
        total += part * np.sqrt(weight / max(power, float(np.var(part[:, 1])) / 400, 1e-30))
    return total


def _tint(rng: np.random.Generator, spread: float) -> Array:
    """Nearly the same change in all channels: surface reflection and brightness carry the lamp's colour."""
    return np.asarray(1 + rng.normal(0, spread, 3), dtype=np.float64)


def _sway(rng: np.random.Generator, seconds: Array) -> Array:
    """A body that sways slowly and sometimes nods or breathes within the band of the heart."""
    total = np.zeros((len(seconds), 3))
    for low, high, size in ((0.1, 0.6, 3.0), (0.5, 2.5, 1.0)):
        tempo = rng.uniform(low, high)
        wander = np.cumsum(rng.normal(0, 0.25, len(seconds)) * np.sqrt(np.gradient(seconds)))
        swing = np.sin(2 * np.pi * tempo * seconds + wander + rng.uniform(0, 6.28))
        total += np.outer(size * rng.random() * swing, _tint(rng, 0.04))
    return total


def _steps(rng: np.random.Generator, seconds: Array) -> Array:
    """The head moves to another place now and then, and the brightness with it within half a second."""
    total = np.zeros((len(seconds), 3))
    for _ in range(int(rng.integers(1, 6))):
        start = rng.uniform(seconds[0], seconds[-1])
        move = (1 + np.tanh((seconds - start) / rng.uniform(0.06, 0.6))) / 2
        total += np.outer(rng.normal(0, 1) * move, _tint(rng, 0.08))
    return total


def _lamp(rng: np.random.Generator, seconds: Array) -> Array:
    """Mains flicker of 100 or 120 Hz as the camera's frames catch it: aliased, often into the band."""
    mains = 2 * float(rng.choice([50.0, 60.0])) * (1 + rng.normal(0, 0.0005))
    wave = np.sin(2 * np.pi * mains * seconds + rng.uniform(0, 6.28))
    return np.outer(wave, _tint(rng, 0.08))


def _daylight(rng: np.random.Generator, seconds: Array) -> Array:
    """Clouds, a television, automatic exposure: slow changes of all channels."""
    steps = rng.normal(0, 1, len(seconds)) * np.sqrt(np.gradient(seconds))
    slow = np.cumsum(steps) + rng.uniform(0, 2) * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * seconds)
    return np.outer(slow, _tint(rng, 0.05))


def _sensor(rng: np.random.Generator, seconds: Array) -> Array:
    """White noise of each channel for itself; blue has the fewest photons."""
    return np.asarray(rng.normal(0, 1, (len(seconds), 3)) * np.array([1.0, 1.0, rng.uniform(1, 1.5)]), dtype=np.float64)


def _power(signal: Array, seconds: Array) -> float:
    """Power within the band, on an even grid."""
    fps = (len(seconds) - 1) / (seconds[-1] - seconds[0])
    even = np.interp(np.arange(seconds[0], seconds[-1], 1 / fps), seconds, signal)
    kept = sosfiltfilt(butter(4, BAND, "bandpass", fs=fps, output="sos"), even - even.mean())
    return float(np.mean(kept**2))


def _film(
    rng: np.random.Generator, seconds: Array, change: Array, rate: float | None, snr_db: float | None
) -> PulseTrace:
    skin = np.array(SKINS[int(rng.integers(len(SKINS)))]) * rng.uniform(0.7, 1.1)
    lamp = np.array([rng.uniform(0.9, 1.2), 1.0, rng.uniform(0.7, 1.1)])
    # No lamp dims a face by more than half within a minute: stronger rooms are turned down as a whole.
    change = change * min(1.0, 0.5 / float(np.abs(change).max()))
    red, green, blue = (skin * lamp * (1 + change)).T
    return PulseTrace(
        seconds=tuple(seconds.tolist()), red=tuple(red.tolist()), green=tuple(green.tolist()),
        blue=tuple(blue.tolist()), rate=rate, snr_db=snr_db,
    )  # fmt: skip
