"""The benchmark's data sets: 60,000 points and 10,000 queries of each, float32, made once in a folder.

pixels        Fashion-MNIST, training and test images, 0..255
pca-D         the same, on the D leading principal directions of the training images
gaussian-16   standard normal, seed 16
layer-128     the last hidden layer of a trained network         (from a study's activations.h5)
code-D        the code of an autoencoder trained on that layer   (from a study's latent-DD/codes.h5)
scale-N-D     standard normal with N points, 1,000 queries, for the cost in N
features-N-D  like a network's last hidden layer: ReLU of a random map of 1,000 class means and 128 factors, with noise;
              500 queries, for the cost in wide rows
"""

import gzip
import pathlib

import h5py
import numpy as np

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
PCA = (2, 4, 8, 16, 32, 64, 128)
TINY = 300  # points of the data sets that only try the script


def read_images(path):
    with gzip.open(path) as file:
        raw = file.read()
    count, height, width = np.frombuffer(raw, ">i4", 3, 4)
    return np.frombuffer(raw, np.uint8, offset=16).reshape(count, height * width).astype(np.float32)


def principal_directions(images):
    """The mean and the principal directions, columns by falling variance; signs fixed by the largest entry."""
    mean = images.mean(axis=0, dtype=np.float64)
    centred = images - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    vectors = vectors[:, ::-1]
    largest = np.abs(vectors).argmax(axis=0)
    return mean, vectors * np.sign(vectors[largest, np.arange(vectors.shape[1])])


def features(d):
    """draw(k): k points of d features, float32, one after another from one generator."""
    rng = np.random.default_rng(1)
    means = rng.normal(size=(1000, 128))
    weights = rng.normal(size=(128, d)).astype(np.float32) / 11

    def draw(count):
        z = (means[rng.integers(1000, size=count)] + 0.7 * rng.normal(size=(count, 128))).astype(np.float32)
        noise = 0.3 * rng.standard_normal(size=(count, d), dtype=np.float32)
        return np.maximum(z @ weights + noise - 0.5, 0)

    return draw


def study_files(study):
    """The first trained layer of 128 features of a study, and the widest code of at most 16 beside it."""
    found = []
    for layer in sorted(pathlib.Path(study).glob("*/trial-*/activations.h5")):
        with h5py.File(layer) as file:
            if file["train/activation"].shape[1] == 128:
                found.append(layer)
    if not found:
        raise SystemExit(f"{study}: found no */trial-*/activations.h5 with 128 features; name a finished study")
    codes = sorted(found[0].parent.glob("latent-*/codes.h5"))
    codes = [path for path in codes if int(path.parent.name.split("-")[1]) <= 16]
    return found[0], codes[-1] if codes else None


class Data:
    """points(name), queries(name) in a folder; made when first asked for."""

    def __init__(self, folder, study=None, tiny=False):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.study, self.tiny = study, tiny

    def names(self):
        fixed = [f"pca-{d}" for d in PCA] + ["pixels", "gaussian-16"]
        return fixed + (["layer-128", "code"] if self.study else [])

    def paths(self, name):
        paths = [self.folder / f"{name}-{role}.npy" for role in ("points", "queries")]
        if not all(path.exists() for path in paths):
            self.make(name)
        return paths

    def load(self, name):
        return [np.load(path) for path in self.paths(name)]

    def save(self, name, points, queries):
        if self.tiny and not name.startswith(("scale-", "features-")):
            points, queries = points[:TINY], queries[: TINY // 5]
        for role, array in (("points", points), ("queries", queries)):
            partial = self.folder / f"{name}-{role}.partial.npy"
            np.save(partial, np.ascontiguousarray(array, dtype=np.float32))
            partial.rename(self.folder / f"{name}-{role}.npy")

    def make(self, name):
        kind, _, rest = name.partition("-")
        if kind in ("pixels", "pca"):
            self.make_fashion()
        elif kind == "gaussian":
            rng = np.random.default_rng(int(rest))
            points = rng.standard_normal((60000, int(rest)))
            self.save(name, points, rng.standard_normal((10000, int(rest))))
        elif kind == "scale":
            n, d = map(int, rest.split("-"))
            rng = np.random.default_rng(n + d)
            points = rng.standard_normal((n, d), dtype=np.float32)
            self.save(name, points, rng.standard_normal((1000, d), dtype=np.float32))
        elif kind == "features":
            n, d = map(int, rest.split("-"))
            draw = features(d)
            queries = draw(500)
            self.save(name, np.concatenate([draw(min(8192, n - i)) for i in range(0, n, 8192)]), queries)
        else:
            self.make_study()

    def make_fashion(self):
        train = read_images(FASHION / "train-images-idx3-ubyte.gz")
        test = read_images(FASHION / "t10k-images-idx3-ubyte.gz")
        self.save("pixels", train, test)
        mean, vectors = principal_directions(train)
        for d in PCA:
            self.save(f"pca-{d}", (train - mean) @ vectors[:, :d], (test - mean) @ vectors[:, :d])

    def make_study(self):
        layer, code = study_files(self.study)
        for name, path, entry in (("layer-128", layer, "activation"), ("code", code, "code")):
            if path is None:
                continue
            with h5py.File(path) as file:
                self.save(name, file[f"train/{entry}"][:], file[f"test/{entry}"][:])
