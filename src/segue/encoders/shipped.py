"""The ears that come with the package: trained on open music, the same for everybody.

They lie beside this module in the form that ``Encoder.save`` writes. A library is heard with them unless it asks for
ears of its own, so that nobody has to train before the first answer, and twenty tracks are heard as well as 200,000.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from segue.encoders.contract import read_card
from segue.errors import DamagedHome, SegueError

if TYPE_CHECKING:
    from segue.encoders.joint import Ears

__all__ = ["shipped_ears", "shipped_place", "shipped_version"]


def shipped_place() -> Path:
    """The folder of the package with the weights and their card."""
    return Path(str(files("segue.encoders"))) / "weights" / "ears"


def shipped_version() -> str:
    """The name of the shipped weights: their checksum, so that other weights are another version.

    Raises
    ------
    SegueError
        The package is not whole.
    """
    try:
        named = read_card(shipped_place()).get("weights_blake2b")
    except DamagedHome as error:
        raise _broken(str(error)) from error
    if not isinstance(named, str):
        raise _broken(f"{shipped_place()} says nothing of its weights")
    return named


def shipped_ears() -> "Ears":
    """The shipped ears, read once a process. Copy them to change anything about them.

    Raises
    ------
    SegueError
        The package is not whole.
    """
    return _read(shipped_place(), shipped_version())


@cache
def _read(place: Path, version: str) -> "Ears":  # noqa: ARG001 (other weights in the same place are read anew)
    from segue.encoders.joint import Ears  # torch, which finding the weights does not need

    try:
        return Ears.load(place)
    except DamagedHome as error:
        raise _broken(str(error)) from error


def _broken(what: str) -> SegueError:
    # The remedy that an encoder names is for one in a home folder: this one comes back with the package.
    said = what.removesuffix(": train again with 'segue train'")
    return SegueError(f"{said}: install Segue again, or train ears of your own with 'segue train --from-scratch'")
