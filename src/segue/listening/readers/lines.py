"""Bytes to lines in bounded memory, whatever the bytes are.

A history may be a gigabyte, end in the middle of a letter, or be one endless line; none of that may stop or fill the
machine.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from segue.errors import UnreadableHistory

__all__ = ["lines", "unreadable_when_damaged"]

BLOCK_BYTES = 1 << 20
LONGEST_LINE_BYTES = 1 << 20
"""A listen takes a kilobyte; what is longer than this, and than the block it ends in, is no listen."""

_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError, RuntimeError)
# What zipfile lets through when its directory was tampered with.
_TAMPERED = (ValueError, OverflowError, struct.error)


@contextmanager
def unreadable_when_damaged(path: Path) -> Iterator[None]:
    """Whatever opening and unpacking a damaged file raises becomes one ``UnreadableHistory``."""
    try:
        yield
    except (*_DAMAGE, *_TAMPERED) as error:
        what = str(error) or type(error).__name__
        raise UnreadableHistory(
            f"{path} is damaged or incomplete ({what}): nothing was imported; download the export again"
        ) from error


def lines(stream: IO[bytes], path: Path, on_long_line: Callable[[int], None]) -> Iterator[list[bytes]]:
    """Lists of lines without their ends; joined they are the whole stream, in order.

    A byte order mark goes. A line over 2 MiB (some over 1 MiB) is told to ``on_long_line`` by its number, from 1, and
    stands as an empty line.
    """
    done, carried, skipping, first = 0, b"", False, True
    while True:
        with unreadable_when_damaged(path):
            block = stream.read(BLOCK_BYTES)
        if first:
            block, first = block.removeprefix(b"\xef\xbb\xbf"), False
        if not block:
            break
        end = block.rfind(b"\n")
        if end < 0:
            if not skipping:
                carried += block
                skipping = len(carried) > LONGEST_LINE_BYTES
            if skipping:
                carried = b""
            continue
        whole, carried = b"" if skipping else carried, block[end + 1 :]
        found = (whole + block[:end]).split(b"\n")
        if skipping:
            found[0], skipping = b"", False
            on_long_line(done + 1)
        yield found
        done += len(found)
    if skipping:
        on_long_line(done + 1)
    elif carried:
        yield [carried]
