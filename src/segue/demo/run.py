"""The demo, step by step, through the same ``Library`` that everybody uses.

In: a home folder of the demo's own, and a person's music and history where they gave them. Out: tables in the terminal
and the page. A run that was killed goes on where it was; a run that had ended begins anew (the music is kept), so that
the same seed shows the same thing.
"""

import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.text import Text

from segue.demo import tables
from segue.demo.cards import comparisons_of, curves_of, facts_of
from segue.demo.evening import lessons, play
from segue.demo.listeners import simulate
from segue.demo.music import OWN_MUSIC, Source, fetch
from segue.demo.page import duration, write_page
from segue.demo.steps import Steps
from segue.demo.story import Sight, Story
from segue.errors import BadInput, NotFound
from segue.home import Home, write_text
from segue.library import Library
from segue.progress import Progress
from segue.settings import load_settings
from segue.types import Track

__all__ = ["run_demo"]

PICKS, SIMILAR, SIGHTS = 10, 5, 3
MOST_STYLES = 12
DAY_S = 86_400


def run_demo(
    home: Home,
    *,
    console: Console,
    music: Path | None = None,
    history: Path | None = None,
    page: Path = Path("segue-demo.html"),
    seed: int = 0,
) -> Path:
    """Do the whole way and write the page; the answer is the page's path.

    Parameters
    ----------
    home
        A home folder for the demo alone; what an earlier demo left in it is replaced.
    console
        Where tables and progress go.
    music
        A folder of music; None fetches openly licensed music.
    history
        A listening history in any format that Segue reads; None simulates listeners.
    page
        Where the page goes.
    seed
        Where randomness starts.

    Raises
    ------
    NotReady
        No music was given and this machine has no apt to fetch some with.
    BadInput
        The music, the history or the home folder can't be used.
    """
    for given in (music, history):
        if given is not None and not given.expanduser().exists():
            raise NotFound(f"{given} is not there: give a path that exists")
    began = datetime.now(UTC)
    until = _begin(home, music, history, seed, int(began.timestamp()))
    steps = Steps(console, 6 if music else 7)
    sources: tuple[Source, ...] = ()
    if music is None:
        with steps("fetching openly licensed music") as progress, home.changing("demo"):
            sources = fetch(home.cache, say=steps.say, progress=progress)
    folder = music.expanduser() if music else home.cache / "music"

    with Library(home, load_settings(home.settings_file, seed=seed)) as library:
        with steps("scanning") as progress:
            report = library.scan(folder, progress=progress)
        tracks = library.tracks()
        if not tracks:
            raise BadInput(f"there is no music that can be read in {folder}: {OWN_MUSIC}")
        styles, style_is = _styles(tracks, sources, home.cache / "music")
        tables.show_scanned(console, tracks, styles, style_is, _licences(sources))

        simulated = history is None
        name = "simulating listeners, importing their listens" if simulated else "importing your listens"
        with steps(name) as progress:
            listener, listeners = _listens(library, home, history, tracks, styles, until, seed, progress)
        listens = _heard(library)
        kind = f"listens of {listeners} simulated listeners" if simulated else "listens"
        steps.say(f"{listens:,} {kind}")

        with steps("hearing every track, learning from the listens") as progress:
            training = library.train(seed=seed, progress=progress)
        comparisons = comparisons_of(training.sound)
        facts = facts_of(training.sound, training.taste, listens=listens)
        tables.show_learning(console, comparisons, facts)

        at = int(time.time())
        with steps("recommending"):
            answer = library.recommend(listener, k=PICKS, at=at)
            model = answer.picks[0].track
            similar = tuple(library.similar(model, k=SIMILAR))
        who = f"{listener}, a simulated listener" if simulated else listener
        tables.show_picks(console, f"For {who} (basis: {answer.basis})", answer.picks, simulated=simulated)
        title = f"What sounds most like {model} (sound alone, no listener)"
        tables.show_picks(console, title, similar, simulated=False)

        with steps("playing a radio"):
            radio = play(library, listener, at, seed)
            vectors = library.vectors().matrix_for([track.id for track in tracks])
            sounds = dict(zip((track.id for track in tracks), vectors, strict=True))
            changed = lessons(radio, sounds, listens=listens // listeners)
        tables.show_radio(console, f"Radio for {who}", radio, simulated=simulated)
        for lesson in changed:
            steps.say(lesson + (" (simulated listener)" if simulated else ""))

        with steps("drawing the page"):
            story = Story(
                began=began,
                sources=sources,
                tracks=tuple(tracks),
                styles=tuple(styles),
                style_is=style_is,
                vectors=vectors,
                skipped=tuple((str(skipped.path), skipped.reason) for skipped in report.skipped),
                simulated=simulated,
                listener=listener,
                listeners=listeners,
                listens=listens,
                facts=facts,
                curves=curves_of(training.sound, training.taste, simulated=simulated),
                comparisons=comparisons,
                sights=_sights(library, tracks, styles),
                picks=tuple(answer.picks),
                basis=answer.basis,
                similar_to=model,
                similar=similar,
                radio=radio,
                lessons=changed,
                steps=steps.seconds,
                cores=_cores(),
                memory_mb=_peak_memory_mb(),
            )
            write_page(story, page)
    tables.show_steps(console, steps.seconds)
    _end(home)
    memory = f"; the largest process held {story.memory_mb:,.0f} MB" if story.memory_mb else ""
    console.print(Text(f"{duration(sum(steps.seconds.values()))} in all{memory}."), soft_wrap=True)
    console.print(Text(f"The page: {page.absolute().as_uri()}"), soft_wrap=True)
    return page


def _begin(home: Home, music: Path | None, history: Path | None, seed: int, now: int) -> int:
    """Make the home ready and say until when simulated listening goes; a killed run of the same demo goes on."""
    marker, state = home.root / "demo.json", None
    wanted = {"music": str(music) if music else None, "history": str(history) if history else None, "seed": seed}
    if marker.exists():
        with suppress(ValueError):
            state = json.loads(marker.read_text("utf-8"))
        if isinstance(state, dict) and state == {**wanted, "until": state.get("until"), "ended": False}:
            return int(state["until"])
    elif home.database.exists():
        raise BadInput(f"{home.root} holds a library that no demo made: give the demo a home folder of its own")
    for leftover in home.root.glob("segue.sqlite*"):
        leftover.unlink()
    for folder in (home.vectors, home.models, home.cache / "listeners"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    until = now // DAY_S * DAY_S
    write_text(marker, json.dumps({**wanted, "until": until, "ended": False}))
    return until


def _end(home: Home) -> None:
    marker = home.root / "demo.json"
    write_text(marker, json.dumps({**json.loads(marker.read_text("utf-8")), "ended": True}))


def _styles(tracks: Sequence[Track], sources: Sequence[Source], folder: Path) -> tuple[list[str], str]:
    """One style a track (the package's; for a person's own music the genre, else the artist), and what it is."""
    if sources:
        by_folder = {folder / source.title: source.style for source in sources}
        return [by_folder.get(track.path.parent, "other") if track.path else "other" for track in tracks], "style"
    tagged = sum(bool(track.genres) for track in tracks) >= len(tracks) / 2
    names = [(track.genres[0] if track.genres else "no genre") if tagged else track.artist for track in tracks]
    common = {name for name, _ in Counter(names).most_common(MOST_STYLES - 1)}
    if len(set(names)) > MOST_STYLES:
        names = [name if name in common else "other" for name in names]
    return names, "genre" if tagged else "artist"


def _licences(sources: Sequence[Source]) -> dict[str, str]:
    """The licences of each style's music."""
    styles = dict.fromkeys(source.style for source in sources)
    return {
        style: ", ".join(dict.fromkeys(source.licence for source in sources if source.style == style))
        for style in styles
    }


def _listens(
    library: Library,
    home: Home,
    history: Path | None,
    tracks: Sequence[Track],
    styles: Sequence[str],
    until: int,
    seed: int,
    progress: Progress,
) -> tuple[str, int]:
    """Take listens in; the listener who is recommended to, and how many there are."""
    if history is not None:
        library.listen(history, listener="me", progress=progress)
        return "me", 1
    # A listen names its track by artist and title: a track without an artist could not be found again.
    named = [row for row, track in enumerate(tracks) if track.artists] or range(len(tracks))
    files = simulate(
        [tracks[row] for row in named],
        [styles[row] for row in named],
        home.cache / "listeners",
        until=until,
        seed=seed,
    )
    for done, file in enumerate(files, 1):
        library.listen(file, listener=file.stem)
        progress("simulated listeners", done, len(files))
    return files[0].stem, len(files)


def _heard(library: Library) -> int:
    """The number of listens the library knows."""
    from segue.listening.history import load_events, track_ids

    return len(load_events(library.database, track_ids(library.database)))


def _sights(library: Library, tracks: Sequence[Track], styles: Sequence[str]) -> tuple[Sight, ...]:
    """A window of a few tracks, each of another style, beside the autoencoder's drawing of it."""
    from segue.audio.listen import mel_windows

    encoder = library.encoder()
    draw = getattr(encoder, "reconstruct", None)
    if draw is None:
        return ()
    chosen: dict[str, Track] = {}
    for track, style in sorted(zip(tracks, styles, strict=True), key=lambda pair: pair[0].id):
        if track.path is not None:
            chosen.setdefault(style, track)
    sights = []
    common = [style for style, _ in Counter(styles).most_common() if style in chosen]
    for style in common[:SIGHTS]:
        path = chosen[style].path
        assert path is not None
        windows = mel_windows(path)
        middle = len(windows) // 2
        drawn = draw(windows[middle : middle + 1])[0]
        sights.append(Sight(chosen[style], np.asarray(windows[middle], np.float32), np.asarray(drawn, np.float32)))
    return tuple(sights)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _peak_memory_mb() -> float | None:
    """The most memory that this process, or the largest of its children, has held, where the system tells."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) * unit / 1e6
