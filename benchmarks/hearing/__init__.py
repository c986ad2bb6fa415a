"""How well encoders hear music: contenders go in, tables with intervals come out (see ``benchmarks.ears``).

``sounds`` reads and keeps, ``contenders`` and ``peers`` turn sound into vectors, ``metrics``, ``probes`` and
``intervals`` know arrays only, ``measures`` asks the questions, ``report`` prints the answers.
"""
