"""``segue train``: learn from the library and its listens, or from tables of listens alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from segue.cli.choices import Size
from segue.cli.screen import print_json, say, table, watching


def train(
    adapt: Annotated[
        bool,
        typer.Option("--adapt", help="First train the ears on with this music; they are kept where they got better."),
    ] = False,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Train ears on this music alone, instead of taking those of Segue.")
    ] = False,
    size: Annotated[Size | None, typer.Option(help="One dial for size and time.", show_default="small")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Where randomness starts.", show_default="0")] = None,
    listens: Annotated[
        str | None,
        typer.Option(
            help="No library: tables of listens as 'segue evaluate' takes them; a pattern in quotes for many."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(readable=False, help="With --listens: the folder to make for the model.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="With --listens: which model of choice.", show_default="gru-memory")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(readable=False, help="With --listens: Parquet: track, vector. How tracks sound.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Hear every track, and learn what listeners do with them.

    The ears come with Segue, trained on open music; with --adapt or --from-scratch they learn from this library too, or
    alone. What has not changed since the last training is not done again.

    With --listens and --model a model of choice is trained on tables of listens instead, without a library, however
    long they are; 'segue evaluate --models DIR' measures it.
    """
    import segue

    if adapt and from_scratch:
        raise typer.BadParameter("choose --adapt or --from-scratch, not both")
    if (listens is None) != (model is None) or (listens is None and (kind or vectors)):
        raise typer.BadParameter("--listens and --model go together; --kind and --vectors belong to them")
    if listens is not None and model is not None:
        if adapt or from_scratch:
            raise typer.BadParameter(
                "--adapt and --from-scratch train ears on a library: leave them out with --listens"
            )
        _train_on_listens(listens, model, kind, size.value if size else None, seed, vectors, as_json=as_json)
        return
    with segue.open() as library, watching() as progress:
        result = library.train(
            adapt=adapt, from_scratch=from_scratch, size=size.value if size else None, seed=seed, progress=progress
        )
    if as_json:
        print_json(result)
        return
    if result.adapting is not None:
        _show(result.adapting)
    table(
        "Trained",
        ["tracks", "with a vector", "ears", "events", *(f"{stage} (s)" for stage in result.seconds)],
        [[result.tracks, result.embedded, result.sound["origin"], result.listens, *result.seconds.values()]],
    )


def _train_on_listens(
    listens: str,
    model: Path,
    kind: str | None,
    size: str | None,
    seed: int | None,
    vectors: Path | None,
    *,
    as_json: bool,
) -> None:
    from segue.library.listens_training import KIND, train_on_listens
    from segue.settings import load_settings

    settings = load_settings(size=size, seed=seed)
    with watching() as progress:
        made = train_on_listens(
            listens,
            model,
            kind=kind or KIND,
            size=settings.size,
            seed=settings.seed,
            vectors=vectors,
            progress=progress,
        )
    if as_json:
        print_json(made)
        return
    table(
        f"Trained {kind or KIND} into {made.model}",
        ["files", "listens", "listeners", "tracks", *(f"{stage} (s)" for stage in made.seconds)],
        [[made.files, made.listens, made.listeners, made.tracks, *made.seconds.values()]],
    )
    say(f"Measure it: segue evaluate LISTENS --models popularity,{made.model} --report report/")


def _show(adapting: Mapping[str, Any]) -> None:
    rows = [
        [name, adapting[when]["halves_recall"], adapting[when]["group_map"]]
        for name, when in (("shipped", "before"), ("adapted", "after"))
    ]
    title = f"Adapting, measured on {adapting['tracks']} held-out tracks"
    table(title, ["ears", "own half found (R@1)", "same album or artist found (mAP)"], rows)
    if adapting["kept"]:
        say("The adapted ears are better by more than chance: they were kept.")
    else:
        say("The adapted ears are no better beyond chance: the shipped ones were kept.")
