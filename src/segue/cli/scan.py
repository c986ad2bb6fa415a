"""``segue scan``: take music into the catalogue."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.screen import print_json, say, table, watching

SHOWN = 20


def scan(
    folders: Annotated[
        list[Path] | None, typer.Argument(readable=False, help="Folders (or files) of music.", show_default=False)
    ] = None,
    problems: Annotated[bool, typer.Option("--problems", help="Only list the files that can't be read.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Take the music in these folders into the catalogue.

    Run it again whenever you like: unchanged files are not opened, moved and re-tagged ones keep their history.
    """
    import segue

    with segue.open() as library:
        if problems:
            skipped = library.problems()
            if as_json:
                print_json(skipped)
            else:
                table("Files that can't be read", ["file", "why"], [(found.path, found.reason) for found in skipped])
            return
        if not folders:
            raise typer.BadParameter("name at least one folder of music", param_hint="FOLDERS")
        with watching() as progress:
            report = library.scan(*folders, progress=progress)
        tracks = len(library.tracks())
    if as_json:
        print_json(report)
        return
    counts = ("added", "changed", "moved", "gone", "unchanged")
    table(
        "Scanned",
        [*counts, "skipped"],
        [[*(getattr(report, name) for name in counts), len(report.skipped)]],
    )
    for found in report.skipped[:SHOWN]:
        say(f"  skipped {found.path}: {found.reason}")
    if len(report.skipped) > SHOWN:
        say(f"  … and {len(report.skipped) - SHOWN} more: segue scan --problems")
    if not tracks:
        say("No music was found there: give the folder that holds your mp3, flac, ogg, opus, m4a or wav files.")
    else:
        say(f"The library holds {tracks} tracks. Next: segue train")
