"""Identity and tags of many files at once, in order, by several polite processes.

Paths flow in, ``Reading`` flows out in the same order. The processes are those of ``segue.crew``
(``python -m segue.catalogue.reading``), and answer in JSON; where a file brings one down, that is its problem.
"""

import json
import os
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segue.catalogue.identity import Identity, identify
from segue.catalogue.tags import Tags, read_tags
from segue.crew import Lost, answers, serve
from segue.errors import UnreadableAudio

__all__ = ["Reading", "read", "read_many"]

AHEAD = 32
"""Files given out for each worker before their turn to be handed on: a big one does not hold the small ones up."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file is and says, or ``problem``: why it can't be used."""

    path: bytes
    identity: Identity | None = None
    tags: Tags | None = None
    problem: str | None = None


def read(path: bytes) -> Reading:
    """One file, in this process."""
    place = Path(os.fsdecode(path))
    try:
        return Reading(path, identify(place), read_tags(place))
    except UnreadableAudio as error:
        return Reading(path, problem=str(error).removeprefix(f"{place}: "))
    except OSError as error:
        return Reading(path, problem=f"it can't be read ({error.strerror})")


def read_many(paths: Iterable[bytes], workers: int) -> Generator[Reading, None, None]:
    """Each path's reading, in order, by so many processes: see ``crew.answers``, also for what it raises.

    Close the iterator to end the workers early.
    """
    with closing(answers("segue.catalogue.reading", _answer, paths, workers, ahead=AHEAD)) as answered:
        for path, answer in answered:
            yield Reading(path, problem=answer.reason) if isinstance(answer, Lost) else _reading(path, answer)


def _answer(path: bytes) -> bytes:
    reading = read(path)
    parts = {"identity": reading.identity, "tags": reading.tags}
    content = {name: asdict(part) if part else None for name, part in parts.items()}
    return json.dumps({**content, "problem": reading.problem}).encode()


def _reading(path: bytes, answer: bytes) -> Reading:
    content = json.loads(answer)
    identity, tags, problem = content["identity"], content["tags"], content["problem"]
    if identity is None or tags is None:
        return Reading(path, problem=problem)
    listed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in tags.items()}
    return Reading(path, Identity(**identity), Tags(**listed))


if __name__ == "__main__":
    serve(_answer)
