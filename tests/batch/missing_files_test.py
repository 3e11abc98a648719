#!/usr/bin/python3
"""reduce where files are missing: refused, or (reduce.partial) made of the trials that are whole, with what is missing named
and no interval below five trials; and stages whose inputs appear late, as on a network file system.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np
from scipy import stats

HULLSCOPE = os.environ["HULLSCOPE"]
sys.path.insert(0, os.environ["HULLSCOPE_SOURCE_DIR"] + "/analysis")
from hullscope_report import jobs  # noqa: E402
STUDY = """
name = "holes"
seed = 3
[data]
set = "gaussian-classes?dimension=3&per_class_train=20&per_class_test=10"
[train]
trials = 6
epochs = 1
[encode]
dimensions = [1, 2]
hidden = [8]
epochs = 1
[hull]
spaces = ["pixel", "latent"]
[proximity]
spaces = ["latent"]
measures = ["euclidean"]
[reduce]
bootstrap = 40
dimension = 2
[[network]]
name = "toy-8"
layers = ["dense 8", "relu"]
[[network]]
name = "toy-12"
layers = ["dense 12", "relu"]
"""
STAGES = "train,extract,encode,hull,proximity,reduce"


class MissingFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hullscope-missing-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.study = cls.folder / "study.toml"
        cls.study.write_text(STUDY)
        cls.out = cls.folder / "out"
        cls.run_it("run", "--ranks", "2", "--stages", STAGES)
        cls.whole = cls.results()

    @classmethod
    def run_it(cls, verb, *words, code=0, environment=()):
        done = subprocess.run([HULLSCOPE, verb, cls.study, "--output", cls.out, *words], text=True, timeout=120,
                              env={**os.environ, **dict(environment)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        assert done.returncode == code, f"{done.args}\n{done.returncode}\n{done.stdout}"
        return done.stdout

    @classmethod
    def results(cls):
        """{path: values} and under "" the content digest."""
        found = {}
        with h5py.File(cls.out / "results.h5") as file:
            file.visititems(lambda name, item: found.update(
                {name: item.asstr()[...] if h5py.check_string_dtype(item.dtype) else item[()]})
                if isinstance(item, h5py.Dataset) else None)
            found[""] = file.attrs["content_digest"]
        return found

    def partial(self, *words):
        self.run_it("reduce", "--set", "reduce.partial=true", "--force-new", *words)
        return self.results()

    def without(self, *names):
        """Moves files away until the test ends."""
        for name in names:
            path, hidden = self.out / name, self.folder / name.replace("/", "_")
            path.rename(hidden)
            self.addCleanup(hidden.rename, path)

    @staticmethod
    def row(results, statistic, trial=-1, network="toy-8", **columns):
        keep = (results["table/statistic"] == statistic) & (results["table/network"] == network)
        keep &= results["table/trial"] == trial
        for name, value in columns.items():
            keep &= results[f"table/{name}"] == value
        (i,) = np.flatnonzero(keep)
        return {name[6:]: values[i] for name, values in results.items() if name.startswith("table/")}

    def test_what_is_missing_is_refused_unless_asked(self):
        self.without("toy-8/trial-03/latent-02/codes.h5")
        said = self.run_it("reduce", code=1)
        self.assertIn("toy-8/trial-03/latent-02/codes.h5, which is not there; run stage encode first", said)

    def expect_trials(self, found, network, trials):
        """The values of these trials of the whole study, and the mean and Student's interval over them."""
        here, there = list(found["network"]).index(network), list(self.whole["network"]).index(network)
        np.testing.assert_array_equal(found["whole_trial"][here], trials)
        for path in ("accuracy/test", "relative_accuracy/value", "hull/inside", "auroc", "ks/statistic", "logit/raw/z", "unit"):
            np.testing.assert_array_equal(found[path][here], self.whole[path][there, trials], path)
        values = self.whole["accuracy/test"][there, trials]
        self.assertAlmostEqual(found["accuracy/test_mean"][here], values.mean(), 12)
        if len(trials) < 5:
            for path in ("accuracy/test_interval", "relative_accuracy/interval", "hull/interval"):
                self.assertTrue(np.isnan(found[path][here]).all(), path)
            return
        half = stats.t.ppf(0.975, len(trials) - 1) * values.std(ddof=1) / np.sqrt(len(trials))
        np.testing.assert_allclose(found["accuracy/test_interval"][here], [values.mean() - half, values.mean() + half], 1e-9)

    def test_a_trial_is_left_out_and_five_are_enough(self):
        self.without("toy-8/trial-03/latent-02/hull.h5")
        found = self.partial()
        self.assertEqual(list(found["missing/task"]), ["toy-8/trial-03/latent-02/hull"])
        self.assertEqual(list(found["missing/reason"]), ["its file is not there"])
        self.assertNotIn("toy-8/trial-03/latent-02/hull.h5", list(found["task_file"]))
        self.expect_trials(found, "toy-8", [0, 1, 2, 4, 5])
        self.expect_trials(found, "toy-12", [0, 1, 2, 3, 4])
        fraction = self.row(found, "fraction_inside", dimension=2)
        self.assertEqual((fraction["trials"], fraction["method"]), (5, "crossed bootstrap"))
        inside = self.whole["hull/inside"][list(self.whole["network"]).index("toy-8")][[0, 1, 2, 4, 5], 1]
        self.assertAlmostEqual(fraction["value"], inside.mean(), 12)

    def test_a_network_with_fewer_than_five_is_left_out(self):
        self.without("toy-8/trial-03/latent-02/codes.h5", "toy-8/trial-00/activations.h5")
        found = self.partial()
        self.assertEqual(list(found["network"]), ["toy-12"])
        self.expect_trials(found, "toy-12", list(range(6)))
        reasons = dict(zip(found["missing/task"], found["missing/reason"]))
        self.assertEqual(set(reasons), {"toy-8/trial-03/latent-02/encode", "toy-8/trial-00/extract"})
        self.assertNotIn("toy-8", set(found["table/network"]))

    def test_where_no_network_has_five_there_is_no_verdict(self):
        self.without("toy-8/trial-03/latent-02/hull.h5", "toy-8/trial-00/activations.h5", "toy-12/trial-01/proximity.h5",
                     "toy-12/trial-02/latent-01/hull.h5")
        found = self.partial()
        self.expect_trials(found, "toy-8", [1, 2, 4, 5])
        self.expect_trials(found, "toy-12", [0, 3, 4, 5])
        over_trials = found["table/trial"] == -1
        by_trials = over_trials & np.isfinite(found["table/lower"])
        self.assertFalse([m for m in found["table/method"][by_trials] if m.startswith(("student", "welch", "crossed"))])
        self.assertNotIn("dimension_frequency", found["table/statistic"])

    def test_pixels_gone_and_a_file_that_is_damaged(self):
        self.without("input/hull.h5", *(f"toy-8/trial-0{t}/activations.h5" for t in range(1, 6)))
        damaged = self.out / "toy-8/trial-00/activations.h5"
        content = damaged.read_bytes()
        self.addCleanup(damaged.write_bytes, content)
        damaged.write_bytes(content[:1000])
        found = self.partial()
        self.assertEqual(list(found["network"]), ["toy-12"])
        self.assertNotIn("hull/pixel_inside", found)
        reasons = dict(zip(found["missing/task"], found["missing/reason"]))
        self.assertEqual(reasons["input/hull"], "its file is not there")
        self.assertEqual(reasons["toy-8/trial-00/extract"], "its file is damaged")
        self.assertEqual(len(reasons), 7)
        subprocess.run([HULLSCOPE, "check", self.out / "results.h5"], check=True, stdout=subprocess.DEVNULL)
        # what the report says of it: Slurm's reasons where they are known
        (self.out / "batch").mkdir(exist_ok=True)
        (self.out / "batch" / "status.json").write_text(json.dumps({
            "stages": [], "failed": [{"task": "input/hull", "reason": "the moon is in the wrong house", "tries": 3}]}))
        self.addCleanup((self.out / "batch" / "status.json").unlink)
        (caption, _, rows), = jobs.tables(self.out)
        self.assertIn("What is missing, and why: 7 tasks", caption)
        self.assertIn(["input/hull", "the moon is in the wrong house (3 tries)"], rows)
        self.assertIn(["toy-8/trial-00/extract", "its file is damaged"], rows)
        subprocess.run([HULLSCOPE, "report", self.out], check=True, stdout=subprocess.DEVNULL, timeout=120)

    def test_no_trial_is_whole(self):
        self.without(*(f"{network}/trial-0{t}/activations.h5" for network in ("toy-8", "toy-12") for t in range(6)))
        said = self.run_it("reduce", "--set", "reduce.partial=true", "--force-new", code=1)
        self.assertIn("no trial of any network has all of its files", said)

    def test_nothing_at_all(self):
        folder = self.folder / "empty"
        done = subprocess.run([HULLSCOPE, "reduce", self.study, "--output", folder, "--set", "reduce.partial=true"],
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("there is none in", done.stdout)

    def test_nothing_missing_changes_nothing(self):
        found = self.partial()
        self.assertEqual(len(found["missing/task"]), 0)
        for path in self.whole:
            if path:
                np.testing.assert_array_equal(found[path], self.whole[path], path)
        self.run_it("reduce", "--force-new")
        self.assertEqual(self.results()[""], self.whole[""])

    def test_inputs_that_appear_late(self):
        codes = self.out / "toy-8/trial-03/latent-02/codes.h5"
        hull = codes.with_name("hull.h5")
        hidden = self.folder / "late.h5"
        hull.unlink()
        codes.rename(hidden)
        words = [HULLSCOPE, "hull", self.study, "--output", self.out, "--task", "toy-8/trial-03/latent-02/hull"]
        start = time.monotonic()
        late = subprocess.Popen(words, env={**os.environ, "HULLSCOPE_LAG_SECONDS": "60"}, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        time.sleep(2)
        self.assertIsNone(late.poll(), "it does not wait")
        hidden.rename(codes)
        self.assertEqual(late.wait(60), 0)
        self.assertLess(time.monotonic() - start, 30)
        self.assertTrue(hull.exists())
        codes.rename(hidden)
        hull.unlink()
        self.assertEqual(subprocess.run(words, stderr=subprocess.DEVNULL, timeout=60).returncode, 1, "without the setting")
        hidden.rename(codes)
        subprocess.run(words, check=True, stderr=subprocess.DEVNULL, timeout=60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
