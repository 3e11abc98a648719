"""A small study with pretended inputs (tests/support/pretend_stages.cpp), on which the stages proximity and reduce run:
what their tests share."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import tomllib
import unittest

import h5py
import numpy as np

BUILD = pathlib.Path(os.environ["HULLSCOPE_BINARY_DIR"])
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
STUDY = """
name = "pretended"
seed = 11
[data]
set = "gaussian-classes?dimension=2&ambient=5&classes=4&per_class_train={train}&per_class_test={test}"
[train]
trials = {trials}
[encode]
dimensions = [2, 3]
[hull]
spaces = {spaces}
projection = true
classes = true
left_out = 50
subsets = [20, 100]
[proximity]
scores = ["euclidean_predicted_class", "kth_neighbour", "inverse_trust", "mahalanobis", "class_mean", "max_softmax"]
neighbour = 7
[reduce]
bootstrap = 200
dimension = 16
relative_accuracy = 0.95
[[network]]
name = "one"
layers = ["dense 8", "relu"]
[[network]]
name = "two"
layers = ["dense 16", "relu"]
"""
sys.path.insert(0, str(SOURCE / "tests/golden"))
import make_statistics as golden  # noqa: E402

MEASURES = ["euclidean", "euclidean_true_class", "cosine"]


def start(stage, study, folder, ranks=1, extra=()):
    program = BUILD / "libexec/hullscope" / stage if stage != "pretend" else BUILD / "tests/pretend_stages"
    command = [str(program), str(study), "--output", str(folder), *extra]
    if ranks > 1:
        command = [str(SOURCE / "tests/mpirun.sh"), str(ranks), *command]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})


def run(*arguments, **options):
    expected = options.pop("expected", 0)
    process = start(*arguments, **options)
    output = process.communicate(timeout=240)[0]
    assert process.returncode == expected, f"{arguments}: exit {process.returncode}, expected {expected}\n{output}"
    return output


def digests(folder):
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*.h5")):
        if path.name in ("proximity.h5", "results.h5"):
            with h5py.File(path) as file:
                found[str(path.relative_to(folder))] = file.attrs["content_digest"]
    return found


def by_id(file, scale, dataset):
    order = np.argsort(file[scale][:])
    return file[dataset][:][order]


class Pretended(unittest.TestCase):
    """`base` with both stages done in the folder `done`; other folders are copies of its inputs."""

    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="hullscope pretended "))
        cls.base = cls.prepare("base", train=150, test=90, trials=5)
        cls.folder = cls.copy("done")
        run("proximity", cls.study("base"), cls.folder)
        run("reduce", cls.study("base"), cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    @classmethod
    def study(cls, name):
        return cls.root / f"{name}.toml"

    @classmethod
    def prepare(cls, name, train, test, trials, spaces='["pixel", "neural", "latent", "pca"]'):
        cls.study(name).write_text(STUDY.format(train=train, test=test, trials=trials, spaces=spaces))
        folder = cls.root / name
        run("pretend", cls.study(name), folder)
        return folder

    @classmethod
    def copy(cls, name, base=None):
        return pathlib.Path(shutil.copytree(base or cls.base, cls.root / name))

    def spaces(self, network, trial):
        folder = self.folder / network / f"trial-{trial:02}"
        with h5py.File(folder / "activations.h5") as file:
            labels = {split: by_id(file, f"{split}/sample", f"{split}/label") for split in ("train", "test")}
            ids = np.sort(file["train/sample"][:])
            yield "neural", [by_id(file, f"{split}/sample", f"{split}/activation") for split in ("train", "test")], labels, ids
        for d in (2, 3):
            with h5py.File(folder / f"latent-{d:02}/codes.h5") as file:
                yield (f"latent-{d:02}", [by_id(file, f"{split}/sample", f"{split}/code") for split in ("train", "test")],
                       labels, ids)

    def data_set(self):
        return tomllib.loads(self.study("base").read_text())["data"]["set"]

    def table(self, results):
        text = lambda v: v.decode() if isinstance(v, bytes) else v  # noqa: E731
        names = list(results["table"])
        columns = [results[f"table/{name}"][:] for name in names]
        return [{name: text(value) for name, value in zip(names, row)} for row in zip(*columns)]
