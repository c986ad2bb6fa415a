"""MusiCNN (Pons and Serra 2019) as a teacher and as a peer: its published weights, computed in torch.

The ``musicnn`` wheel (ISC licence) carries TensorFlow 1 checkpoints. They are read here directly, so that neither
TensorFlow nor the wheel's code is installed: ``wheel()`` downloads it and nothing of it runs. Segue never needs these
weights when it is used, only when ours are trained, and in benchmarks.

A patch is 187 frames of 16 ms and 96 mel bins, log10(1 + 10⁴ · power): three seconds of Segue's log-mel before its
pairs of frames are averaged.
"""

import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

__all__ = ["DIM", "MODELS", "PATCH_FRAMES", "MusiCNN", "wheel"]

MODELS = ("MTT_musicnn", "MSD_musicnn")
"""Trained on MagnaTagATune (19,000 clips) and on the Million Song Dataset (200,000 songs), 50 tags each."""
PATCH_FRAMES = 187
MELS = 96
DIM = 200
TIMBRAL = ((7, 38), (7, 67))
TEMPORAL = (128, 64, 32)

Floats = npt.NDArray[np.float32]


def wheel(cache: Path) -> Path:
    """The ``musicnn`` wheel in this folder, downloaded by pip if it is not there.

    Raises
    ------
    subprocess.CalledProcessError
        pip could not get it.
    """
    cache.mkdir(parents=True, exist_ok=True)
    found = sorted(cache.glob("musicnn-*.whl"))
    if not found:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(cache), "musicnn"]
        subprocess.run(command, check=True)
        found = sorted(cache.glob("musicnn-*.whl"))
    return found[0]


class MusiCNN(nn.Module):
    """The published network; the forward pass gives the 200 numbers before the tags.

    Parameters
    ----------
    path
        The wheel.
    model
        One of ``MODELS``.
    """

    def __init__(self, path: Path, model: str) -> None:
        super().__init__()
        tensors = _checkpoint(path, f"musicnn/{model}/")

        def convolution(number: int) -> nn.Conv2d:
            kernel = torch.from_numpy(tensors[_numbered("conv2d", number) + "/kernel"]).permute(3, 2, 0, 1)
            made = nn.Conv2d(kernel.shape[1], kernel.shape[0], (int(kernel.shape[2]), int(kernel.shape[3])))
            made.weight = nn.Parameter(kernel.contiguous(), requires_grad=False)
            made.bias = nn.Parameter(torch.from_numpy(tensors[_numbered("conv2d", number) + "/bias"]), False)
            return made

        def affine(number: int) -> torch.Tensor:
            """Batch normalisation with fixed statistics: a factor and a summand for each channel."""
            name = _numbered("batch_normalization", number)
            parts = ("gamma", "beta", "moving_mean", "moving_variance")
            gamma, beta, mean, variance = (torch.from_numpy(tensors[f"{name}/{part}"]) for part in parts)
            factor = gamma / torch.sqrt(variance + 1e-3)
            return torch.stack([factor, beta - mean * factor])

        self.front = nn.ModuleList([convolution(number) for number in range(5)])
        self.middle = nn.ModuleList([convolution(number) for number in range(5, 8)])
        self.norms = [affine(number) for number in range(11)]
        self.dense = nn.Linear(*tensors["dense/kernel"].shape)
        self.dense.weight = nn.Parameter(torch.from_numpy(tensors["dense/kernel"]).T.contiguous(), False)
        self.dense.bias = nn.Parameter(torch.from_numpy(tensors["dense/bias"]), False)
        self.eval()

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, 200) from log-mels (n, 187, 96)."""
        heard = self._norm(patches[:, None], 0)
        padded = nn.functional.pad(heard, (0, 0, 3, 3))
        features = []
        for number, convolve in enumerate(self.front):
            if number < len(TIMBRAL):
                shaped = convolve(padded)
            else:
                length = TEMPORAL[number - len(TIMBRAL)]
                # TensorFlow's "same": the odd frame of an even kernel is on the right
                shaped = convolve(nn.functional.pad(heard, (0, 0, (length - 1) // 2, length // 2)))
            features.append(self._norm(shaped.relu_(), 1 + number).amax(3))
        front = torch.cat(features, 1)
        layers = [front]
        for number, convolve in enumerate(self.middle):
            # the kernel spans all channels, which TensorFlow lays along the second axis
            flat = nn.functional.pad(layers[-1].transpose(1, 2)[:, None], (0, 0, 3, 3))
            made = self._norm(convolve(flat).relu_(), 6 + number)[..., 0]
            layers.append(made if number == 0 else made + layers[-1])
        whole = torch.cat(layers, 1)
        pooled = torch.stack([whole.amax(2), whole.mean(2)], 2).flatten(1)  # maximum and mean of each channel in turn
        return self._norm(self.dense(self._norm(pooled, 9)).relu(), 10)

    def embed(self, frames: Floats, batch: int = 1) -> Floats:
        """float32 (patches, 200): every whole patch of log-mel frames (frames, 96), one after the other."""
        count = len(frames) // PATCH_FRAMES
        patches = torch.from_numpy(frames[: count * PATCH_FRAMES].reshape(count, PATCH_FRAMES, MELS))
        with torch.inference_mode():
            said = [self(patches[begin : begin + batch]) for begin in range(0, count, batch)]
            return torch.cat(said).numpy() if said else np.zeros((0, DIM), dtype=np.float32)

    def _norm(self, values: torch.Tensor, number: int) -> torch.Tensor:
        factor, summand = self.norms[number]
        shape = (1, -1) + (1,) * (values.ndim - 2)
        normed: torch.Tensor = values * factor.view(shape) + summand.view(shape)
        return normed


def _numbered(kind: str, number: int) -> str:
    return kind if number == 0 else f"{kind}_{number}"


def _checkpoint(path: Path, folder: str) -> dict[str, Floats]:
    """The float tensors of a TensorFlow checkpoint of the second version that is one shard.

    The index is a sorted table of (name, BundleEntryProto) as LevelDB writes them, the data are the bytes in a row.
    """
    with zipfile.ZipFile(path) as archive:
        index, data = (archive.read(f"{folder}.{part}") for part in ("index", "data-00000-of-00001"))
    position = len(index) - 48  # the footer: where the meta index lies, where the index lies
    _, position = _varint(index, position)
    _, position = _varint(index, position)
    offset, position = _varint(index, position)
    size, _ = _varint(index, position)
    tensors = {}
    for _, handle in _block(index, offset, size):
        begin, after = _varint(handle, 0)
        length, _ = _varint(handle, after)
        for name, entry in _block(index, begin, length):
            if name and not name.endswith((b"/Adam", b"/Adam_1")):
                shape, start, count = _entry(entry)
                values = (
                    np.frombuffer(data, np.float32, count // 4, start) if count % 4 == 0 else np.zeros(0, np.float32)
                )
                if values.size == int(np.prod(shape, dtype=np.int64)):
                    tensors[name.decode()] = values.reshape(shape).copy()
    return tensors


def _block(content: bytes, offset: int, size: int) -> list[tuple[bytes, bytes]]:
    """The keys and values of a block; a key shares its beginning with the one before it."""
    block = content[offset : offset + size]
    ends = len(block) - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    position, key, entries = 0, b"", []
    while position < ends:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + own]
        entries.append((key, block[position + own : position + own + length]))
        position += own + length
    return entries


def _entry(proto: bytes) -> tuple[list[int], int, int]:
    """Shape, offset and size in bytes out of a BundleEntryProto."""
    shape: list[int] = []
    numbers = {4: 0, 5: 0}
    for field, value in _fields(proto):
        if field == 2 and isinstance(value, bytes):
            for inner, dimension in _fields(value):
                if inner == 2 and isinstance(dimension, bytes):
                    shape += [int(size) for part, size in _fields(dimension) if part == 1 and isinstance(size, int)]
        elif field in numbers and isinstance(value, int):
            numbers[field] = value
    return shape, numbers[4], numbers[5]


def _fields(proto: bytes) -> list[tuple[int, int | bytes]]:
    position, found = 0, []
    while position < len(proto):
        tag, position = _varint(proto, position)
        value: int | bytes
        if tag & 7 == 0:
            value, position = _varint(proto, position)
        else:
            length = 4 if tag & 7 == 5 else 0
            if tag & 7 == 2:
                length, position = _varint(proto, position)
            value = proto[position : position + length]
            position += length
        found.append((tag >> 3, value))
    return found


def _varint(content: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
