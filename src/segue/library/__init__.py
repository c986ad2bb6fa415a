"""The library as one object: the Python face of everything below.

``facade`` holds ``Library``; ``training`` makes its models; ``embed`` gives vectors of any files, without a home;
``doctor`` finds what is wrong; ``moment`` reads times as people write them.
"""

from segue.library.facade import Library, open  # noqa: A004 (segue.open is the name)

__all__ = ["Library", "open"]
