"""``segue tune``: search the settings of a model on one's own listens, within a given time."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.choices import Size
from segue.cli.screen import print_json, say, table, watching


def tune(
    listens: Annotated[
        Path,
        typer.Argument(
            readable=False,
            help="Parquet or CSV, as for segue evaluate. What you will test on later must not be in it.",
        ),
    ],
    study: Annotated[Path, typer.Option(readable=False, help="The folder of the search; one in it is gone on with.")],
    minutes: Annotated[float, typer.Option(help="How long this run may take.")] = 30,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Stop at so many trials, earlier runs included.", show_default="by time")
    ] = None,
    model: Annotated[str, typer.Option(help="Whose settings: gru.")] = "gru",
    vectors: Annotated[
        Path | None, typer.Option(readable=False, help="Parquet: track, vector. How tracks sound.")
    ] = None,
    split: Annotated[str, typer.Option(help="What is held out to choose by: time or playlist.")] = "time",
    size: Annotated[Size, typer.Option(help="Whose settings to start from.")] = Size.small,
    seed: Annotated[int, typer.Option(min=0, help="Where randomness starts.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Search six settings of a model by Recall@20 on the newest listens, the default first.

    The best go to settings.json in the folder of the study, for segue evaluate --settings; report.md says what matters.
    They are chosen on LISTENS, so nothing that a later evaluation tests on may be in it: split first, and tune on
    the train.parquet that segue evaluate writes. A run that was stopped or killed goes on with the same command.
    """
    from segue.tune import run

    with watching() as progress:
        done = run.tune(
            listens,
            study=study,
            minutes=minutes,
            trials=trials,
            model=model,
            vectors=vectors,
            split=split,
            size=size.value,
            seed=seed,
            progress=progress,
        )
    if as_json:
        print_json(done.figures)
        return
    count, new = len(done.figures["trials"]), done.figures["new_trials"]
    table(f"{count} trials, {new} of them now; {done.figures['targets']} targets", *done.against_default())
    table("What matters", *done.sensitivity())
    for sentence in done.sentences():
        say(sentence)
    say(f"The best settings: {done.directory / 'settings.json'}; the whole report: {done.directory / 'report.md'}")
