"""The beginning of a file: enough to tell its format, whatever it is called."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from segue.errors import NotFound, UnreadableHistory
from segue.listening.readers.lines import unreadable_when_damaged

__all__ = ["Sample"]

HEAD_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Sample:
    """What readers are shown.

    Attributes
    ----------
    head
        The first 64 KiB, without a byte order mark.
    members
        The names in the archive when the file is a zip, else None.
    """

    head: bytes
    members: tuple[str, ...] | None = None

    @classmethod
    def of(cls, path: Path) -> Self:
        """The sample of one file.

        Raises
        ------
        NotFound
            Nothing is there.
        UnreadableHistory
            It is a folder, can't be opened, is empty, or is a damaged or locked zip.
        """
        if path.is_dir():
            raise UnreadableHistory(f"{path} is a folder: give one file of a listening history")
        try:
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(f"there is no file {path}: check the name") from error
        except (OSError, ValueError) as error:
            raise UnreadableHistory(f"{path} can't be opened ({error}): check the file") from error
        if not head:
            raise UnreadableHistory(f"{path} is empty: download the export again")
        members = None
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            with unreadable_when_damaged(path), zipfile.ZipFile(path) as archive:
                members = tuple(archive.namelist())
                locked = any(entry.flag_bits & 1 for entry in archive.infolist())
            if locked:
                raise UnreadableHistory(f"{path} is locked with a password: unpack it and zip it without one")
        return cls(head.removeprefix(b"\xef\xbb\xbf"), members)

    @property
    def lines(self) -> list[bytes]:
        """The whole lines of the head (the last one only if nothing else is there)."""
        lines = self.head.split(b"\n")
        return lines[:-1] if len(lines) > 1 and len(self.head) > HEAD_BYTES - 4 else lines
