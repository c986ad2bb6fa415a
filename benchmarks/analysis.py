"""What a track costs: Segue's whole analysis beside bliss-audio's, on the same files, in CPU-seconds and memory.

python -m benchmarks.analysis PATH [PATH ...] [--codecs] [--repeat N] [--encoder DIR] [--bliss-python PYTHON] [--json]
python -m benchmarks.analysis PATH [PATH ...] --scale 100,300 [--json]

Each contender runs in a process of its own and they take turns, file by file, so that a busy machine is as bad for
both. The first file is analysed once before anything is measured. Segue: identity, tags, decoding, log-mels, vector,
writing it, and descriptors. bliss-audio: ``Song(path)``, which reads tags, decodes the whole file and computes its
features. The floor, measured in the same turns, is FFmpeg's decoding of the same eight windows with nothing done to the
samples.

``--codecs`` measures four-minute copies of each file, one a codec. ``--scale`` hears libraries of so many tracks, cut
out of the files (100 takes a minute of both cores, 5,000 an hour and 3 GB of temporary space).
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

STAGES = ("identity", "tags", "floor", "decode", "mel", "encode", "write", "vector", "describe", "all")
"""``floor`` is no part of the others; ``vector`` is from decoding to writing; ``all`` is everything but the floor."""
BATCH_TRACKS = 64
"""Vectors that a library writes at once."""
INSTALL = "pip install 'segue[bench]' (or give --bliss-python an interpreter that has it)"
BLISS = """
import json, resource, sys
try:
    from bliss_audio import Song
except ImportError:
    from bliss_audio.bliss_audio import Song
from importlib.metadata import version
print(json.dumps({"version": version("bliss-audio")}), flush=True)
for line in sys.stdin:
    before = resource.getrusage(resource.RUSAGE_SELF)
    problem = None
    try:
        Song(json.loads(line)).analysis
    except Exception as error:
        problem = str(error)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu_s": {"all": cpu_s}, "peak": after.ru_maxrss, "problem": problem}), flush=True)
"""


class Contender:
    """A process that analyses one file at a time and says what it cost."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if name == "bliss-audio" else None,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.version = (self._answer() or {}).get("version")

    def analyse(self, path: Path) -> dict[str, Any]:
        """What one file cost, or ``problem``."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(os.fspath(path)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._answer() or {"problem": f"{self.name} ended with exit status {self.process.wait()}"}

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self.process.poll() is not None

    def close(self) -> None:
        """Let the process end."""
        self.process.communicate()

    def _answer(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        answer: dict[str, Any] | None = json.loads(line) if line else None
        return answer


def serve(encoder_directory: str) -> None:
    """Segue's side: the stages one after the other, in this process."""
    from importlib.metadata import version

    from segue.audio.decode import read_excerpts
    from segue.audio.descriptors.describe import describe_excerpts
    from segue.audio.mel import in_pairs, log_levels, mel_power
    from segue.catalogue.identity import identify
    from segue.catalogue.tags import read_tags
    from segue.encoders.registry import load_encoder
    from segue.encoders.rows import RowStore
    from segue.errors import UnreadableAudio
    from segue.store import Database

    encoder = load_encoder(Path(encoder_directory))
    print(json.dumps({"version": version("segue")}), flush=True)
    folder = tempfile.TemporaryDirectory()
    database = Database(Path(folder.name) / "segue.sqlite")
    store = RowStore(database, Path(folder.name), "measured", (encoder.dim,), "float32")
    for turn, line in enumerate(sys.stdin):
        path = Path(json.loads(line))
        cpu_s: dict[str, float] = {}
        problem = None

        def timed(stage: str, work: Callable[[], Any], into: dict[str, float] = cpu_s) -> Any:
            before = cpu_now()
            result = work()
            into[stage] = cpu_now() - before
            return result

        ids = [f"{turn}-{i}" for i in range(BATCH_TRACKS)]
        try:
            timed("identity", lambda: identify(path))  # noqa: B023 (called at once)
            timed("tags", lambda: read_tags(path))  # noqa: B023
            timed("floor", lambda: decode_alone(path))  # noqa: B023
            excerpts = timed("decode", lambda: read_excerpts(path))  # noqa: B023
            before = cpu_now()
            power = mel_power(excerpts.y)
            mels = in_pairs(log_levels(power))
            cpu_s["mel"] = cpu_now() - before
            vector = timed("encode", lambda: encoder.encode(mels))  # noqa: B023
            timed("describe", lambda: describe_excerpts(excerpts, power))  # noqa: B023
            timed("write", lambda: store.append(ids, [vector] * BATCH_TRACKS))  # noqa: B023
            cpu_s["write"] /= BATCH_TRACKS
            cpu_s["vector"] = sum(cpu_s[stage] for stage in ("decode", "mel", "encode", "write"))
            cpu_s["all"] = sum(cpu_s[stage] for stage in ("identity", "tags", "vector", "describe"))
        except UnreadableAudio as error:
            problem = str(error)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"cpu_s": cpu_s, "peak": peak, "problem": problem}), flush=True)
    database.close()
    folder.cleanup()


def decode_alone(path: Path) -> int:
    """Seek to the eight windows of a track, decode them, and count their samples: nobody can hear it for less."""
    import av

    from segue.audio.decode import PREROLLS_S, RATE_HZ, WINDOW_S, window_starts

    samples = 0
    with av.open(os.fspath(path)) as container:
        stream = container.streams.audio[0]
        stream.codec_context.thread_count = 1
        tick_s = float(stream.time_base or 1 / av.time_base)
        begins = stream.start_time or 0
        for start in window_starts(round((stream.duration or 0) * tick_s * RATE_HZ)):
            begin_s = start / RATE_HZ
            end = round((begin_s + WINDOW_S) / tick_s) + begins
            container.seek(max(0, round((begin_s - PREROLLS_S[0]) / tick_s)) + begins, stream=stream)
            for frame in container.decode(stream):
                samples += frame.samples
                if frame.pts is not None and frame.pts >= end:
                    break
    return samples


def cpu_now() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def mebibytes(peak: float) -> float:
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def spread(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def measure(files: list[Path], contenders: list[Contender], repeat: int) -> list[dict[str, Any]]:
    """One entry a contender, file and round; a contender that fails on a file is not asked about it again."""
    for contender in list(contenders):
        answer = contender.analyse(files[0])
        if contender.ended:  # a wheel built for another processor dies of an illegal instruction (-4)
            print(f"{answer['problem']} on its first file: it is left out", file=sys.stderr)
            contenders.remove(contender)
    measured: list[dict[str, Any]] = []
    failed: set[tuple[str, Path]] = set()
    for round_ in range(repeat):
        for file in files:
            for contender in contenders[:: 1 if round_ % 2 else -1]:
                if (contender.name, file) in failed:
                    continue
                answer = contender.analyse(file)
                if answer["problem"]:
                    failed.add((contender.name, file))
                    print(f"{contender.name}: {file}: {answer['problem']}", file=sys.stderr)
                else:
                    measured.append({"who": contender.name, "file": str(file), "round": round_, **answer})
    return measured


def report(measured: list[dict[str, Any]], contenders: list[Contender]) -> dict[str, Any]:
    costs = {(one["who"], one["file"], one["round"]): one for one in measured}
    found: dict[str, Any] = {}
    for contender in contenders:
        own = [one for one in measured if one["who"] == contender.name]
        if own:
            found[contender.name] = {
                "version": contender.version,
                "cpu_s_a_track": statistics.median(one["cpu_s"]["all"] for one in own),
                "stages_s": {stage: statistics.median(one["cpu_s"][stage] for one in own) for stage in own[0]["cpu_s"]},
                "peak_mib": max(mebibytes(one["peak"]) for one in own),
                "measured": len(own),
            }
    own = [one for one in measured if one["who"] == "segue"]
    found["files"] = {}
    for file in dict.fromkeys(one["file"] for one in own):
        rounds = [one for one in own if one["file"] == file]
        beside = [costs.get(("bliss-audio", file, one["round"])) for one in rounds]
        found["files"][file] = {
            "stages_s": {stage: statistics.median(one["cpu_s"][stage] for one in rounds) for stage in STAGES},
            "to_floor": [one["cpu_s"]["vector"] / one["cpu_s"]["floor"] for one in rounds],
            "to_bliss": [
                one["cpu_s"]["all"] / other["cpu_s"]["all"] for one, other in zip(rounds, beside, strict=True) if other
            ],
            "bliss_s": statistics.median([other["cpu_s"]["all"] for other in beside if other] or [0.0]),
        }
    for ratio in ("to_floor", "to_bliss"):
        found[ratio] = [value for one in found["files"].values() for value in one[ratio]]
    return found


def show(found: dict[str, Any]) -> None:
    width = max(len(Path(file).name) for file in found["files"])
    print("CPU milliseconds a track (medians); ratios are medians of each turn's, with quartiles")
    heads = (*STAGES, "bliss")
    print(" " * width, *(f"{head:>8}" for head in heads), "  vector/floor        all/bliss", sep="")
    for file, one in found["files"].items():
        costs = [*(one["stages_s"][stage] for stage in STAGES), one["bliss_s"]]
        ratios = [spread(one[ratio]) if one[ratio] else "-" for ratio in ("to_floor", "to_bliss")]
        print(f"{Path(file).name:{width}}", *(f"{1000 * cost:8.1f}" for cost in costs), "  ", "  ".join(ratios), sep="")
    for name in ("segue", "bliss-audio"):
        if name in found:
            one = found[name]
            print(
                f"{name} {one['version']}: {one['cpu_s_a_track']:.3f} CPU-s a track, peak {one['peak_mib']:.0f} MiB, "
                f"{one['measured']} measured"
            )
    print(f"a vector costs {spread(found['to_floor'])} times the decoding of its windows alone")
    if found["to_bliss"]:
        print(f"Segue costs {spread(found['to_bliss'])} times what bliss-audio costs")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", help="sound files, or folders of them")
    parser.add_argument("--repeat", type=int, default=3, help="rounds over all files (default: 3)")
    parser.add_argument("--codecs", action="store_true", help="measure four-minute copies of each file in every codec")
    parser.add_argument("--scale", help="hear libraries of so many tracks cut out of the files (100,300)")
    parser.add_argument("--encoder", help="a folder with a trained encoder (default: the one that Segue comes with)")
    parser.add_argument("--bliss-python", default=sys.executable, help="an interpreter that has bliss-audio")
    parser.add_argument("--json", action="store_true", help="print everything that was measured")
    arguments = parser.parse_args()

    from segue.catalogue.walk import Found, resolve_roots, walk
    from segue.errors import SegueError

    try:
        roots = resolve_roots(arguments.paths)
        sizes = [int(size) for size in (arguments.scale or "").split(",") if size]
    except (SegueError, ValueError) as error:
        parser.error(str(error))
    files = [Path(os.fsdecode(one.path)) for one in walk(roots) if isinstance(one, Found)]
    if not files or arguments.repeat < 1 or min(sizes, default=1) < 1:
        parser.error("no sound files there, or nothing to repeat")
    if sizes:
        from benchmarks import scale

        grown = scale.measure(files, sizes)
        print(json.dumps(grown, indent=1)) if arguments.json else scale.show(grown)
        return 0
    if not arguments.codecs:
        return compare(files, arguments)
    from benchmarks.copies import in_every_codec

    with tempfile.TemporaryDirectory() as folder:
        try:
            copies = [copy for file in files for copy in in_every_codec(file, Path(folder))]
        except ValueError as error:
            parser.error(str(error))
        return compare(copies, arguments)


def compare(files: list[Path], arguments: argparse.Namespace) -> int:
    """Measure Segue and bliss-audio on these files and print what was found: the exit status."""
    from segue.encoders.shipped import shipped_place

    encoder = arguments.encoder or os.fspath(shipped_place())
    contenders = [Contender("segue", [sys.executable, __file__, "--serve", encoder])]
    bliss = Contender("bliss-audio", [arguments.bliss_python, "-c", BLISS])
    if bliss.version is None:
        print(f"bliss-audio is not installed; Segue is measured alone. To compare: {INSTALL}", file=sys.stderr)
    else:
        contenders.append(bliss)
    measured = measure(files, contenders, arguments.repeat)
    for contender in (contenders[0], bliss):
        contender.close()
    found = report(measured, contenders)
    if arguments.json:
        print(json.dumps({**found, "all": measured}, indent=1))
    elif measured:
        show(found)
    return 0 if measured else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    else:
        sys.exit(main())
