"""How long work tells that it moves: one callable, so that rooms below need not know who watches."""

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called with a stage's name, the units done, and all units (None while unknown)."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Report that ``done`` of ``total`` units of ``stage`` are finished."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Say nothing: the default watcher."""
