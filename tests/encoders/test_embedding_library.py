"""Every track of a library gets its vector once, whatever happens on the way."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import insert

from segue.audio.listen import SHAPE, mel_windows
from segue.encoders import hearing
from segue.encoders.embedding import KEPT, embed_tracks, keep_mels, load_vectors, unheard_tracks
from segue.encoders.rows import RowStore
from segue.encoders.search import Vectors
from segue.encoders.statistics import MelStatistics
from segue.errors import DamagedHome, NotReady, SegueError
from segue.home import Home
from segue.store import Database
from segue.store.schema import unheard
from segue.types import Track

MakeSound = Callable[..., Path]


@pytest.fixture(scope="module")
def tracks(make_sound: MakeSound, tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    """Twelve tracks, not in order of their ids; 05 is silent."""
    folder = tmp_path_factory.mktemp("music")
    found = []
    for i in (7, 3, 11, 0, 5, 9, 1, 2, 10, 4, 8, 6):
        samples = np.zeros((1, 32_000), np.float32) if i == 5 else None
        frequencies = (200.0 + 150 * i, 3_000.0 - 100 * i)
        path = folder / f"{i:02d}.wav"
        make_sound(path, seconds=2, rate_hz=16_000, channels=1, frequencies=frequencies, noise=i, samples=samples)
        found.append(Track(f"{i:02d}", f"Track {i}", path=path))
    return found


@pytest.fixture(scope="module")
def encoder(tracks: list[Track]) -> MelStatistics:
    mels = np.stack([mel_windows(track.path) for track in tracks if track.path and track.id != "05"])
    return MelStatistics.train(mels, [str(row) for row in range(len(mels))])


class Place:
    """A home with an encoder in it."""

    def __init__(self, folder: Path, encoder: MelStatistics | None = None) -> None:
        self.home = Home(folder)
        self.database = Database(self.home.database)
        self.ears = self.home.models / "statistics" / "0001"
        if encoder is not None:
            self.publish(encoder)

    def publish(self, encoder: MelStatistics) -> None:
        with self.home.publish("statistics") as directory:
            encoder.save(directory)

    def embed(self, tracks: list[Track], workers: int = 1) -> Vectors:
        return embed_tracks(self.home, self.database, self.ears, tracks, workers=workers)


@pytest.fixture
def place(tmp_path: Path, encoder: MelStatistics) -> Iterator[Place]:
    found = Place(tmp_path / "home", encoder)
    yield found
    found.database.close()


HEARD = [f"{i:02d}" for i in range(12) if i != 5]


def test_what_was_heard_is_kept_in_order_of_ids(place: Place, tracks: list[Track]) -> None:
    kept = keep_mels(place.home, place.database, tracks, workers=2)
    assert kept.ids() == HEARD
    assert kept.matrix().shape == (11, *SHAPE)
    assert kept.matrix().dtype == np.float16
    paths = {track.id: track.path for track in tracks}
    for row, track_id in enumerate(HEARD):
        path = paths[track_id]
        assert path is not None
        assert np.array_equal(kept.matrix()[row], mel_windows(path))
    assert unheard_tracks(place.database) == {"05": "it is silent"}


def test_vectors_do_not_depend_on_how_they_came_about(
    place: Place, tracks: list[Track], encoder: MelStatistics, tmp_path: Path
) -> None:
    straight = place.embed(tracks, workers=2)
    assert straight.ids == tuple(HEARD)
    assert not (place.home.vectors / KEPT).exists()  # log-mels are kept only for an encoder to be trained on
    other = Place(tmp_path / "other", encoder)
    keep_mels(other.home, other.database, tracks[:4], workers=1)
    other.embed(tracks[3:6])
    piecemeal = other.embed(tracks)
    assert sorted(piecemeal.ids) == HEARD
    assert np.array_equal(piecemeal.matrix_for(HEARD), straight.matrix)
    other.database.close()
    for track in tracks:
        if track.id != "05":
            assert track.path is not None
            alone = encoder.encode(mel_windows(track.path))
            assert np.array_equal(straight.matrix_for([track.id])[0], alone)
            assert straight.search(alone, 1)[0][0] == track.id
    assert np.allclose(np.linalg.norm(straight.matrix, axis=1), 1)
    loaded = load_vectors(place.home, place.database, place.ears)
    assert loaded.ids == straight.ids
    assert np.array_equal(loaded.matrix, straight.matrix)


def test_what_is_done_is_not_done_again(place: Place, tracks: list[Track]) -> None:
    gone = [Track(track.id, track.title, path=Path("/nowhere") / f"{track.id}.wav") for track in tracks]
    keep_mels(place.home, place.database, tracks[:6], workers=1)
    told: list[tuple[str, int | None]] = []
    keep_mels(place.home, place.database, gone[:6], workers=1, progress=lambda *said: told.append((said[0], said[2])))
    assert told == [("listening", 0)]
    vectors = place.embed(gone[:6])
    assert set(vectors.ids) == {track.id for track in tracks[:6]} - {"05"}
    before = vectors.matrix.copy()
    assert np.array_equal(place.embed(gone).matrix, before)


def test_a_file_that_is_away_is_heard_when_it_is_back(place: Place, tracks: list[Track], tmp_path: Path) -> None:
    away = Track("away", "Away", path=tmp_path / "away.wav")
    unknown = Track("unknown", "Known from listening")
    assert place.embed([away, unknown]).ids == ()
    assert unheard_tracks(place.database) == {}
    assert tracks[0].path is not None
    (tmp_path / "away.wav").write_bytes(tracks[0].path.read_bytes())
    assert place.embed([away, unknown]).ids == ("away",)


def test_a_track_that_gives_no_sound_is_not_tried_twice(place: Place, tracks: list[Track], tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"no sound")
    track = Track("a", "A", path=path)
    keep_mels(place.home, place.database, [track], workers=1)
    assert unheard_tracks(place.database) == {"a": "not a sound file, or a damaged one"}
    assert tracks[0].path is not None
    path.write_bytes(tracks[0].path.read_bytes())
    assert place.embed([track]).ids == ()


def test_a_track_that_has_a_row_is_no_longer_unheard(place: Place, tracks: list[Track]) -> None:
    keep_mels(place.home, place.database, tracks[:1], workers=1)
    with place.database.writing() as connection:
        connection.execute(insert(unheard), [{"track_id": tracks[0].id, "reason": "it was"}])
    place.embed(tracks[:1])
    assert unheard_tracks(place.database) == {}


def test_vectors_of_other_weights_are_refused_and_made_anew(place: Place, tracks: list[Track]) -> None:
    """A model folder deleted by hand lets its version be given again."""
    first = place.embed(tracks[:6]).matrix.copy()
    mels = np.stack([mel_windows(track.path) for track in tracks[6:9] if track.path])
    other = MelStatistics.train(mels, ["a", "b", "c"])
    shutil.rmtree(place.ears)
    place.publish(other)
    with pytest.raises(DamagedHome, match=r"statistics-0001 holds the vectors of other weights than .*segue train"):
        load_vectors(place.home, place.database, place.ears)
    second = place.embed(tracks[:6])
    assert second.matrix.shape == first.shape
    assert not np.allclose(second.matrix, first)
    assert np.array_equal(load_vectors(place.home, place.database, place.ears).matrix, second.matrix)


def test_an_encoder_that_is_damaged_is_not_blamed_on_the_files(place: Place, tracks: list[Track]) -> None:
    with (place.ears / "weights.safetensors").open("r+b") as file:
        file.write(b"\xff" * 8)
    for workers in (1, 2):
        with pytest.raises(DamagedHome, match="does not hold what was saved"):
            place.embed(tracks, workers=workers)
    assert unheard_tracks(place.database) == {}


def test_a_worker_that_can_not_read_the_encoder_ends_the_run(place: Place) -> None:
    (place.ears / "card.json").unlink()
    answer = hearing._served(bytes(place.ears) + b"\0" + b"a.wav")
    with pytest.raises(SegueError, match=r"card\.json can't be read"):
        hearing._heard(b"a.wav", answer)


def test_nothing_embedded_is_not_ready(place: Place) -> None:
    with pytest.raises(NotReady, match="segue train"):
        load_vectors(place.home, place.database, place.home.models / "ears" / "0001")


LISTENER = """
import sys
from pathlib import Path
from segue.encoders import embedding
from segue.home import Home
from segue.store import Database
from segue.types import Track

embedding.BATCH_TRACKS = 2
home = Home(sys.argv[2])
tracks = [Track(path.stem, path.stem, path=path) for path in map(Path, sys.argv[3:])]
database = Database(home.database)
print("ready", flush=True)
if sys.argv[1] == "log_mel":
    embedding.keep_mels(home, database, tracks, workers=1)
else:
    embedding.embed_tracks(home, database, home.models / "statistics" / "0001", tracks, workers=1)
"""


@pytest.mark.parametrize(("kind", "row"), [(KEPT, SHAPE), ("statistics-0001", None)])
def test_a_killed_run_goes_on_to_the_same_bits(
    tracks: list[Track], encoder: MelStatistics, tmp_path: Path, kind: str, row: tuple[int, ...] | None
) -> None:
    Place(tmp_path / "killed", encoder).database.close()
    paths = [str(track.path) for track in tracks]
    lengths: list[int] = []
    for wait_s in (0.02, 0.05, 0.08, None):
        with subprocess.Popen(
            [sys.executable, "-c", LISTENER, kind, str(tmp_path / "killed"), *paths], stdout=subprocess.PIPE
        ) as run:
            assert run.stdout is not None
            assert run.stdout.readline() == b"ready\n"
            if wait_s is not None:
                time.sleep(wait_s)
                run.send_signal(signal.SIGKILL)
        place = Place(tmp_path / "killed")
        with suppress(NotReady):  # killed before the first row
            kept = RowStore.open(place.database, place.home.vectors, kind)
            assert kept.shape == (row or (encoder.dim,))
            lengths.append(len(kept))
        place.database.close()
    straight = Place(tmp_path / "straight", encoder)
    if kind == KEPT:
        keep_mels(straight.home, straight.database, tracks, workers=1)
    else:
        straight.embed(tracks)
    straight.database.close()
    assert lengths[-1] == len(HEARD)
    assert any(length < len(HEARD) for length in lengths), "it was killed on its way"
    file = Path("vectors") / kind / "rows.bin"
    assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "straight" / file).read_bytes()
