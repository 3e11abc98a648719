#!/usr/bin/python3
"""analysis/paper_page.py: a study beside the paper as Markdown and CSV; the sensitivity grid beside Fig. 4, on the page as in
the report; benchmarks/sensitivity.py's and classifier.py's own parts."""

import pathlib
import subprocess
import sys
import tempfile
import tomllib
import unittest

import h5py
import numpy as np
import pandas as pd

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "analysis"), str(SOURCE / "benchmarks")]
sys.dont_write_bytecode = True
GRID = """network,trial,output,epochs,rate,d,unexplained_variance,relative_accuracy,inside
mlp-64,0,linear,20,0.001,16,0.004,0.998,0.24
mlp-64,0,relu,20,0.001,16,0.16,0.997,0.66
mlp-64,0,linear,40,0.001,16,0.003,nan,0.5
"""


def python(script, *arguments):
    return subprocess.run(["/usr/bin/python3", str(SOURCE / script), *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def tables_of(text):
    """{first words of the caption: rows of cells} of a Markdown page."""
    found, lines = {}, text.splitlines()
    for k, line in enumerate(lines):
        if line.startswith("|") and (k == 0 or not lines[k - 1].startswith("|")):
            rows = [[c.strip() for c in r.strip("|").split(" | ")] for r in lines[k : next((j for j in range(k, len(lines)) if not lines[j].startswith("|")), len(lines))]]
            found[lines[k - 2]] = [rows[0], *rows[2:]]
    return found


def starting(tables, words):
    return next(rows for caption, rows in tables.items() if caption.startswith(words))


class PaperPage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name) / "a study"
        made = python("tests/analysis/make_example.py", cls.folder, 3, 10)
        assert made.returncode == 0, made.stderr
        study = cls.folder / "study.toml"
        study.write_text('preset = "full"\n' + study.read_text())
        (cls.folder / "sensitivity.csv").write_text(GRID)
        cls.page = cls.folder.parent / "pages/mine.md"
        run = python("analysis/paper_page.py", cls.folder, "--output", cls.page)
        assert run.returncode == 0, run.stderr
        cls.text = cls.page.read_text()
        cls.tables = tables_of(cls.text)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_value_by_value(self):
        rows = starting(self.tables, "The paper’s Fig. 4 beside us")
        self.assertEqual(len(rows) - 1, 3 * 9)
        with h5py.File(self.folder / "results.h5") as file:
            inside = file["/hull/inside"][0, :, 3]
        at = {(r[0], r[1]): r for r in rows[1:]}
        found = at["mlp-64", "fraction in the hull, d = 16"]
        self.assertEqual(found[3], f"{inside.mean():.4f}")
        self.assertEqual(found[5], "0.2400 … 0.6600")  # the grid's range
        self.assertEqual(at["mlp-64", "relative accuracy, d = 16"][5], "0.9970 … 0.9980")
        self.assertEqual(at["mlp-256", "fraction in the hull, d = 16"][5], "–")
        self.assertEqual(found[6], "0.426")
        csv = pd.read_csv(self.page.with_suffix("") / "paper-fig4.csv").set_index(["network", "quantity"])
        self.assertAlmostEqual(csv.loc[("mlp-64", "fraction in the hull, d = 16"), "ours"], inside.mean())

    def test_the_hulls_z_with_distance_centred(self):
        rows = starting(self.tables, "The paper’s Fig. S5 beside us")
        column = rows[0].index("distance centred")
        with h5py.File(self.folder / "results.h5") as file:
            terms = [t.decode() for t in file["/term"]]
            measures = [m.decode() for m in file["/measure"]]
            z = file["/logit/standardised/z"][0, :, measures.index("euclidean_true_class"), terms.index("in_hull")]
        at = {(r[0], r[1]): r[column] for r in rows[1:]}
        self.assertEqual(at["mlp-64", "z of in hull"], f"{z.mean():.2f}".replace("-", "−"))
        self.assertEqual({v for (_, quantity), v in at.items() if quantity != "z of in hull"}, {"–"})

    def test_the_exceptions_and_the_claims(self):
        """z of distance is about -4 by the example's order of terms, in hull 1.5: no exception; none is negative."""
        with h5py.File(self.folder / "results.h5") as file:
            z = file["/logit/raw/z"][:].mean(1)
        larger = int((np.abs(z[..., 2]) > np.abs(z[..., 1])).sum())
        self.assertIn(f"|z in_hull| > |z distance| in {larger} of 9 networks x measures", self.text)
        self.assertIn(f"z in_hull is negative in {int((z[..., 2] < 0).sum())} of 9", self.text)
        self.assertIn("in 8 of 36; z in_hull is negative in 18 of the 18 CIFAR-10 fits", self.text)
        self.assertEqual(len(starting(self.tables, "The paper’s Fig. S1 beside us")) - 1, 3 * 4)
        self.assertIn("(a) the intrinsic space is low-dimensional", self.text)

    def test_every_link_leads_to_its_csv(self):
        import re

        links = re.findall(r"\[CSV\]\(([^)]+)\)", self.text)
        self.assertEqual(sorted(links), sorted(f"mine/{p.name}" for p in (self.page.with_suffix("")).iterdir()))
        self.assertNotIn(self.scratch.name, self.text)
        widths = [{len(row) for row in rows} for rows in self.tables.values()]
        self.assertTrue(all(len(w) == 1 for w in widths), widths)

    def test_the_report_has_the_grid_too(self):
        from hullscope_report import pieces, results, verdicts

        with tempfile.TemporaryDirectory() as folder:
            html, _ = verdicts.beside_figure_4(results.Results(self.folder), pieces.Pieces(folder), "", [0, 1])
        self.assertIn("0.2400 … 0.6600", html)
        self.assertIn("range over the grid", html)
        self.assertIn("Grid: output linear or relu; 20, 40 epochs", html)

    def test_the_toy_study(self):
        with tempfile.TemporaryDirectory() as folder:
            python("tests/analysis/make_example.py", folder, 2, 10)
            with h5py.File(f"{folder}/results.h5", "r+") as file:
                file["/network"][...] = [b"toy-1", b"toy-2"]
                del file["/table"]
                file["/bottleneck"][...] = [1, 2, 3, 4]
                file["/relative_accuracy/value"][...] = 1
                file["/relative_accuracy/value"][1, 2:, 0] = 0.9  # in two trials the first dimension is enough
            run = python("analysis/paper_page.py", folder)
            self.assertEqual(run.returncode, 0, run.stderr)
            rows = starting(tables_of(run.stdout), "Relative accuracy, mean over trials; found")
            self.assertEqual([[*r[:3], r[3].split(" ")[0]] for r in rows[1:]], [["1", "1", "10 of 10", "1.000"], ["1, paper", "", "", "0.996"],
                                                         ["2", "2", "8 of 10", "0.920"], ["2, paper", "", "", "0.901"]])

    def test_bad_folders_get_a_sentence(self):
        with tempfile.TemporaryDirectory() as empty:
            run = python("analysis/paper_page.py", empty)
            self.assertEqual((run.returncode, len(run.stderr.strip().splitlines())), (2, 1))
            self.assertIn("run the study first", run.stderr)


class Sensitivity(unittest.TestCase):
    STUDY = """name = "s"
[train]
trials = 3
[encode]
epochs = 40
rate = 0.001
[[network]]
name = "a"
layers = ["dense 4"]
[[test]]
name = "t"
shift = "noise"
strengths = [1]
[[network]]
name = "b"
layers = ["dense 5"]
"""

    def test_the_grid(self):
        import sensitivity

        found = list(sensitivity.grid(tomllib.loads(self.STUDY)))
        self.assertEqual((len(found), len(set(found))), (18, 18))
        self.assertEqual({f[1] for f in found}, {20, 40, 160})
        self.assertEqual({f[2] for f in found}, {0.0003, 0.001, 0.003})

    def test_one_network_alone_and_no_further_test_sets(self):
        import sensitivity

        for name in ("a", "b"):
            study = tomllib.loads(sensitivity.study_of_one(self.STUDY, name))
            self.assertEqual([n["name"] for n in study["network"]], [name])
            self.assertNotIn("test", study)
            self.assertEqual(study["train"]["trials"], 3)

    def test_the_classifiers_choices_one_at_a_time(self):
        import classifier

        train = {"batch": 128, "rate": 1e-3, "epochs": 20, "scaling": "unit"}
        (first, nothing), *others = classifier.variants(train)
        self.assertEqual((first, nothing), ("as in the study", {}))
        self.assertEqual(sorted(((k, v) for _, changed in others for k, v in changed.items()), key=str),
                         sorted({"batch": 32, "rate": "0.00025", "epochs": 5, "scaling": '"standard"'}.items()
                                | {"batch": 512, "rate": "0.004", "epochs": 80}.items(), key=str))
        self.assertEqual({len(changed) for _, changed in others}, {1})
        self.assertEqual(len({name for name, _ in others}), 7)


if __name__ == "__main__":
    unittest.main(verbosity=2)
