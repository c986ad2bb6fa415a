"""How well Segue's ears hear beside their peers: one run, on packages of open music that no training ever heard.

python -m benchmarks.ears MUSIC [--ears DIR] [--cache DIR] [--bliss-python PYTHON] [--markdown FILE] [--json]

MUSIC is the folder of packages that ``recipes.music.fetch`` fills. What each contender makes of a file is kept in the
cache as soon as it is made; a run that was ended goes on there.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.hearing.comparison import CENTRES, MEASURES, Options, compare, limited
from benchmarks.hearing.report import publish, tables
from recipes.music import recordings
from segue.cli.screen import complain, watching
from segue.errors import SegueError


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ears", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "music", type=Path, metavar="MUSIC", help="the folder of packages that recipes.music.fetch fills"
    )
    parser.add_argument("--ears", type=Path, help="a folder with trained ears (default: those shipped)")
    parser.add_argument("--cache", type=Path, help="where to keep what was heard (default: MUSIC/../hearing)")
    parser.add_argument("--wheel", type=Path, help="a folder with the musicnn wheel (default: CACHE/wheel, by pip)")
    parser.add_argument("--bliss-python", default=sys.executable, help="an interpreter that has bliss-audio")
    parser.add_argument("--only", type=_words, default=(), help="these contenders, separated by commas")
    parser.add_argument("--measures", type=_words, default=MEASURES, help=f"of {', '.join(MEASURES)} (default: all)")
    parser.add_argument("--limit", type=int, help="at most so many tracks")
    parser.add_argument(
        "--train-tracks", type=int, default=Options.train_tracks, help="tracks that baselines learn from"
    )
    parser.add_argument("--robust-tracks", type=int, default=Options.robust_tracks, help="tracks that are distorted")
    parser.add_argument("--centre", choices=CENTRES, default="test", help="whose figures centre the peers' features")
    parser.add_argument("--thorough", action="store_true", help="ask the slow contenders about distorted tracks too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables into their place in a document")
    return parser


def _command(arguments: argparse.Namespace) -> str:
    """What gives the tables again on any machine: places are named, not told."""
    words = ["python -m benchmarks.ears MUSIC"]
    words += [f"--{name} {name.upper()}" for name in ("ears",) if getattr(arguments, name)]
    words += ["--bliss-python PYTHON"] if arguments.bliss_python != sys.executable else []
    words += [f"--only {','.join(arguments.only)}"] if arguments.only else []
    words += [f"--measures {','.join(arguments.measures)}"] if arguments.measures != MEASURES else []
    for name in ("limit", "train_tracks", "robust_tracks", "centre", "seed"):
        value = getattr(arguments, name)
        words += [f"--{name.replace('_', '-')} {value}"] if value not in (None, getattr(Options, name, None)) else []
    return " ".join([*words, *(["--thorough"] if arguments.thorough else [])])


def main(words: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(words)
    unknown = [name for name in arguments.measures if name not in MEASURES]
    if unknown or min(arguments.train_tracks, arguments.robust_tracks, arguments.limit or 2) < 2:
        parser.error(f"no measure is called {unknown[0]!r}" if unknown else "at least two tracks are needed")
    mood = Path(os.environ["SEGUE_DATA"]) / "mood" if "SEGUE_DATA" in os.environ else None
    options = Options(
        cache=arguments.cache or arguments.music.parent / "hearing",
        ears=arguments.ears,
        wheel=arguments.wheel,
        bliss_python=arguments.bliss_python,
        only=arguments.only,
        measures=arguments.measures,
        train_tracks=arguments.train_tracks,
        robust_tracks=arguments.robust_tracks,
        centre=arguments.centre,
        thorough=arguments.thorough,
        mood=mood if mood and (mood / "labels.tsv").is_file() else None,
        seed=arguments.seed,
    )

    try:
        with watching() as progress:
            tracks, training = recordings(arguments.music, "test"), recordings(arguments.music, "train")
            if arguments.limit:
                tracks = limited(tracks, arguments.limit)
            report = compare(tracks, training, options, command=_command(arguments), progress=progress)
        if arguments.markdown:
            publish(report, arguments.markdown)
    except SegueError as error:
        complain(str(error))
        return 1
    print(json.dumps(report.json(), indent=1) if arguments.json else tables(report), end="\n" if arguments.json else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
