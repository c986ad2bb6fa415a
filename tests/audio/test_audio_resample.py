"""The filter to 16 kHz at common and odd rates, and the mix of channels in every sample format."""

from fractions import Fraction
from itertools import pairwise

import av
import av.filter
import numpy as np
import pytest

from segue.audio.mel import RATE_HZ
from segue.audio.resample import FILTER_SAMPLES, Resampler, polyphase
from segue.errors import UnreadableAudio

RATES_HZ = (8_000, 11_025, 12_345, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 176_400)
SECONDS = 3
INSIDE = slice(FILTER_SAMPLES, RATE_HZ * SECONDS - FILTER_SAMPLES)


def tone(hz: float, rate_hz: int) -> np.ndarray:
    """float64 (samples,): three seconds."""
    return np.sin(2 * np.pi * hz * np.arange(rate_hz * SECONDS) / rate_hz)


def frame_of(sound: np.ndarray, rate_hz: int, form: str = "fltp", layout: str = "mono") -> av.AudioFrame:
    """A frame of floats (channels, samples) in any sample format, as FFmpeg converts them."""
    frame = av.AudioFrame.from_ndarray(sound.astype(np.float32), format="fltp", layout=layout)
    frame.sample_rate = rate_hz
    if form == "fltp":
        return frame
    (converted,) = av.AudioResampler(form, layout, rate_hz).resample(frame)
    return converted


def resampled(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    """All of it at once."""
    frame = frame_of(sound[None], rate_hz)
    resampler = Resampler(frame)
    resampler.push(frame)
    return resampler.finish()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_can_be_heard_at_both_rates_stays_as_it_is(rate_hz: int) -> None:
    hz = 0.42 * min(rate_hz, RATE_HZ)
    made = resampled(0.5 * tone(hz, rate_hz) + 0.3 * tone(440, rate_hz), rate_hz)
    assert len(made) == RATE_HZ * SECONDS
    off = made - (0.5 * tone(hz, RATE_HZ) + 0.3 * tone(440, RATE_HZ))
    assert 20 * np.log10(np.abs(off[INSIDE]).max()) < -92


@pytest.mark.parametrize("rate_hz", [rate for rate in RATES_HZ if rate > RATE_HZ])
def test_what_16_khz_can_not_hold_is_gone(rate_hz: int) -> None:
    for hz in (8_600, 0.45 * rate_hz):
        assert 20 * np.log10(np.abs(resampled(tone(hz, rate_hz), rate_hz)[INSIDE]).max()) < -92


def test_at_16_khz_nothing_changes() -> None:
    sound = np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    assert np.allclose(resampled(sound, RATE_HZ), sound, atol=1e-6)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_pieces_give_what_the_whole_gives_and_so_does_a_stretch(rate_hz: int) -> None:
    sound = np.random.default_rng(rate_hz).standard_normal(rate_hz * SECONDS + 77).astype(np.float32)
    whole = resampled(sound, rate_hz)
    resampler = Resampler(frame_of(sound[None], rate_hz))
    pieces = []
    for piece in np.array_split(sound, [1, 50, 51, 5_000, 30_000]):
        resampler.push(frame_of(piece[None], rate_hz))
        pieces.append(resampler.pull())
    assert np.allclose(np.concatenate([*pieces, resampler.finish()]), whole, atol=1e-5)
    step_in, step_out = resampler.step_in, resampler.step_out
    first, steps = -(-rate_hz // step_in), max(rate_hz // step_in, 1)
    resampler.push(frame_of(sound[None], rate_hz))
    resampler.drop(first * step_in)
    stretch = resampler.stretch(steps * step_in)
    expected = whole[first * step_out : (first + steps) * step_out]
    inside = slice(FILTER_SAMPLES, -FILTER_SAMPLES)
    assert np.allclose(stretch[inside], expected[inside], atol=1e-5)
    assert resampler.pending == len(sound) - (first + steps) * step_in


@pytest.mark.parametrize("form", ["u8", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp", "s64"])
@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_one_and_two_channels_are_mixed_as_ffmpeg_does(form: str, layout: str) -> None:
    channels = 1 if layout == "mono" else 2
    sound = np.random.default_rng(3).uniform(-0.9, 0.9, (channels, 8_000))
    frame = frame_of(sound, RATE_HZ, form, layout)
    graph = av.filter.Graph()
    links = [
        graph.add_abuffer(sample_rate=RATE_HZ, format=form, layout=layout, time_base=Fraction(1, RATE_HZ)),
        graph.add("aresample", "out_chlayout=mono:rematrix_maxval=1.0"),
        graph.add("aformat", "sample_fmts=flt:channel_layouts=mono"),
        graph.add("abuffersink"),
    ]
    for before, after in pairwise(links):
        before.link_to(after)
    graph.configure()
    graph.push(frame)
    expected = graph.pull().to_ndarray()[0]
    resampler = Resampler(frame)
    resampler.push(frame)
    assert np.allclose(resampler.finish(), expected, atol=2e-6)


def test_the_filter_of_a_rate_is_made_once() -> None:
    assert polyphase(44_100) is polyphase(44_100)
    assert (polyphase(44_100).step_in, polyphase(44_100).step_out) == (441, 160)


def test_a_rate_that_no_recording_has_is_refused_and_those_of_dsd_are_not() -> None:
    assert polyphase(2_822_400).step_out == 160
    for rate_hz in (999_983, 2_147_483_647):
        with pytest.raises(UnreadableAudio, match=str(rate_hz)):
            polyphase(rate_hz)
