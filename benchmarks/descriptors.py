"""How right the descriptors are: tempo and key of rendered and recorded pieces, loudness beside a reference library.

python -m benchmarks.descriptors [MUSIC] [--cache DIR] [--peer-python PYTHON] [--markdown FILE] [--json]

MUSIC is the folder of packages that ``recipes.music.fetch`` fills; without it there are simulated pieces and chorales
only. The peers (librosa, pyloudnorm) run in the interpreter of --peer-python; without it Segue is measured alone.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.describing.contenders import Contender, Peer, Said, constant, librosa, segue
from benchmarks.describing.material import Known, pieces
from benchmarks.describing.scores import acc1, acc2, mirex
from benchmarks.hearing.intervals import Draws, Estimate
from benchmarks.pages import put
from recipes.music import recordings
from segue.audio.descriptors.describe import describe_file
from segue.cli.screen import complain, watching
from segue.errors import SegueError, UnreadableAudio
from segue.progress import Progress

LOUD_FILES = 60


def measure(
    known: Sequence[Known], contenders: dict[str, Contender], progress: Progress
) -> dict[str, dict[str, dict[str, Any]]]:
    """By source and contender: ``acc1``, ``acc2``, ``key`` (each value, low, high), ``pieces``, ``cpu_s``."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, ask in contenders.items():
        said: list[Said] = []
        for number, one in enumerate(known):
            progress(name, number, len(known))
            said.append(ask(one))
        progress(name, len(known), len(known))
        for source in dict.fromkeys(one.source for one in known):
            pairs = [(one, told) for one, told in zip(known, said, strict=True) if one.source == source]
            draws = Draws([str(one.path) for one, _ in pairs])
            keyed = [mirex(told.key, one.key) if one.key else np.nan for one, told in pairs]
            found.setdefault(source, {})[name] = {
                "pieces": len(pairs),
                "cpu_s": float(np.median([told.cpu_s for _, told in pairs])),
                "acc1": draws.mean(np.array([acc1(told.tempo_bpm, one.tempo_bpm) for one, told in pairs])).estimate,
                "acc2": draws.mean(np.array([acc2(told.tempo_bpm, one.tempo_bpm) for one, told in pairs])).estimate,
                "key": None if np.isnan(keyed).all() else draws.mean(np.array(keyed)).estimate,
            }
    return found


def estimates(music: Path, peer: Peer | None, progress: Progress) -> dict[str, Any]:
    """How far what eight windows tell lies from what whole files do, on music of every kind."""
    files = [one.path for one in recordings(music, "test")]
    files = files[:: max(1, len(files) // LOUD_FILES)][:LOUD_FILES]
    rows = []
    for number, path in enumerate(files):
        progress("windows beside whole files", number, len(files))
        try:
            few, all_ = describe_file(path), describe_file(path, whole=True)
        except UnreadableAudio:
            continue
        reference = peer.ask(path, "loudness").get("lufs") if peer else None
        rows.append((few, all_, reference))
    progress("windows beside whole files", len(files), len(files))

    def spread(pairs: list[tuple[float | None, float | None]]) -> dict[str, float]:
        off = np.array([one - other for one, other in pairs if one is not None and other is not None])
        if not len(off):
            return {}
        middle, most = np.percentile(np.abs(off), [50, 95])
        return {"files": len(off), "bias": float(off.mean()), "median": float(middle), "p95": float(most)}

    tempi = [(few.tempo_bpm, all_.tempo_bpm) for few, all_, _ in rows]
    return {
        "loudness_lu": spread([(few.loudness_lufs, all_.loudness_lufs) for few, all_, _ in rows]),
        "range_lu": spread([(few.loudness_range_lu, all_.loudness_range_lu) for few, all_, _ in rows]),
        "beside_pyloudnorm_lu": spread([(all_.loudness_lufs, reference) for _, all_, reference in rows]),
        "same_tempo": float(np.mean([acc1(a, b) if b else float(a is None) for a, b in tempi])),
        "same_tempo_octaves_aside": float(np.mean([acc2(a, b) if b else float(a is None) for a, b in tempi])),
        "same_key": float(
            np.mean(
                [
                    (few.key and (few.key.tonic, few.key.mode)) == (all_.key and (all_.key.tonic, all_.key.mode))
                    for few, all_, _ in rows
                ]
            )
        ),
        "files": len(rows),
    }


def tables(found: dict[str, dict[str, dict[str, Any]]], beside: dict[str, Any]) -> str:
    """Everything in Markdown."""

    def shown(estimate: Estimate | None) -> str:
        return "" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.2f} to {estimate.high:.2f})"

    lines = ["| pieces | | Acc1 | Acc2 | key, MIREX | CPU-s |", "|---|---|---|---|---|---|"]
    for source, contenders in found.items():
        for name, one in contenders.items():
            first = f"{source} ({one['pieces']})"
            cost = f"{one['cpu_s']:.2f}" if one["cpu_s"] else ""
            lines.append(
                f"| {first} | {name} | {shown(one['acc1'])} | {shown(one['acc2'])} | {shown(one['key'])} | {cost} |"
            )
    if beside:
        lines += ["", "| | files | bias | half are within | 95 % are within |", "|---|---|---|---|---|"]
        titles = {
            "loudness_lu": "loudness, windows beside the whole file (LU)",
            "range_lu": "loudness range, windows beside the whole file (LU)",
            "beside_pyloudnorm_lu": "loudness of the whole file beside pyloudnorm (LU)",
        }
        for key, title in titles.items():
            if one := beside[key]:
                lines.append(
                    f"| {title} | {one['files']} | {one['bias']:+.2f} | {one['median']:.2f} | {one['p95']:.2f} |"
                )
        lines += [
            "",
            f"Of {beside['files']} recordings, windows and whole file give {beside['same_tempo']:.0%} the same tempo "
            f"({beside['same_tempo_octaves_aside']:.0%} octaves aside) and {beside['same_key']:.0%} the same key.",
        ]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.descriptors", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "music", type=Path, nargs="?", metavar="MUSIC", help="the folder that recipes.music.fetch fills"
    )
    parser.add_argument("--cache", type=Path, default=Path(".descriptors"), help="where to keep what is rendered")
    parser.add_argument("--peer-python", help="an interpreter that has librosa, pyloudnorm and soundfile")
    parser.add_argument("--limit", type=int, help="at most so many pieces of each source")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables into their place in a document")
    arguments = parser.parse_args(words)
    try:
        arguments.cache.mkdir(parents=True, exist_ok=True)
        peer = Peer(arguments.peer_python) if arguments.peer_python else None
        with watching() as progress:
            known = pieces(
                arguments.music, arguments.cache, count=arguments.limit, seed=arguments.seed, progress=progress
            )
            contenders: dict[str, Contender] = {
                "Segue, 8 windows": segue(whole=False),
                "Segue, whole file": segue(whole=True),
                "constant": constant(known),
            }
            if peer:
                contenders[f"librosa {peer.versions['librosa']}"] = librosa(peer)
            found = measure(known, contenders, progress)
            beside = estimates(arguments.music, peer, progress) if arguments.music and not arguments.limit else {}
        if peer:
            peer.close()
        text = tables(found, beside)
        if arguments.markdown:
            put(text, arguments.markdown, "descriptors")
    except SegueError as error:
        complain(str(error))
        return 1
    if arguments.json:
        print(json.dumps({"pieces": found, "windows": beside}, indent=1, default=vars))
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
