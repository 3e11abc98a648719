#!/usr/bin/python3
"""The hull stage's further hulls: of each class, of training points left out of their own, of subsets. Verdicts against
linear programs, proofs by `verify`, the same content on any ranks, and a sentence for what cannot be."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy as np
from scipy.optimize import linprog

BUILD = pathlib.Path(os.environ["HULLSCOPE_BINARY_DIR"])
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
STUDY = """
name = "further"
seed = 3
[data]
set = "gaussian-classes?dimension=2&ambient=4&classes=3&per_class_train=40&per_class_test=12"
[hull]
spaces = ["pixel"]
shard = 10
projection = true
{hull}
[proximity]
spaces = []
"""
FURTHER = "classes = true\nleft_out = 25\nsubsets = [30, 60]\n"
FILES = ("hull", "hull-classes", "hull-left-out-25", "hull-subset-30", "hull-subset-60")


def run(program, *arguments, ranks=1, code=0):
    command = [str(BUILD / "libexec/hullscope" / program), *map(str, arguments)]
    if ranks > 1:
        command = [str(SOURCE / "tests/mpirun.sh"), str(ranks), *command]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == code, f"{command}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def inside(points, query):
    """Is the query in the hull? By a linear program; the data are in general position, so that its tolerance is harmless."""
    found = linprog(np.zeros(len(points)), A_eq=np.vstack([points.T, np.ones(len(points))]), b_eq=np.r_[query, 1], method="highs")
    return found.status == 0


class FurtherHulls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="hullscope further "))
        cls.study = cls.root / "study.toml"
        cls.study.write_text(STUDY.format(hull=FURTHER))
        cls.folder = cls.root / "one rank"
        run("hull", cls.study, "--output", cls.folder)
        cls.input = cls.folder / "input"
        cls.train, cls.test = (np.load(cls.input / f"{split}.npy").astype(float) for split in ("train", "test"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root)

    def verdicts(self, name, dataset="verdict"):
        with h5py.File(self.input / f"{name}.h5") as file:
            return file[dataset][:]

    def test_verdicts_are_those_of_linear_programs(self):
        labels = np.load(self.input / "train-labels.npy")
        self.assertEqual(np.bincount(labels).tolist(), [40, 40, 40])
        verdict = self.verdicts("hull-classes", "class_hull/verdict")
        for c in range(3):
            expected = [inside(self.train[labels == c], y) for y in self.test]
            np.testing.assert_array_equal(verdict[:, c] == 1, expected)
        np.testing.assert_array_equal(self.verdicts("hull-classes"), self.verdicts("hull"))
        for n in (30, 60):
            rows = np.load(self.input / f"hull-subset-{n}-rows.npy")
            np.testing.assert_array_equal(self.verdicts(f"hull-subset-{n}") == 1, [inside(self.train[rows], y) for y in self.test])
        left_out = np.load(self.input / "hull-left-out-25-rows.npy")
        expected = [inside(np.delete(self.train, row, axis=0), self.train[row]) for row in left_out]
        found = self.verdicts("hull-left-out-25") == 1
        np.testing.assert_array_equal(found, expected)
        self.assertTrue(0 < found.sum() < 25)
        np.testing.assert_array_equal(np.load(self.input / "hull-left-out-25-points.npy"), self.train[left_out].astype("f4"))
        with h5py.File(self.input / "hull-left-out-25.h5") as file:
            np.testing.assert_array_equal(file["sample"][:], left_out)  # ids of a synthetic set are its rows

    def test_draws_are_nested_and_of_the_seed(self):
        small, large, left_out = (np.load(self.input / f"hull-{name}-rows.npy") for name in ("subset-30", "subset-60", "left-out-25"))
        self.assertEqual([len(set(rows)) for rows in (small, large, left_out)], [30, 60, 25])
        self.assertLess(set(small), set(large))
        self.assertFalse(set(left_out) <= set(small))
        other = self.root / "other seed"
        run("hull", self.study, "--output", other, "--set", "seed=4", "--set", "hull.classes=false", "--set", "hull.subsets=[30]")
        self.assertNotEqual(set(np.load(other / "input/hull-subset-30-rows.npy")), set(small))

    def test_every_verdict_is_verified(self):
        files = [self.input / f"{name}.h5" for name in FILES]
        said = run("verify", *files)
        self.assertIn("verified 169 of 169, undecided 0: 5 files", said)
        self.assertIn("hulls of 3 classes: verified 108 of 108", said)
        run("check", *files)

    def test_a_false_list_is_refused(self):
        place = self.root / "damaged"
        shutil.copytree(self.input, place)
        rows = np.load(place / "hull-left-out-25-rows.npy")
        np.save(place / "hull-left-out-25-rows.npy", np.r_[rows[1], rows[0], rows[2:]])
        said = run("verify", place / "hull-left-out-25.h5", code=1)
        self.assertIn("refused (integrity): the digest of the list of left-out rows", said)
        self.assertIn("query 0 is not row", said)
        rows = np.load(place / "hull-subset-30-rows.npy")
        np.save(place / "hull-subset-30-rows.npy", rows[:-9])
        self.assertIn("the digest of the subset", run("verify", place / "hull-subset-30.h5", code=1))

    def test_the_same_on_any_ranks(self):
        for ranks in (2, 3):
            folder = self.root / f"{ranks} ranks"
            run("hull", self.study, "--output", folder, ranks=ranks)
            for name in FILES:
                with h5py.File(self.input / f"{name}.h5") as one, h5py.File(folder / f"input/{name}.h5") as other:
                    self.assertEqual(one.attrs["content_digest"], other.attrs["content_digest"], f"{name}, {ranks} ranks")

    def test_they_extend_a_finished_study(self):
        plain = self.root / "plain.toml"
        plain.write_text(STUDY.format(hull=""))
        folder = self.root / "extended"
        run("hull", plain, "--output", folder)
        self.assertEqual([p.name for p in folder.glob("input/*.h5")], ["hull.h5"])
        before = (folder / "input/hull.h5").stat().st_mtime_ns
        run("hull", self.study, "--output", folder)
        self.assertEqual((folder / "input/hull.h5").stat().st_mtime_ns, before)
        self.assertEqual(sorted(p.stem for p in folder.glob("input/*.h5")), sorted(FILES))

    def test_more_points_than_there_are(self):
        for key, word in (("hull.subsets=[121]", "subsets"), ("hull.left_out=121", "left_out")):
            said = run("hull", self.study, "--output", self.root / word, "--set", key, ranks=2, code=2)
            self.assertIn(f"121 training points are asked for, but there are 120; give hull.{word} smaller numbers", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
