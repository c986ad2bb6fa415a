"""What a track costs: Segue's whole analysis beside bliss-audio's, on the same files, in CPU-seconds and memory.

python benchmarks/analysis.py PATH [PATH ...] [--repeat N] [--encoder DIR] [--bliss-python PYTHON] [--json]

Each contender runs in a process of its own and they take turns, file by file, so that a busy machine is as bad for
both. The first file is analysed once before anything is measured. Segue: identity, tags, decoding, log-mels,
vector. bliss-audio: ``Song(path)``, which reads tags, decodes the whole file and computes its features.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def serve(encoder_directory: str | None, first: str) -> None:
    """Segue's side: the stages one after the other, in this process."""
    from segue.audio.decode import read_windows
    from segue.audio.mel import log_mel
    from segue.catalogue.identity import identify
    from segue.catalogue.tags import read_tags
    from segue.encoders.contract import Encoder
    from segue.encoders.registry import load_encoder
    from segue.errors import UnreadableAudio

    encoder: Encoder = load_encoder(Path(encoder_directory)) if encoder_directory else untrained(Path(first))
    from importlib.metadata import version

    print(json.dumps({"version": version("segue")}), flush=True)
    for line in sys.stdin:
        path = Path(json.loads(line))
        cpu_s: dict[str, float] = {}
        problem = None

        def timed(stage: str, work: Callable[[], Any], into: dict[str, float] = cpu_s) -> Any:
            before = cpu_now()
            result = work()
            into[stage] = cpu_now() - before
            return result

        try:
            timed("identity", lambda: identify(path))  # noqa: B023 (called at once)
            timed("tags", lambda: read_tags(path))  # noqa: B023
            y = timed("decode", lambda: read_windows(path))  # noqa: B023
            mels = timed("mel", lambda: log_mel(y))  # noqa: B023
            timed("encode", lambda: encoder.encode(mels))  # noqa: B023
        except UnreadableAudio as error:
            problem = str(error)
        cpu_s["all"] = sum(cpu_s.values())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"cpu_s": cpu_s, "peak": peak, "problem": problem}), flush=True)


def untrained(path: Path) -> Any:
    """A small encoder after two steps: what its vectors say is nothing, what they cost is the same."""
    from dataclasses import replace

    import numpy as np

    from segue.audio.listen import mel_windows
    from segue.encoders.corpus import Corpus
    from segue.encoders.joint import Ears, EarsSettings

    settings = EarsSettings.sized("small")
    settings = replace(
        settings,
        autoencoder=replace(settings.autoencoder, schedule=replace(settings.autoencoder.schedule, steps=2)),
        gru=replace(settings.gru, schedule=replace(settings.gru.schedule, steps=2)),
    )
    mels = mel_windows(path)
    return Ears.fit(Corpus(np.stack([mels, mels[::-1]]), ["a", "b"]), settings)


def cpu_now() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def mebibytes(peak: float) -> float:
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def spread(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} (quartiles {low:.2f} to {high:.2f})"


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
    found["ratios"] = [
        costs["bliss-audio", file, round_]["cpu_s"]["all"] / one["cpu_s"]["all"]
        for (who, file, round_), one in costs.items()
        if who == "segue" and ("bliss-audio", file, round_) in costs
    ]
    return found


def show(found: dict[str, Any]) -> None:
    for name in ("segue", "bliss-audio"):
        if name in found:
            one = found[name]
            stages = ", ".join(f"{stage} {cost:.3f}" for stage, cost in one["stages_s"].items() if stage != "all")
            print(
                f"{name} {one['version']}: {one['cpu_s_a_track']:.3f} CPU-s a track, peak {one['peak_mib']:.0f} MiB, "
                f"{one['measured']} measured" + (f"\n    {stages}" if stages else "")
            )
    if found["ratios"]:
        print(f"bliss-audio costs {spread(found['ratios'])} times what Segue costs")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("paths", nargs="+", help="sound files, or folders of them")
    parser.add_argument("--repeat", type=int, default=3, help="rounds over all files (default: 3)")
    parser.add_argument("--encoder", help="a folder with a trained encoder (default: a small untrained one)")
    parser.add_argument("--bliss-python", default=sys.executable, help="an interpreter that has bliss-audio")
    parser.add_argument("--json", action="store_true", help="print everything that was measured")
    arguments = parser.parse_args()

    from segue.catalogue.walk import Found, resolve_roots, walk
    from segue.errors import SegueError

    try:
        roots = resolve_roots(arguments.paths)
    except SegueError as error:
        parser.error(str(error))
    files = [Path(os.fsdecode(one.path)) for one in walk(roots) if isinstance(one, Found)]
    if not files or arguments.repeat < 1:
        parser.error("no sound files there, or nothing to repeat")
    own = [sys.executable, __file__, "--serve", arguments.encoder or "", str(files[0])]
    contenders = [Contender("segue", own)]
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
    else:
        show(found)
    return 0 if measured else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2] or None, sys.argv[3])
    else:
        sys.exit(main())
