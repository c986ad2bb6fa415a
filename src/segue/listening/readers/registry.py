"""Which reader takes a file: the first that recognises its content. A new format is a new module and one name here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from segue.errors import UnreadableHistory
from segue.listening.readers import listenbrainz, named_columns
from segue.listening.readers.rows import Row
from segue.listening.readers.sample import Sample

__all__ = ["READERS", "Reader", "read_history"]


class Reader(Protocol):
    """What a format's module offers."""

    @property
    def NAME(self) -> str:  # noqa: N802 (a module's constant)
        """The format's short name, kept with every listen as its source."""

    @property
    def UNDERSTANDS(self) -> str:  # noqa: N802
        """What it reads, as a part of a sentence."""

    def recognises(self, sample: Sample) -> bool:
        """Whether a file that begins like this is of the format."""

    def read(self, path: Path) -> Iterator[Row]:
        """The rows of a recognised file, streamed; damage in the middle raises ``UnreadableHistory``."""


READERS: tuple[Reader, ...] = (listenbrainz, named_columns)

_NOT_YET = (
    ("a Spotify extended streaming history", (b'"ms_played"', b'"ts"')),
    ("a Spotify account streaming history", (b'"endTime"', b'"msPlayed"')),
    ("a JSON list of scrobbles", (b'"scrobbles"',)),
    ("a .scrobbler.log", (b"#AUDIOSCROBBLER/",)),
)
_NOT_YET_ZIPPED = ("Streaming_History", "StreamingHistory", "endsong")


def read_history(path: Path) -> tuple[str, Iterator[Row]]:
    """The format's name and the rows of a listening history.

    Raises
    ------
    NotFound
        There is no such file.
    UnreadableHistory
        It is no history that any reader understands. While rows are taken: the file is damaged.
    """
    sample = Sample.of(path)
    for reader in READERS:
        if reader.recognises(sample):
            return reader.NAME, reader.read(path)
    understood = "; ".join(reader.UNDERSTANDS for reader in READERS)
    for what, marks in _NOT_YET:
        if all(mark in sample.head for mark in marks):
            raise UnreadableHistory(f"{path} looks like {what}, which is not yet read; what is read: {understood}")
    if any(mark in name for name in sample.members or () for mark in _NOT_YET_ZIPPED):
        raise UnreadableHistory(
            f"{path} looks like a Spotify export, which is not yet read; what is read: {understood}"
        )
    raise UnreadableHistory(f"{path} is no listening history that is understood; what is read: {understood}")
