"""``segue evaluate``: how well models predict what is heard next, on any table of listens."""

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.choices import Size
from segue.cli.screen import print_json, say, table, watching


def evaluate(
    report: Annotated[Path, typer.Option(readable=False, help="The folder to write to.")],
    listens: Annotated[
        Path | None,
        typer.Argument(
            readable=False, help="Parquet or CSV: listener, played_at, track (or playlist, position, track)."
        ),
    ] = None,
    train: Annotated[Path | None, typer.Option(readable=False, help="Instead of LISTENS: what to learn from.")] = None,
    test: Annotated[
        Path | None, typer.Option(readable=False, help="With --train: what to predict (column target: which rows).")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(readable=False, help="Parquet: track, vector. How tracks sound.")
    ] = None,
    models: Annotated[
        str, typer.Option(help='Names with commas between, or "all".', show_default="baselines, GRU and blend")
    ] = "",
    split: Annotated[str, typer.Option(help="How to part LISTENS: time or playlist.")] = "time",
    size: Annotated[Size, typer.Option(help="One dial for the models' size and training time.")] = Size.small,
    seed: Annotated[int, typer.Option(min=0, help="Where randomness starts.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How often to fit each model that depends on the seed.")] = 1,
    gap_hours: Annotated[
        float, typer.Option(min=0, help="With --split time: predict nothing for so long after the cut.")
    ] = 0,
    settings: Annotated[
        Path | None, typer.Option(readable=False, help="JSON: settings by model, as segue tune writes them.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Measure models of choice: full ranking, intervals, and the difference to the best simple baseline.

    Needs no library and no audio. Writes report.html and report.md for people, report.json for machines, and
    predictions.parquet, from which anybody can compute the numbers again.
    """
    from segue.evaluate import run

    names = [name.strip() for name in models.split(",") if name.strip()]
    with watching() as progress:
        done = run.evaluate(
            listens,
            train=train,
            test=test,
            vectors=vectors,
            models=names,
            split=split,
            report=report,
            size=size.value,
            seed=seed,
            seeds=seeds,
            gap_hours=gap_hours,
            settings=settings,
            progress=progress,
        )
    if as_json:
        print_json(done.figures)
        return
    table(f"{done.figures['task']['targets']} targets, {done.figures['task']['catalogue']} tracks", *done.rows())
    for doubt in done.figures["doubts"]:
        say(f"Doubt: {doubt}.")
    say(f"The whole report: {done.directory / 'report.html'}")
