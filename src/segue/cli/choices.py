"""The fixed choices of options, as typer needs them."""

from enum import StrEnum

__all__ = ["Size"]


class Size(StrEnum):
    """The dial ``--size``."""

    tiny = "tiny"
    small = "small"
    medium = "medium"
    large = "large"
