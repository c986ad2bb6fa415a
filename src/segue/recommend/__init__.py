"""The answer: which tracks next, in which order, and why.

Parts from the rooms to the left (vectors, a model of choice, listens, opinions) become one score with named parts
(``scoring``), kept apart by artist and album (``spacing``), told in words (``reasons``), and played without an end
(``radio``) or written to a file (``playlists``). Nothing here reads a file or a clock.
"""
