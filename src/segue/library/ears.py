"""Which ears a library is heard with: those that come with Segue, the same trained on with its music, or its own.

Whichever they are, they are published in the home folder, so that everything after them knows one place, one version
and one kind of vectors. The fingerprint of what made them stands in the card: the same wish finds them again, whatever
was wished for in between, and a killed run goes on where it was.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from segue.errors import DamagedHome, NotReady
from segue.home import Home, write_text
from segue.progress import Progress
from segue.settings import Settings
from segue.store import Database
from segue.types import Track

if TYPE_CHECKING:
    from segue.encoders.contract import Encoder
    from segue.encoders.corpus import Corpus

__all__ = ["EARS", "Origin", "Report", "ears_for", "fingerprint_of"]

EARS = "ears"
SAMPLE = {"tiny": 100, "small": 500, "medium": 4_000, "large": 20_000}
"""Tracks that ears learn from; more bring less than their decoding costs."""

Origin = Literal["shipped", "adapted", "from scratch"]
Report = Mapping[str, Any]
"""What an adaptation was judged by: ``tracks`` (held out), ``before`` and ``after`` (see ``Scores``), ``kept``."""


def ears_for(
    home: Home, database: Database, tracks: Sequence[Track], settings: Settings, origin: Origin, progress: Progress
) -> tuple[Path, Report | None]:
    """The folder of the published ears, made now unless they were made before; and the report of an adaptation.

    Raises
    ------
    NotReady
        There is too little to learn from.
    """
    if origin == "shipped":
        return _shipped(home), None
    # Ids are hashes of the sound: the smallest ones are a sample that does not depend on order or names.
    sample = sorted(tracks, key=lambda track: track.id)[: SAMPLE[settings.size]]
    if origin == "adapted":
        return _adapted(home, database, sample, settings, progress)
    return _from_scratch(home, database, sample, settings, progress), None


def fingerprint_of(*parts: str | int | bytes) -> str:
    """A name for these parts: the same parts, the same name."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _shipped(home: Home) -> Path:
    from segue.encoders.shipped import shipped_ears, shipped_version

    fingerprint = fingerprint_of(EARS, "shipped", shipped_version())
    return _known(home, fingerprint) or _publish(home, shipped_ears(), fingerprint, "shipped")


def _adapted(
    home: Home, database: Database, sample: Sequence[Track], settings: Settings, progress: Progress
) -> tuple[Path, Report]:
    from segue.encoders.adapting import adapt
    from segue.encoders.contract import read_card
    from segue.encoders.shipped import shipped_ears, shipped_version

    ids = (track.id for track in sample)
    fingerprint = fingerprint_of(EARS, "adapted", shipped_version(), settings.size, settings.seed, *ids)
    known = _known(home, fingerprint)
    if known is not None:
        return known, read_card(known)["adapting"]
    # Ears that were no better leave no model behind, so that they were tried is noted elsewhere.
    note = home.cache / f"adapting-{fingerprint}.json"
    report: dict[str, Any] | None = None
    with suppress(OSError, ValueError):
        report = json.loads(note.read_text("utf-8"))
    if report is not None:
        return _shipped(home), report
    corpus = _corpus(home, database, sample, settings, progress)
    adapted = adapt(
        shipped_ears(), corpus, size=settings.size, seed=settings.seed, device=settings.device, progress=progress
    )
    report = {
        "tracks": adapted.tracks,
        "before": asdict(adapted.before),
        "after": asdict(adapted.after),
        "kept": adapted.kept,
    }
    if adapted.kept:
        return _publish(home, adapted.ears, fingerprint, "adapted", adapting=report), report
    write_text(note, json.dumps(report) + "\n")
    return _shipped(home), report


def _from_scratch(
    home: Home, database: Database, sample: Sequence[Track], settings: Settings, progress: Progress
) -> Path:
    from segue.encoders.registry import ENCODERS

    fingerprint = fingerprint_of(EARS, settings.size, settings.seed, *(track.id for track in sample))
    known = _known(home, fingerprint)
    if known is not None:
        return known
    corpus = _corpus(home, database, sample, settings, progress)
    kind = ENCODERS[EARS]
    encoder = kind.fit(
        corpus,
        kind.sized(settings.size),
        size=settings.size,
        seed=settings.seed,
        device=settings.device,
        progress=progress,
    )
    return _publish(home, encoder, fingerprint, "from scratch")


def _corpus(
    home: Home, database: Database, sample: Sequence[Track], settings: Settings, progress: Progress
) -> "Corpus":
    from segue.encoders.corpus import Corpus
    from segue.encoders.embedding import keep_mels

    mels = keep_mels(home, database, sample, workers=settings.workers, progress=progress)
    wanted = {track.id: track for track in sample}
    ids = mels.ids()
    rows = [row for row, track_id in enumerate(ids) if track_id in wanted]
    if not rows:
        raise NotReady("none of the tracks could be heard: 'segue doctor' says why")
    matrix = mels.matrix()
    groups = [_group(wanted[ids[row]]) for row in rows]
    return Corpus(matrix if len(rows) == len(matrix) else matrix[rows], groups, settings.seed)


def _known(home: Home, fingerprint: str) -> Path | None:
    """The newest published ears of this fingerprint that are whole."""
    from segue.encoders.contract import read_card
    from segue.encoders.registry import load_encoder

    for place in sorted((home.models / EARS).glob("[0-9]*"), reverse=True):
        with suppress(DamagedHome):  # damaged ones are made anew
            if read_card(place).get("fingerprint") == fingerprint:
                load_encoder(place)
                return place
    return None


def _publish(home: Home, encoder: "Encoder", fingerprint: str, origin: Origin, **said: Any) -> Path:
    named = copy(encoder)  # the shipped ones are everybody's
    named.card = {**encoder.card, "fingerprint": fingerprint, "origin": origin, **said}
    with home.publish(EARS) as directory:
        named.save(directory)
    published = home.latest(EARS)
    assert published is not None
    return published


def _group(track: Track) -> str:
    """What must not stand on both sides of a split: the album, or the artist of a track without one."""
    return f"{track.album_artist or ''}\0{track.album}" if track.album else f"\0{track.artist}"
