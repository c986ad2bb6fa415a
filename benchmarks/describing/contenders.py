"""Who is asked: Segue on windows and on whole files, librosa in an interpreter of its own, and constant answers."""

import json
import os
import resource
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.describing.material import Key, Known
from segue.errors import NotReady

__all__ = ["Said", "constant", "librosa", "segue"]

PEER = """
import json, resource, sys
from importlib.metadata import version
import librosa, numpy as np, pyloudnorm, soundfile
MAJOR = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]
MINOR = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]
KEYS = [(t, m, np.roll(p, t)) for m, p in (("major", MAJOR), ("minor", MINOR)) for t in range(12)]
def cpu():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
print(json.dumps({name: version(name) for name in ("librosa", "pyloudnorm")}), flush=True)
for line in sys.stdin:
    path, what = json.loads(line)
    before = cpu()
    try:
        if what == "loudness":
            y, sr = soundfile.read(path)
            answer = {"lufs": pyloudnorm.Meter(sr).integrated_loudness(y)}
        else:
            y, sr = librosa.load(path)
            tempo = float(np.atleast_1d(librosa.feature.tempo(y=y, sr=sr))[0])
            key = None
            if what == "both":
                chroma = librosa.feature.chroma_cqt(y=y, sr=sr).mean(1)
                key = max(KEYS, key=lambda one: np.corrcoef(chroma, one[2])[0, 1])[:2]
            answer = {"tempo": tempo, "key": key}
    except Exception as error:
        answer = {"problem": str(error)}
    print(json.dumps({**answer, "cpu_s": cpu() - before}), flush=True)
"""
"""Krumhansl and Kessler's profiles (1982) on the mean of librosa's chroma: the plainest key finder there is."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one contender says of one piece, and its CPU-seconds with decoding."""

    tempo_bpm: float | None
    key: Key | None
    cpu_s: float = 0.0


Contender = Callable[[Known], Said]


def segue(*, whole: bool) -> Contender:
    """Segue, on the eight windows that it decodes anyway or on all of a file."""
    from segue.audio.descriptors.describe import describe_file

    def ask(known: Known) -> Said:
        before = _cpu_s()
        told = describe_file(known.path, whole=whole)
        key = (told.key.tonic, told.key.mode) if told.key else None
        return Said(told.tempo_bpm, key, _cpu_s() - before)

    return ask


def constant(known: Sequence[Known]) -> Contender:
    """120 bpm, and the key that most pieces of a source have (which it could not know)."""
    most = {one.source: Counter(other.key for other in known if other.source == one.source) for one in known}

    def ask(one: Known) -> Said:
        return Said(120.0, most[one.source].most_common(1)[0][0])

    return ask


class Peer:
    """librosa and pyloudnorm in an interpreter of their own: neither is needed to run Segue.

    Raises
    ------
    NotReady
        That interpreter has not both.
    """

    def __init__(self, python: str) -> None:
        words = [python, "-W", "ignore", "-c", PEER]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            self.versions: dict[str, str] = self._answer()
        except ValueError as error:
            self._process.wait()
            raise NotReady(f"{python} lacks librosa or pyloudnorm: pip install librosa pyloudnorm soundfile") from error

    def ask(self, path: Path, what: str) -> dict[str, Any]:
        """``what`` is "tempo", "both" or "loudness"."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([os.fspath(path), what]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let the process end."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "problem" in answer:  # a peer that does not work must not be taken for one that is wrong
            raise NotReady(f"the peer can't answer: {answer['problem']}")
        return answer


def librosa(peer: Peer) -> Contender:
    """librosa's tempo (its default prior), and Krumhansl's profiles on its chroma; whole files."""

    def ask(known: Known) -> Said:
        told = peer.ask(known.path, "both" if known.key else "tempo")
        key = told["key"]
        return Said(told["tempo"], (key[0], key[1]) if key else None, told["cpu_s"])

    return ask


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
