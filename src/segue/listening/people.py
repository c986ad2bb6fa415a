"""Listeners: their names, and the rows behind them."""

import unicodedata

from sqlalchemy import Connection, select

from segue.errors import BadInput, NotFound
from segue.listening.mentions import insert_new
from segue.store.schema import listener

__all__ = ["clean_name", "keep_listener", "listener_id"]

LONGEST_NAME = 100


def clean_name(name: str) -> str:
    """A listener's name without spaces around it.

    Raises
    ------
    BadInput
        It is empty, longer than 100 characters, or holds control characters.

    Examples
    --------
    >>> clean_name(" ada ")
    'ada'
    """
    plain = unicodedata.normalize("NFC", name).strip()
    if not plain:
        raise BadInput("a listener's name can't be empty: give one, such as --listener ada")
    if len(plain) > LONGEST_NAME:
        raise BadInput(f"a listener's name has at most {LONGEST_NAME} characters, this one {len(plain)}: shorten it")
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in plain):
        raise BadInput(f"a listener's name holds no control characters, {plain!r} does: leave them out")
    return plain


def keep_listener(connection: Connection, name: str) -> int:
    """The id of the listener of this name, who is made when new."""
    plain = clean_name(name)
    connection.execute(insert_new(connection, listener).values(name=plain))
    return int(connection.execute(select(listener.c.id).where(listener.c.name == plain)).scalar_one())


def listener_id(connection: Connection, name: str) -> int:
    """The id of the listener of this name.

    Raises
    ------
    NotFound
        Nobody is called so; the message names those who are.
    """
    plain = clean_name(name)
    known = {row.name: int(row.id) for row in connection.execute(select(listener).order_by(listener.c.name))}
    if plain not in known:
        there = ", ".join(known) if known else "nobody yet"
        raise NotFound(
            f"no listener is called {plain!r}; there are: {there}; "
            f"import a history with 'segue import FILE --listener {plain}'"
        )
    return known[plain]
