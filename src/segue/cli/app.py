"""The commands together, and what becomes of an error: one line, exit status 1 (usage: 2, Ctrl-C: 130)."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from segue import __version__
from segue.cli import (
    demo,
    describe,
    doctor,
    embed,
    evaluate,
    explain,
    history,
    radio,
    recommend,
    scan,
    similar,
    train,
    tune,
)
from segue.cli.screen import complain
from segue.errors import SegueError

__all__ = ["app", "main"]

REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO}
"""What the system may refuse to anybody at any moment; other system errors are our defects."""


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SegueError as error:
            complain(str(error))
            raise typer.Exit(1) from None
        except OSError as error:
            if error.errno not in REFUSALS:
                raise
            complain(
                f"{error.filename or 'the output'}: {error.strerror}: see to its rights and its disk, and run again"
            )
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            complain("stopped; what was done is kept, and the same command goes on from there")
            raise typer.Exit(130) from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (click passes it)
        return list(self.commands)  # in the order a newcomer needs them


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help comes in half the time
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A first evening: segue scan ~/Music · segue train · segue radio me --minutes 60 --to tonight.m3u8",
)
app.command(short_help="The whole way, on real music, and a page of it.")(demo.demo)
app.command(short_help="Take folders of music into the catalogue.")(scan.scan)
app.command("import", short_help="Import a listening history.")(history.import_)
app.command(short_help="Learn what the music sounds like and how it is heard.")(train.train)
app.command(short_help="Recommend tracks, each with its reason.")(recommend.recommend)
app.command(short_help="Find what sounds like a track or a file.")(similar.similar)
app.command(short_help="Say what a track or a file is like: tempo, key, loudness.")(describe.describe)
app.command(short_help="Plan a radio programme as a playlist.")(radio.radio)
app.command(short_help="Explain why a track is, or is not, recommended.")(explain.explain)
app.command(short_help="Find what is wrong, and what to do about it.")(doctor.doctor)
app.command(short_help="Write vectors of any audio files to Parquet.")(embed.embed)
app.command(short_help="Measure models of choice on a table of listens.")(evaluate.evaluate)
app.command(short_help="Search a model's settings on a table of listens.")(tune.tune)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segue {__version__}")
        raise typer.Exit


@app.callback()
def segue(
    home: Annotated[
        Path | None,
        typer.Option(
            readable=False, envvar="SEGUE_HOME", help="Where Segue keeps what it knows.", show_default="the data folder"
        ),
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,  # noqa: ARG001 (its callback acts)
) -> None:
    """Recommend music from what it sounds like and from what people do with it, on your own machine."""
    if home is not None:
        os.environ["SEGUE_HOME"] = str(home)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a title in Japanese must not break a terminal that has only ASCII
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except BrokenPipeError:  # the reader of a pipe has gone, as with "| head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
