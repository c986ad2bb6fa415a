"""Segue recommends music from what it sounds like and from what people do with it.

>>> import segue
>>> library = segue.open("/tmp/segue-doctest-home")
>>> library.tracks()
[]

Importing costs next to nothing: models and decoders are loaded when they are first used.
"""

from typing import TYPE_CHECKING, Any

from segue.errors import SegueError

if TYPE_CHECKING:
    from segue.library import Library, open  # noqa: A004

__all__ = ["Library", "SegueError", "open"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("Library", "open"):
        from segue import library

        return getattr(library, name)
    raise AttributeError(f"module 'segue' has no attribute {name!r}")
