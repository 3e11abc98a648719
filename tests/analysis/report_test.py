#!/usr/bin/python3
"""Makes reports of example studies, renders them in headless Chromium and checks what a reader sees.

The numbers of the tables must be those of results.h5, every figure must be there with its CSV, warnings must come and
go with what they warn of, nothing may be loaded from elsewhere, and the page must fit a phone.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser

import h5py
import numpy as np
import pandas as pd

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
    """All tables of a page: {label: list of rows of cell texts}."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.rows, self.cell = {}, None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self.rows = self.tables.setdefault(dict(attributes).get("aria-label", ""), [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.cell = ""

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.rows[-1].append(self.cell)
            self.cell = None

    def starting(self, words):
        return next(rows for label, rows in self.tables.items() if label.startswith(words))


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folders, cls.pages = {}, {}
        for name, networks, trials in (("two", 2, 2), ("ten", 3, 10), ("one", 1, 1)):
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
                self.assertEqual([row[3] for row in rows], [f"{v:.3f}" for v in expected])
                rows = tables.starting("The paper's fit")[1:]
                z = file["/logit/raw/z"][...].transpose(0, 2, 1, 3).reshape(len(rows), 4)
                for row, values in zip(rows, z):
                    self.assertEqual(row[3:6], [f"{v:.2f}".replace("-", "−") for v in values[1:]])

    def test_every_figure_is_there_with_its_data(self):
        for name, networks in (("two", 2), ("ten", 3), ("one", 1)):
            text = self.pages[name][0]
            figures = re.findall(r'<figure id="([^"]+)"', text)
            self.assertEqual(len(figures), 1 + 3 * networks)
            self.assertEqual(text.count("<svg"), len(figures))
            for figure in figures:
                folder = self.folders[name] / "report/figures"
                self.assertGreater(len(pd.read_csv(folder / f"{figure}.csv")), 0)
                self.assertEqual((folder / f"{figure}.png").read_bytes()[:4], b"\x89PNG")
                self.assertIn("<svg", (folder / f"{figure}.svg").read_text())

    def test_csv_of_figure_4_has_the_values(self):
        with h5py.File(self.folders["ten"] / "results.h5") as file:
            table = pd.read_csv(self.folders["ten"] / "report/figures/fig4.csv")
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
            self.assertTrue(all(link.startswith("figures/") for link in loaded), loaded)
            self.assertNotIn("@import", text)
            self.assertNotRegex(text, r"<(script src|link|iframe|img)")

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

    def test_no_distances_no_figures_of_distance(self):
        with tempfile.TemporaryDirectory() as folder:
            python(SOURCE / "tests/analysis/make_example.py", folder, 1, 5)
            with h5py.File(f"{folder}/results.h5", "r+") as file:
                del file["/space"]
                file["/space"] = np.array([], dtype=h5py.string_dtype())
                file["/hull/mean"][...] = file["/hull/interval"][...] = file["/hull/inside"][...] = np.nan
            run = python(SOURCE / "analysis/report.py", folder)
            self.assertEqual(run.returncode, 0, run.stderr)
            self.assertEqual(run.stderr, "")
            self.assertEqual([p.name for p in (pathlib.Path(folder) / "report/figures").glob("*.csv")], ["fig4.csv"])

    def test_again_replaces_the_report(self):
        run = python(SOURCE / "analysis/report.py", self.folders["one"])
        self.assertEqual(run.returncode, 0)
        names = sorted(p.name for p in self.folders["one"].iterdir())
        self.assertEqual(names, ["report", "results.h5", "study.toml"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
