"""``segue train``: learn from the library and its listens."""

from collections.abc import Mapping
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
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Hear every track, and learn what listeners do with them.

    The ears come with Segue, trained on open music; with --adapt or --from-scratch they learn from this library too, or
    alone. What has not changed since the last training is not done again.
    """
    import segue

    if adapt and from_scratch:
        raise typer.BadParameter("choose --adapt or --from-scratch, not both")
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
