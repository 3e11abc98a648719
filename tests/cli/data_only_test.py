#!/usr/bin/python3
"""Studies without networks: `hullscope run` makes their page, which says what was found, what is missing and why; Fig. 1."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import h5py
import numpy as np
import pandas as pd

HULLSCOPE = os.environ["HULLSCOPE"]
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
STUDY = """
name = "data-only"
seed = 3
[data]
set = "gaussian-classes?dimension=2&ambient=4&classes=3&per_class_train=40&per_class_test=12"
[hull]
spaces = ["pixel"]
classes = true
left_out = 25
subsets = [30]
[proximity]
spaces = []
"""


def run(*words, code=0):
    done = subprocess.run([HULLSCOPE, "run", *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=200)
    assert done.returncode == code, f"{done.args}: exit {done.returncode}, expected {code}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


class DataOnly(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="hullscope data only "))
        self.addCleanup(shutil.rmtree, self.root)

    def page(self, folder):
        return (folder / "report/index.html").read_text()

    def test_the_circle_is_figure_1(self):
        study, folder = SOURCE / "studies/paper/circle.toml", self.root / "circle"
        said = run(study, "--output", folder, "--ranks", 1)
        self.assertIn("report: ", said)
        text = self.page(folder)
        for words in ("A circle seen through tuning curves", "0 of the 1,000 test points lie in the convex hull", "the study names no network",
                      "hull.projection is not set", "hullscope verify input/hull.h5"):
            self.assertIn(words, text)
        self.assertNotIn("No distances:", text)
        frame = pd.read_csv(folder / "report/figures/fig1.csv")
        self.assertEqual((frame.verdict == "outside").sum(), 1000)
        distances = pd.read_csv(folder / "report/figures/distances.csv")
        with h5py.File(folder / "input/proximity.h5") as file:
            own, stored = distances[distances.measure == "euclidean"], file["pixel/euclidean/distance"][:]
        np.testing.assert_allclose(np.sort(own.distance), np.sort(stored), rtol=1e-12)
        made = (folder / "report/index.html").stat().st_mtime_ns
        self.assertIn("everything is done already", run(study, "--output", folder, "--ranks", 1))
        self.assertEqual((folder / "report/index.html").stat().st_mtime_ns, made)
        plane = self.root / "plane"
        run(study, "--output", plane, "--ranks", 1, "--set", "preset=plane")
        self.assertIn("1,000 of the 1,000 test points lie in the convex hull", self.page(plane))

    def test_every_hull_has_a_row_and_what_is_missing_a_reason(self):
        study, folder = self.root / "study.toml", self.root / "out"
        study.write_text(STUDY)
        run(study, "--output", folder, "--ranks", 1)
        text = self.page(folder)
        self.assertIn("proximity.spaces does not name pixel", text)
        self.assertNotIn("hull.classes is not set", text)
        table = pd.read_csv(folder / "report/tables/hulls.csv").set_index("file")
        self.assertEqual(sorted(table.index), [f"input/{n}.h5" for n in ("hull-classes", "hull-left-out-25", "hull-subset-30", "hull")])
        for name, row in table.iterrows():
            with h5py.File(folder / name) as file:
                verdict = file["verdict"][:]
            self.assertEqual((row.points, row.inside, row.outside, row.undecided), (len(verdict), (verdict == 1).sum(), (verdict == 2).sum(), 0))
        self.assertEqual(table.loc["input/hull-left-out-25.h5", "asked"], "training points")
        self.assertEqual(table.loc["input/hull-subset-30.h5", "hull of"], "30 training points")
        for link in re.findall(r'(?:src|href)="([^"#]+)"', text):
            self.assertTrue((folder / "report" / link).is_file(), link)

    def test_a_part_of_the_stages_makes_no_page(self):
        study, folder = SOURCE / "studies/paper/circle.toml", self.root / "part"
        self.assertNotIn("report:", run(study, "--output", folder, "--ranks", 1, "--stages", "hull,report"))
        self.assertFalse((folder / "report").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
