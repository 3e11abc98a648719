#!/usr/bin/python3
"""Makes reports of example studies, renders them in headless Chromium and checks what a reader sees.

The numbers of the tables must be those of results.h5, every figure must be there with its CSV, warnings must come and
go with what they warn of, nothing may be loaded from elsewhere, and the page must fit a phone.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
from html.parser import HTMLParser

import h5py
import numpy as np
import pandas as pd
import scipy.stats

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "analysis"))
from hullscope_report.frames import frames  # noqa: E402

CHROMIUM = [
    "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--virtual-time-budget=3000",
]  # fmt: skip


def python(script, *arguments):
    return subprocess.run(
        ["/usr/bin/python3", str(script), *map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def rendered(page, width=1000):
    """The page's DOM after rendering, and the width that it wants."""
    with tempfile.TemporaryDirectory() as profile:
        probe = pathlib.Path(profile) / "probe.html"
        text = page.read_text()
        script = "<script>document.title = 'wants ' + document.documentElement.scrollWidth + ' of ' + window.innerWidth</script>"
        probe.write_text(text.replace("</body>", script + "</body>"))
        run = subprocess.run(
            [*CHROMIUM, f"--user-data-dir={profile}/user", f"--window-size={width},900", "--dump-dom", f"file://{probe}"],
            capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
    wants, has = map(int, re.search(r"<title>wants (\d+) of (\d+)</title>", run.stdout).groups())
    return run.stdout, wants, has


class Tables(HTMLParser):
    """All tables of a page by their captions: {caption: list of rows of cell texts}."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.rows, self.cell, self.caption = {}, None, None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "caption":
            self.caption = ""
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data
        elif self.caption is not None:
            self.caption += data

    def handle_endtag(self, tag):
        if tag == "caption":
            assert self.caption, "a table without a caption"
            self.rows = self.tables.setdefault(self.caption, [])
            self.caption = None
        elif tag in ("td", "th"):
            self.rows[-1].append(self.cell)
            self.cell = None

    def starting(self, words):
        return next(rows for label, rows in self.tables.items() if label.startswith(words))


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folders, cls.pages = {}, {}
        for name, networks, trials in (("two", 2, 2), ("ten", 6, 10), ("one", 1, 1)):
            folder = cls.folders[name] = pathlib.Path(cls.scratch.name) / f"a study {name}"
            made = python(SOURCE / "tests/analysis/make_example.py", folder, networks, trials)
            assert made.returncode == 0, made.stderr
            run = python(SOURCE / "analysis/report.py", folder)
            assert run.returncode == 0, run.stderr
            assert run.stdout.strip() == f"report: {folder}/report/index.html", run.stdout
            cls.pages[name] = rendered(folder / "report/index.html")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_numbers_are_those_of_the_file(self):
        for name in self.folders:
            tables = Tables(self.pages[name][0])
            with h5py.File(self.folders[name] / "results.h5") as file:
                networks = [n.decode() for n in file["/network"][...]]
                for words, path in (("Relative accuracy", "/relative_accuracy/mean"), ("Fraction of test points inside the hull of", "/hull/mean")):
                    rows = {row[0]: row[1:] for row in tables.starting(words)}
                    for n, network in enumerate(networks):
                        self.assertEqual([cell.split(" ")[0] for cell in rows[network]], [f"{v:.4f}" for v in file[path][n]])
                rows = tables.starting("Does distance")[1:]
                self.assertEqual(len(rows), len(networks) * 9)
                expected = file["/auroc"][...].mean(axis=1).reshape(-1)
                self.assertEqual([row[4] for row in rows], [f"{v:.3f}" for v in expected])
                rows = tables.starting("The paper’s fit")[1:]
                z = file["/logit/raw/z"][...].transpose(0, 2, 1, 3).reshape(len(rows), 4)
                for row, values in zip(rows, z):
                    self.assertEqual(row[3:6], [f"{v:.2f}".replace("-", "−") for v in values[1:]])

    def test_every_figure_is_there_with_its_data(self):
        further = ["fig-spaces", "fig-hull-distances", "fig-subsets", "fig-classes", "fig-per-class", "fig-scores"]
        for name, families in (("two", ["mlp"]), ("ten", ["mlp", "cnn"]), ("one", ["mlp"])):
            text = self.pages[name][0]
            figures = re.findall(r'<figure id="([^"]+)"', text)
            suffix = (lambda f: f"-{f}") if len(families) > 1 else lambda f: ""  # noqa: E731
            expected = [f"fig4{suffix(f)}" for f in families]
            expected += [f"fig5-{m}-{f}" for m in ("euclidean", "euclidean-true-class", "cosine") for f in families]
            self.assertEqual(figures, expected + further)
            folder = self.folders[name] / "report/figures"
            for figure in figures:
                self.assertGreater(len(pd.read_csv(folder / f"{figure}.csv")), 0)
                self.assertEqual((folder / f"{figure}.png").read_bytes()[:4], b"\x89PNG")
                self.assertIn("<svg", (folder / f"{figure}.svg").read_text())
            self.assertEqual(sorted(p.stem for p in folder.glob("*.svg")), sorted(figures))

    def test_every_table_has_a_csv_with_its_numbers(self):
        folder = self.folders["ten"] / "report/tables"
        with h5py.File(self.folders["ten"] / "results.h5") as file:
            inside, accuracy = file["/hull/mean"][...], file["/accuracy/test_mean"][...]
        table = pd.read_csv(folder / "inside.csv").set_index("network")
        np.testing.assert_allclose(table.loc[["mlp-64", "cnn-3"], "d = 16"], inside[[0, 5], 3], rtol=1e-12)
        np.testing.assert_allclose(table.loc["mlp-64", "d = 16 upper"] - table.loc["mlp-64", "d = 16 lower"], 0.02, rtol=1e-6)
        np.testing.assert_allclose(pd.read_csv(folder / "accuracy.csv")["test accuracy"], accuracy, rtol=1e-12)
        ids = re.findall(r'<table id="table-([^"]+)"', self.pages["ten"][0])
        self.assertEqual(sorted(ids), sorted(p.stem for p in folder.glob("*.csv")))
        self.assertEqual(len(pd.read_csv(folder / "scores.csv")), 6 * 9)

    def test_links_lead_somewhere(self):
        for name, (text, _, _) in self.pages.items():
            report = self.folders[name] / "report"
            for link in re.findall(r'(?:src|href)="([^"]+)"', text):
                if link.startswith("#"):
                    self.assertIn(f'id="{link[1:]}"', text)
                else:
                    self.assertTrue((report / link).is_file(), link)

    def test_a_screen_reader_finds_its_way(self):
        text = self.pages["ten"][0]
        levels = [int(n) for n in re.findall(r"<h([1-6])", text)]
        self.assertEqual(levels[0], 1)
        self.assertEqual(levels.count(1), 1)
        self.assertTrue(all(b - a <= 1 for a, b in zip(levels, levels[1:])), levels)
        images = re.findall(r"<img [^>]*>", text)
        self.assertTrue(images and all(re.search(r'alt="[^"]{40,}"', image) for image in images))
        self.assertEqual(text.count("<table"), text.count("<caption"))
        self.assertFalse(re.findall(r"<th(?! scope=)[ >]", text))
        self.assertIn('<html lang="en"', text)

    def test_measures_that_use_the_label_are_marked(self):
        rows = Tables(self.pages["ten"][0]).starting("Scores of wrong")
        for row in rows[1:]:
            self.assertEqual(row[3].startswith("yes"), "true class" in row[1], row)

    def test_the_claims_and_the_paper_are_there(self):
        text = self.pages["ten"][0]
        self.assertIn("the intrinsic space is low-dimensional", text)
        self.assertEqual(text.count("By the same rules the paper’s own values give"), 5)
        rows = Tables(text).starting("The paper’s Fig. 4 beside us, mlp")[1:]
        self.assertEqual(len(rows), 3 * 9)  # accuracy, and two quantities at four d
        for row in rows:
            if row[1] == "fraction in the hull, d = 16":
                self.assertNotEqual(row[6], "–")  # the paper's interval
                self.assertIn(row[8], ("yes", "no"))
        rows = Tables(text).starting("The paper’s Fig. S1 beside us")[1:]
        self.assertEqual({row[1] for row in rows}, {"z of distance", "z of in hull", "z of interaction", "KS, neural space"})
        self.assertRegex(text, r"Of \d+ values that the paper gives, \d+ agree, \d+ differ")

    def test_what_is_missing_is_said(self):
        text = self.pages["two"][0]
        for words in ("hull.classes is not set", "hull.spaces does not name pixel", "No images of neighbours", "are no longer in this folder"):
            self.assertIn(words, text)

    def test_trials_that_are_not_there_are_said(self):
        from hullscope_report import overview, results
        from hullscope_report.long_table import long_table

        found = results.Results(self.folders["two"])
        said = lambda: " ".join(overview.missing(found, long_table(found), []))  # noqa: E731
        self.assertNotIn("trials are asked for", said())
        found.study["train"]["trials"] = 5
        self.assertIn("5 trials are asked for by study.toml, 2 are in results.h5: run the study again to have the rest", said())

    def test_the_finding_names_every_space(self):
        from hullscope_report import page, results

        found = results.Results(self.folders["two"])
        self.assertNotIn("in pixels", page.answer(found))
        found._values.update({"/hull/neural_inside": np.array([[0.25, 0.75], [np.nan, np.nan]]), "/hull/pixel_inside": np.float64(0.125)})
        first, second = page.answer(found).split("</p>")[:2]
        self.assertIn(", in its last hidden layer 50.00%, in pixels 12.50%", first)
        self.assertNotIn("hidden layer", second)
        self.assertIn(", in pixels 12.50%", second)
        found._values["/hull/mean"] = np.full_like(found["/hull/mean"], np.nan)
        self.assertIn("of the 10,000 test points there lie in the convex hull of the 60,000 training points in pixels 12.50%", page.answer(found))

    def test_csv_of_figure_4_has_the_values(self):
        with h5py.File(self.folders["ten"] / "results.h5") as file:
            table = pd.concat([pd.read_csv(self.folders["ten"] / f"report/figures/fig4-{f}.csv") for f in ("mlp", "cnn")])
            inside = table[table.panel == "fraction_inside"]["mean"].to_numpy()
            np.testing.assert_allclose(inside, file["/hull/mean"][...].reshape(-1), rtol=1e-12)

    def test_warnings_come_and_go(self):
        two, ten = self.pages["two"][0], self.pages["ten"][0]
        self.assertIn("Only 2 trials", two)
        self.assertIn("not to be trusted (separation)", two)
        self.assertNotIn("Read with care", ten)
        self.assertRegex(ten, r"\d \[0\.\d+, 0\.\d+\]")  # an interval
        self.assertNotRegex(two, r"\d \[0\.\d+, 0\.\d+\]")
        self.assertIn("Only 1 trial:", self.pages["one"][0])

    def test_the_paper_stands_beside(self):
        rows = {row[0]: row[1:] for row in Tables(self.pages["ten"][0]).starting("Fraction of test points inside the hull of")}
        self.assertEqual(rows["mlp-256, paper"], ["0.999", "0.997", "0.958", "0.380"])

    def test_nothing_comes_from_elsewhere(self):
        for text, _, _ in self.pages.values():
            loaded = re.findall(r'(?:src|href)="([^"#][^"]*)"', text)
            self.assertTrue(all(link.startswith(("figures/", "tables/")) for link in loaded), loaded)
            self.assertNotIn("@import", text)
            self.assertNotRegex(text, r"<(script src|link|iframe)")

    def test_fits_screens(self):
        for width in (400, 1000):
            for name in ("two", "ten"):
                _, wants, has = rendered(self.folders[name] / "report/index.html", width)
                self.assertLessEqual(wants, has, f"{name} at {width} px")

    def test_text_is_escaped(self):
        self.assertIn("Example &lt;with&gt; &amp; signs", self.pages["two"][0])

    def test_ids_are_unique(self):
        ids = re.findall(r' id="([^"]+)"', (self.folders["ten"] / "report/index.html").read_text())
        self.assertEqual(len(ids), len(set(ids)))

    def test_frames(self):
        table = frames(self.folders["two"] / "results.h5")["/hull/inside"]
        self.assertEqual(list(table.columns), ["network", "trial", "bottleneck", "inside"])
        self.assertEqual(len(table), 2 * 2 * 4)
        with h5py.File(self.folders["two"] / "results.h5") as file:
            row = table[(table.network == "mlp-256") & (table.trial == 1) & (table.bottleneck == 8)]
            self.assertEqual(row.inside.item(), file["/hull/inside"][1, 1, 2])

    def test_bad_folders_get_a_sentence(self):
        with tempfile.TemporaryDirectory() as empty:
            run = python(SOURCE / "analysis/report.py", empty)
            self.assertEqual(run.returncode, 2)
            self.assertIn("results.h5 is not there; run the study first", run.stderr)
            (pathlib.Path(empty) / "results.h5").write_bytes(b"not HDF5")
            run = python(SOURCE / "analysis/report.py", empty)
            self.assertEqual(run.returncode, 2)
            self.assertEqual(len(run.stderr.strip().splitlines()), 1)
            for attributes, words in (({"stage": "hull"}, "of stage 'hull'"), ({"stage": "reduce", "format_version": "2.0.0"}, "format version 2.0.0")):
                with h5py.File(f"{empty}/results.h5", "w") as file:
                    file.attrs.update(attributes)
                run = python(SOURCE / "analysis/report.py", empty)
                self.assertEqual(run.returncode, 2)
                self.assertIn(words, run.stderr)
            self.assertEqual([p.name for p in pathlib.Path(empty).iterdir()], ["results.h5"])

    def test_another_version_of_the_papers_values_is_refused(self):
        with tempfile.TemporaryDirectory() as scratch:
            shutil.copytree(SOURCE / "analysis", f"{scratch}/analysis", ignore=shutil.ignore_patterns("__pycache__"))
            folder, values = pathlib.Path(scratch) / "study", pathlib.Path(scratch) / "analysis/hullscope_report/paper.json"
            python(SOURCE / "tests/analysis/make_example.py", folder, 1, 1)
            kept, before = values.read_text(), sorted(folder.iterdir())
            every = ("claims.py", "report.py", "paper_page.py")
            for text, words, programs in (
                (kept.replace('"version": 1', '"version": 2', 1), "in version 2, this hullscope reads version 1", every),
                (kept.replace('"version": 1,', "", 1), "in version None", every[:1]), ("[1, 2]", "in version None", every[:1]),
                (kept[:1000], "cannot be read", every[:1]), (None, "cannot be read", every[:1]),
            ):  # fmt: skip
                values.write_text(text) if text else values.unlink()
                for program in programs:
                    run = python(f"{scratch}/analysis/{program}", folder)
                    self.assertEqual((run.returncode, len(run.stderr.strip().splitlines())), (2, 1), run.stderr)
                    self.assertIn("paper.json", run.stderr)
                    self.assertIn(words, run.stderr)
                self.assertEqual(sorted(folder.iterdir()), before)

    def test_no_numbers_are_reported_as_such(self):
        with tempfile.TemporaryDirectory() as folder:
            python(SOURCE / "tests/analysis/make_example.py", folder, 1, 1)
            with h5py.File(f"{folder}/results.h5", "r+") as file:
                for path in ("/logit/raw/z", "/logit/standardised/z", "/auroc", "/distance_by_cell/mean", "/bins/paper/accuracy", "/histogram/edges"):
                    file[path][...] = np.nan
                file["/logit/status"][...] = "one outcome"
            run = python(SOURCE / "analysis/report.py", folder)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertIn("one outcome", (pathlib.Path(folder) / "report/index.html").read_text())

    def test_a_preset_below_full_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            python(SOURCE / "tests/analysis/make_example.py", folder, 1, 1)
            study = pathlib.Path(folder) / "study.toml"
            for preset, said in (("cpu", True), ("full", False)):
                study.write_text(f'preset = "{preset}"\n' + study.read_text().removeprefix('preset = "cpu"\n'))
                run = python(SOURCE / "analysis/report.py", folder)
                self.assertEqual(run.returncode, 0, run.stderr)
                text = (pathlib.Path(folder) / "report/index.html").read_text()
                self.assertEqual("not to be compared with the paper" in text, said)
                self.assertEqual('id="watermark"' in (pathlib.Path(folder) / "report/figures/fig4.svg").read_text(), said)

    def test_no_distances_no_figures_of_distance(self):
        with tempfile.TemporaryDirectory() as folder:
            python(SOURCE / "tests/analysis/make_example.py", folder, 1, 5)
            with h5py.File(f"{folder}/results.h5", "r+") as file:
                del file["/space"]
                file["/space"] = np.array([], dtype=h5py.string_dtype())
                file["/hull/mean"][...] = file["/hull/interval"][...] = file["/hull/inside"][...] = np.nan
                del file["/table"]
            run = python(SOURCE / "analysis/report.py", folder)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertEqual(run.stderr, "")
            self.assertEqual([p.name for p in (pathlib.Path(folder) / "report/figures").glob("*.csv")], ["fig4.csv"])

    def test_again_replaces_the_report(self):
        run = python(SOURCE / "analysis/report.py", self.folders["one"])
        self.assertEqual(run.returncode, 0)
        names = sorted(p.name for p in self.folders["one"].iterdir())
        self.assertEqual(names, ["report", "results.h5", "study.toml"])

    def test_toy_study_gets_figure_2d(self):
        with tempfile.TemporaryDirectory() as folder:
            python(SOURCE / "tests/analysis/make_example.py", folder, 3, 10)
            with h5py.File(f"{folder}/results.h5", "r+") as file:
                file["/network"][...] = [b"toy-1", b"toy-2", b"toy-3"]
                del file["/table"]
                file["/bottleneck"][...] = [1, 2, 3, 4]
                file["/relative_accuracy/value"][...] = 1
                file["/relative_accuracy/value"][1, :, 0] = 0.9  # the second reaches 1 at d = 2
                file["/relative_accuracy/value"][2, 3:, :2] = 0.9  # the third at d = 3 on the mean, at 1 in three trials
                file["/relative_accuracy/mean"][...] = file["/relative_accuracy/value"][...].mean(axis=1)
            run = python(SOURCE / "analysis/report.py", folder)
            self.assertEqual(run.returncode, 0, run.stderr)
            rows = Tables((pathlib.Path(folder) / "report/index.html").read_text()).starting("The rule on the mean")
            self.assertEqual([row[1:] for row in rows[1:]], [["1", "10 of 10", "yes"], ["2", "10 of 10", "yes"], ["3", "7 of 10", "yes"]])
            frame = pd.read_csv(pathlib.Path(folder) / "report/figures/fig2d.csv")
            self.assertEqual(frame[(frame.true_dimension == 2) & (frame.d == 1)].paper.item(), 0.901)


class Compare(unittest.TestCase):
    """The rule of agreement with the paper."""

    @staticmethod
    def cell(ours, paper, interval=(np.nan, np.nan), sign_error=np.nan, **study):
        from hullscope_report import compare

        return compare.cell(types.SimpleNamespace(study=study), "mlp-64", "x", ours, paper, interval, sign_error)

    def test_values(self):
        near = [0.40, 0.42, 0.38, 0.41, 0.39]
        for ours, paper, interval, label, meets in (
            (near, 0.41, (0.38, 0.44), "agrees", "yes"), (near, 0.9, (0.85, 0.95), "differs", "no"),
            (near, 0.408, (np.nan, np.nan), "agrees", ""),  # within 0.01
            (near, 0.425, (np.nan, np.nan), "differs", ""),  # 2 sqrt(1/5 + 1/10) SD = 0.017
            ([0.9, 0.1, 0.5, 0.7, 0.3], 0.8, (np.nan, np.nan), "agrees", ""),
        ):  # fmt: skip
            found = self.cell(ours, paper, interval)
            self.assertEqual((found["label"], found["meet"]), (label, meets), (ours, paper))
            self.assertAlmostEqual(found["difference"], np.mean(ours) - paper)
        half = scipy.stats.t.ppf(0.975, 4) * scipy.stats.sem(near)
        np.testing.assert_allclose(self.cell(near, 0.4)["interval"], [0.4 - half, 0.4 + half])

    def test_what_cannot_be_compared(self):
        for ours, study in (([0.4], {}), ([np.nan, np.nan], {}), ([0.4, 0.5], {"preset": "smoke"})):
            self.assertEqual(self.cell(ours, 0.4, **study)["label"], "not comparable")
        self.assertEqual(self.cell([0.4, 0.4, np.nan], 0.4, preset="full")["label"], "agrees")

    def test_of_z_the_sign_alone(self):
        for ours, error, label in (([-20, -25], 0.4, "agrees"), ([2, 3], 2.4, "differs"), ([2, 3], 2.5, "not comparable")):
            self.assertEqual(self.cell(ours, -5, (-6, -4), error)["label"], label)

    def test_the_papers_standard_error_is_that_of_the_trials_it_has(self):
        """Nine of the largest MLP of Fig. S5, whose supplement dropped one."""
        from hullscope_report import compare

        class Ours(dict):
            data_set, networks, measures, spaces, dimension, study = "mnist", ["mlp-1024"], ["euclidean_true_class"], [], 16, {}

        ours = Ours({"/term": list(compare.TERMS), "/logit/raw/z": np.ones((1, 3, 1, 3)), "/logit/standardised/z": np.tile([[[7.0, 8, 9]]], (1, 3, 1, 1))})
        panel = compare.paper_panel(ours, "mlp", "euclidean_true_class")
        z = panel["z"]["mlp-1024"]
        theirs = np.array(z["in_hull"])
        self.assertEqual((len(theirs), panel["trials"]), (9, [9, 10]))
        for beyond, label in ((2.001, "agrees"), (1.999, "not comparable")):  # the mean so many standard errors above 0
            z["in_hull"] = theirs - theirs.mean() + beyond * theirs.std(ddof=1) / 3
            with unittest.mock.patch.object(compare, "paper_panel", return_value=panel):
                found = compare.fig5_cells(ours, "mlp", [0], 0)
            self.assertEqual([c["label"] for c in found if c["quantity"] == "z of in hull"], [label])
            self.assertEqual([c["centred"] for c in found if c["quantity"] == "z of in hull"], [8])
            self.assertTrue(all(np.isnan(c["centred"]) for c in found if c["quantity"] != "z of in hull"))


class FurtherTestSets(unittest.TestCase):
    """Rows of the long table as reduce writes them: the study's own test set has no name and no strength."""

    @staticmethod
    def rows(strengths):
        sets = [("", np.nan), *(("dim", s) for s in strengths), ("clothes", np.nan)]
        made = [{"network": "mlp-64", "test_set": name, "strength": strength, "space": space, "dimension": d, "measure": measure, "statistic": statistic,
                 "value": k / 100, "lower": np.nan, "upper": np.nan, "n": 50.0}
                for k, (name, strength) in enumerate(sets)
                for space, d, measure, statistic in [("", -1, "", "set_accuracy"), ("latent", 4, "", "set_fraction_inside"), ("latent", 2, "", "set_fraction_inside")]
                + [("latent", 4, m, "set_fraction_inside_class_hull") for m in ("predicted_class", "any_class", *(["true_class"] if name != "clothes" else []))]]  # fmt: skip
        return pd.DataFrame(made)

    def test_a_shift_starts_at_the_studys_own_test_set(self):
        from hullscope_report import test_sets

        for shift, strengths, origin, added in (("rotation", [10, 20], 0, True), ("contrast", [0.5, 0.7], 1, True), ("noise", [0, 0.1], 0, False)):
            results = types.SimpleNamespace(networks=["mlp-64"], study={"test": [{"name": "dim", "shift": shift}]})
            _, frame, caption, _ = test_sets.shift_figure(results, self.rows(strengths), "dim")
            accuracy = frame[frame.series == "accuracy"].set_index("strength").value
            self.assertEqual(sorted(accuracy.index), sorted({*strengths, origin}))
            self.assertEqual(accuracy[origin], 0 if added else 0.01)
            self.assertEqual(set(frame.dimension), {-1, 4})  # of the latent spaces the widest
            self.assertIn(f"strength {origin} is the study’s own test set", caption)

    def test_class_hulls_stand_in_a_table(self):
        from hullscope_report import test_sets
        from hullscope_report.markdown import MarkdownPieces

        with tempfile.TemporaryDirectory() as scratch:
            text = test_sets.class_hull_table(self.rows([10, 20]), MarkdownPieces(scratch, ""))
            self.assertEqual(test_sets.class_hull_table(self.rows([])[lambda r: r.statistic == "set_accuracy"], MarkdownPieces(scratch, "")), "")
        rows = [[c.strip() for c in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| mlp-64")]
        self.assertEqual([r[1] for r in rows], ["own test set", "dim 10", "dim 20", "clothes"])
        self.assertEqual([r[4:] for r in rows], [["0.000"] * 3, ["0.010"] * 3, ["0.020"] * 3, ["0.030", "0.030", "–"]])

class Circle(unittest.TestCase):
    def test_figure_1_from_the_files_of_the_pixel_hull(self):
        from hullscope_report import data_only, special

        random, units, width, extent = np.random.default_rng(2), 40, 0.3, 1.5
        angle, golden = np.linspace(0, 2 * np.pi, 30, endpoint=False), np.pi * (3 - np.sqrt(5))
        plane = {"train": np.c_[np.cos(angle), np.sin(angle)], "test": random.uniform(-0.6, 0.6, (25, 2))}
        u = np.arange(units)
        centres = (extent * np.sqrt((u + 0.5) / units))[:, None] * np.c_[np.cos(golden * u), np.sin(golden * u)]
        for seen, name in ((True, f"circle?units={units}"), (False, "circle?units=0")):
            with tempfile.TemporaryDirectory() as scratch:
                folder = pathlib.Path(scratch)
                (folder / "input").mkdir()
                (folder / "study.toml").write_text(f'name = "c"\n[data]\nset = "{name}"\n')
                for split, points in plane.items():
                    square = ((points[:, None] - centres) ** 2).sum(-1)
                    np.save(folder / f"input/{split}.npy", (np.exp(-square / (2 * width**2)) if seen else points).astype("f4"))
                with h5py.File(folder / "input/hull.h5", "w") as file:
                    file["verdict"] = np.array([1] * 10 + [2] * 15, "u1")
                circle = special.circle_of(data_only.study_of(folder))
                np.testing.assert_allclose(circle.positions(circle.test), plane["test"], atol=1e-4)
                run = python(SOURCE / "analysis/report.py", folder)
                self.assertEqual(run.returncode, 0, run.stderr)
                self.assertIn("10 of the 25 test points lie in the convex hull of the 30 training points", (folder / "report/index.html").read_text())
                frame = pd.read_csv(folder / "report/figures/fig1.csv")
                self.assertEqual((frame.verdict == "inside").sum(), 10)
                (folder / "input/test.npy").unlink()
                run = python(SOURCE / "analysis/report.py", folder)
                self.assertEqual((run.returncode, len(run.stderr.strip().splitlines())), (2, 1))
                self.assertIn("input/test.npy is not there; run the study again", run.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
