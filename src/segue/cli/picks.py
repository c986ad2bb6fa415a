"""Picks on the screen: the same table for every command that answers with tracks."""

from collections.abc import Sequence

from segue.cli.screen import table
from segue.types import Pick

__all__ = ["show_picks"]


def show_picks(title: str, picks: Sequence[Pick]) -> None:
    """Print picks as a numbered table, each with its reason below it."""
    rows = []
    for number, pick in enumerate(picks, 1):
        album = f" ({pick.track.album})" if pick.track.album else ""
        rows.append((number, f"{pick.track}{album}\n    {pick.reason}", round(pick.score, 2)))
    table(title, ["#", "track, and why", "score"], rows)
