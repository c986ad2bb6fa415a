"""The encoders by name. A class is imported when it is first asked for, so that naming them costs nothing."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import DamagedHome, NotFound
from segue.progress import Progress, silent

if TYPE_CHECKING:
    from segue.encoders.contract import Encoder, Mels
    from segue.settings import Size

__all__ = ["ENCODERS", "load_encoder", "train_encoder"]


class _Encoders(Mapping[str, "type[Encoder]"]):
    _places = {  # noqa: RUF012  a constant
        "ears": ("joint", "Ears"),
        "autoencoder": ("autoencoder", "Autoencoder"),
        "gru": ("gru", "SoundGru"),
        "statistics": ("statistics", "MelStatistics"),
    }

    def __getitem__(self, name: str) -> "type[Encoder]":
        module, attribute = self._places[name]
        found: type[Encoder] = getattr(import_module(f"segue.encoders.{module}"), attribute)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


ENCODERS: Mapping[str, "type[Encoder]"] = _Encoders()
"""Every encoder; the first is the one a library is heard with unless another is asked for."""


def train_encoder(
    name: str,
    mels: "Mels",
    groups: Sequence[str],
    *,
    size: "Size" = "small",
    seed: int = 0,
    device: str = "auto",
    progress: Progress = silent,
) -> "Encoder":
    """The encoder of this name, trained on these log-mels (see ``Encoder.train``).

    Raises
    ------
    NotFound
        No encoder has this name.
    """
    if name not in ENCODERS:
        raise NotFound(f"no encoder is called {name!r}: choose {', '.join(ENCODERS)}")
    return ENCODERS[name].train(mels, groups, size=size, seed=seed, device=device, progress=progress)


def load_encoder(directory: Path) -> "Encoder":
    """The encoder saved in this folder, whichever it is.

    Raises
    ------
    DamagedHome
        The folder holds no encoder that can be read.
    """
    from segue.encoders.contract import read_card

    name = read_card(directory)["encoder"]
    if name not in ENCODERS:
        raise DamagedHome(
            f"{directory} holds an encoder {name!r} unknown to this version: train again with 'segue train'"
        )
    return ENCODERS[name].load(directory)
