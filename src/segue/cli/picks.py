"""Picks on the screen: the same table for every command that answers with tracks."""

from collections.abc import Sequence

from segue.cli.screen import table
from segue.types import Pick

__all__ = ["show_picks"]


def show_picks(title: str, picks: Sequence[Pick]) -> None:
    """Print picks as a numbered table with their reasons."""
    rows = [
        (number, pick.track.artist, pick.track.title, pick.track.album or "", round(pick.score, 2), pick.reason)
        for number, pick in enumerate(picks, 1)
    ]
    table(title, ["#", "artist", "title", "album", "score", "why"], rows)
