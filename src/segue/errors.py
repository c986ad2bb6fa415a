"""Every error Segue raises on purpose.

::

    SegueError                 exit status 1: one line, what happened, to what, what to do next
    ├── BadInput               a file, a table or a value given by the user can't be used
    │   ├── UnreadableAudio    no sound can be taken from this file
    │   ├── UnreadableHistory  this file is no listening history we can read
    │   └── NotFound           no such listener, track, folder, model or setting
    ├── NotReady               the home folder lacks what this needs (nothing scanned, nothing trained)
    ├── HomeBusy               another process is changing this home folder
    └── DamagedHome            a file in the home folder does not hold what it must

Anything else that escapes is a defect in Segue, and is reported as one.
"""

__all__ = [
    "BadInput",
    "DamagedHome",
    "HomeBusy",
    "NotFound",
    "NotReady",
    "SegueError",
    "UnreadableAudio",
    "UnreadableHistory",
]


class SegueError(Exception):
    """The root: a message for a person, saying what happened, to what, and what to do next."""


class BadInput(SegueError):
    """Something given by the user can't be used."""


class UnreadableAudio(BadInput):
    """No sound can be taken from this file."""


class UnreadableHistory(BadInput):
    """This file is no listening history we can read."""


class NotFound(BadInput):
    """No such listener, track, folder, model or setting."""


class NotReady(SegueError):
    """The home folder lacks what this needs."""


class HomeBusy(SegueError):
    """Another process is changing this home folder."""


class DamagedHome(SegueError):
    """A file in the home folder does not hold what it must."""
