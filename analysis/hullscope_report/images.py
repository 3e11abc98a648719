"""Test points beside their nearest training points, as images: the surest mistakes, and what lies nearest and farthest."""

import gzip
import os
import pathlib

import h5py
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .style import RIGHT, WRONG

SHAPES = {"mnist": (28, 28), "fashion-mnist": (28, 28), "cifar-10": (3, 32, 32)}
FILES = {
    "idx": {"train": ["train-images-idx3-ubyte"], "test": ["t10k-images-idx3-ubyte"]},
    "cifar-10": {"train": [f"data_batch_{k}.bin" for k in range(1, 6)], "test": ["test_batch.bin"]},
}
RECORD, HEADER = 3073, 16  # bytes of a CIFAR record with its label; of an IDX header
SHOWN = 8


class Images:
    """Images of a named data set by sample id (its row in the data set's files)."""

    def __init__(self, results):
        self.name = results.data_set
        self.shape = SHAPES.get(self.name)
        self.folders = self._folders(results)
        self.cache = {}

    def _folders(self, results):
        own = results.study.get("data", {}).get("folder", "")
        bases = [own, *os.environ.get("HULLSCOPE_DATA", "").split(":"), os.environ.get("XDG_CACHE_HOME", "~/.cache") + "/hullscope", "/usr/share/datasets"]
        found = []
        for base in filter(None, bases):
            base = pathlib.Path(base).expanduser()
            found += [base, base / self.name, base / "cifar-10-batches-bin", base / self.name / "cifar-10-batches-bin"]
        return found

    def _bytes(self, name):
        for folder in self.folders:
            if (folder / name).is_file():
                return (folder / name).read_bytes()
            if (folder / f"{name}.gz").is_file():
                return gzip.decompress((folder / f"{name}.gz").read_bytes())
        raise FileNotFoundError(name)

    def split(self, split):
        """All images of a split, n x height x width [x 3]. Raises FileNotFoundError."""
        if split not in self.cache:
            if self.shape is None:
                raise FileNotFoundError(f"{self.name} has no images")
            parts = [np.frombuffer(self._bytes(name), "u1") for name in FILES["cifar-10" if self.name == "cifar-10" else "idx"][split]]
            if self.name == "cifar-10":
                pixels = np.concatenate([part.reshape(-1, RECORD)[:, 1:] for part in parts])
                self.cache[split] = pixels.reshape(-1, *self.shape).transpose(0, 2, 3, 1)
            else:
                self.cache[split] = parts[0][HEADER:].reshape(-1, *self.shape)
        return self.cache[split]


def points_of(results, n):
    """Test points of a network's first trial in the latent space of the distance statistics, or None without files."""
    folder = results.folder / results.networks[n] / f"trial-{results.trials[0]:02}"
    if not (folder / "proximity.h5").is_file() or not (folder / "activations.h5").is_file():
        return None
    space = f"latent-{results.dimension:02}"
    with h5py.File(folder / "activations.h5") as file:
        frame = pd.DataFrame({name: file[f"test/{name}"][:] for name in ("sample", "label", "predicted")}).set_index("sample")
        if "test/logit" in file:
            logit = file["test/logit"][:].astype(float)
            chance = np.exp(logit - logit.max(axis=1, keepdims=True))
            frame["confidence"] = (chance / chance.sum(axis=1, keepdims=True)).max(axis=1)
        labels = dict(zip(file["train/sample"][:], file["train/label"][:]))
    with h5py.File(folder / "proximity.h5") as file:
        group = f"{space}/euclidean"
        if group not in file:
            return None
        own = pd.DataFrame({"distance": file[f"{group}/distance"][:], "nearest": file[f"{group}/nearest"][:]}, index=file["sample"][:])
    frame = frame.join(own).reset_index(names="sample")
    frame["nearest_label"] = frame.nearest.map(labels)
    hull = folder / space / "hull.h5"
    if hull.is_file():
        with h5py.File(hull) as file:
            inside = pd.Series(file["verdict"][:] == 1, index=file["sample"][:])
        frame["inside"] = frame["sample"].map(inside)
    return frame


def choices(points):
    """(title, rows) of what is shown."""
    wrong = points[points.label != points.predicted]
    by = "confidence" if "confidence" in points else "distance"
    return [
        ("surest mistakes" if by == "confidence" else "nearest mistakes", wrong.sort_values(by, ascending=by == "distance").head(SHOWN)),
        ("nearest to the training set", points.sort_values("distance").head(SHOWN)),
        ("farthest from it", points.sort_values("distance", ascending=False).head(SHOWN)),
    ]


def draw(results, n):
    """(figure, frame, caption, alt) of a network, or a sentence why there is none."""
    points = points_of(results, n)
    if points is None:
        return "No images of neighbours: the first trial's activations or distances are not in this folder."
    images = Images(results)
    try:
        test, train = images.split("test"), images.split("train")
    except FileNotFoundError as error:
        return f"No images of neighbours: {error}; the report looks where HULLSCOPE_DATA says."
    groups = choices(points)
    figure, axes = plt.subplots(2 * len(groups), SHOWN, figsize=(7.2, 2.15 * len(groups)), squeeze=False)
    for axis in axes.ravel():
        axis.axis("off")
    for g, (title, rows) in enumerate(groups):
        axes[2 * g, 0].set_title(title, loc="left", fontsize=8, fontweight="bold", pad=12)
        for k, r in enumerate(rows.itertuples()):
            for line, picture, words, colour in (
                (0, test[r.sample], f"{r.label} → {r.predicted}", RIGHT if r.label == r.predicted else WRONG),
                (1, train[r.nearest], f"{r.nearest_label}, {r.distance:.2g}", "#333333"),
            ):
                axis = axes[2 * g + line, k]
                axis.imshow(picture, cmap="gray_r" if picture.ndim == 2 else None, interpolation="nearest")
                axis.text(0.5, -0.04, words, transform=axis.transAxes, ha="center", va="top", fontsize=6.5, color=colour)
    frame = pd.concat([rows.assign(group=title) for title, rows in groups])
    caption = (
        f"{results.networks[n]}, trial {results.trials[0]}, latent space d = {results.dimension}: test points (upper rows; true → predicted class) and "
        "below each its nearest training point (its class, distance). "
    )
    wrong = groups[0][1]
    alt = f"{len(groups)} rows of {SHOWN} pairs of images. The mistakes shown: " + ", ".join(f"{r.label} taken for {r.predicted}" for r in wrong.itertuples()) + "."
    return figure, frame, caption, alt
