"""Which tracks exist: walking folders, reading tags, knowing a sound again, matching a listen to a track.

Folders and files flow in; rows of ``file`` and ``track`` flow out (``scan``), and from them the values that every
room shares (``tracks``).
"""
