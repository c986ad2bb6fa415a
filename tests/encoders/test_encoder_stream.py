"""The audio GRU on a live stream: pieces of any length give what the whole windows give."""

import numpy as np
import pytest

from segue.audio.mel import FRAMES, MELS
from segue.encoders.corpus import Corpus
from segue.encoders.gru import KERNEL, SoundGru, SoundGruSettings
from segue.encoders.training import Schedule

RNG = np.random.default_rng(4)
MUSIC = RNG.gamma(2, 1, (4, 3, FRAMES, MELS)).astype(np.float32)


@pytest.fixture(scope="module")
def gru() -> SoundGru:
    schedule = Schedule(2, tracks_per_batch=4, frames=64)
    return SoundGru.fit(Corpus(MUSIC, list("abcd")), SoundGruSettings(schedule, inputs=24, width=32), device="cpu")


@pytest.mark.parametrize("pieces", [(768,), (1,) * 30 + (738,), (3, 5, 250, 255, 255), (256, 256, 256), (700, 0, 68)])
def test_a_stream_in_pieces_equals_the_windows_at_once(gru: SoundGru, pieces: tuple[int, ...]) -> None:
    stream = MUSIC[0].reshape(-1, MELS)
    assert sum(pieces) == len(stream)
    state, heard = gru.start(), 0
    for length in pieces:
        state = gru.step(state, stream[heard : heard + length])
        heard += length
    np.testing.assert_allclose(gru.embedding(state), gru.encode(MUSIC[0]), atol=1e-5)


def test_an_earlier_state_can_be_followed_on_from(gru: SoundGru) -> None:
    stream = MUSIC[1].reshape(-1, MELS)
    early = gru.step(gru.start(), stream[:100])
    once = gru.embedding(gru.step(early, stream[100:300]))
    gru.step(early, stream[500:])
    assert gru.embedding(gru.step(early, stream[100:300])).tobytes() == once.tobytes()


def test_the_stream_says_something_within_a_window(gru: SoundGru) -> None:
    vector = gru.embedding(gru.step(gru.start(), MUSIC[0][0][:40]))
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert vector @ gru.encode(MUSIC[0]) < 0.9999


@pytest.mark.parametrize("frames", [0, KERNEL - 1])
def test_before_eight_frames_nothing_can_be_said(gru: SoundGru, frames: int) -> None:
    state = gru.step(gru.start(), MUSIC[0][0][:frames])
    with pytest.raises(ValueError, match="8 frames"):
        gru.embedding(state)
