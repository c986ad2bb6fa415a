"""Tables of a benchmark, put into their place in a page of the documentation."""

from pathlib import Path

from segue.errors import BadInput

__all__ = ["put"]


def put(text: str, path: Path, benchmark: str) -> None:
    """Write tables between ``<!-- benchmarks.NAME: begin -->`` and its end in a page; a new page holds only them.

    Raises
    ------
    BadInput
        The page has no such place, or can't be read or written.
    """
    begin, end = f"<!-- benchmarks.{benchmark}: begin -->", f"<!-- benchmarks.{benchmark}: end -->"
    try:
        document = path.read_text("utf-8") if path.exists() else f"{begin}\n{end}\n"
        before, begins, rest = document.partition(f"{begin}\n")
        _, ends, after = rest.partition(f"{end}\n")
        if not begins or not ends:
            raise BadInput(f"{path} has no place for the tables: give it the lines {begin} and {end}")
        path.write_text(f"{before}{begin}\n{text}{end}\n{after}", "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be written ({error})") from error
