"""``segue import``: take a listening history in."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.screen import print_json, say, table, watching


def import_(
    file: Annotated[
        Path,
        typer.Argument(readable=False, help="A ListenBrainz export (.zip or .jsonl), or a CSV with named columns."),
    ],
    listener: Annotated[str, typer.Option("--listener", "-l", help="Whose listens these are.")] = "me",
    unmatched: Annotated[
        Path | None,
        typer.Option(
            readable=False, help="Write what matched no track of the library to this CSV.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Import a listening history. The same file twice, or overlapping exports, change nothing."""
    import segue

    with segue.open() as library:
        with watching() as progress:
            report = library.listen(file, listener=listener, progress=progress)
        if unmatched is not None:
            library.write_unmatched(listener, unmatched)
    if as_json:
        print_json(report)
        return
    table(
        f"{report.format}, for {listener}",
        ["listens", "new", "already known", "opinions", "of tracks here", "of others", "rows with a problem"],
        [
            [
                report.listens,
                report.new,
                report.already_known,
                report.opinions,
                report.matched,
                report.unmatched,
                report.problem_count,
            ]
        ],
    )
    for problem in report.problems[:10]:
        say(f"  {problem.where}: {problem.reason}")
    if report.unmatched and unmatched is None:
        say("Listens of tracks that are not here stay in the history. To see them: --unmatched missing.csv")
