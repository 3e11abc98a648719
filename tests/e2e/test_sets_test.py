#!/usr/bin/python3
"""Further test sets: shifted samples and other data before the same networks. What does not shift gives what was there;
statistics are what numpy and scikit-learn make of the files; a set or a strength extends a study in place."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
import scipy.optimize
import sklearn.metrics

from study_runs import HULLSCOPE, SOURCE, artifacts, differences, digests, run

sys.path.insert(0, str(SOURCE / "analysis"))
import hullscope_io  # noqa: E402

WORK = pathlib.Path(tempfile.mkdtemp(prefix="hullscope test sets "))
DONE, SMALL = WORK / "done", WORK / "small"
STUDY = """
name = "shifted"
seed = 9
[data]
set = "train_samples=train_x.npy,train_labels=train_y.npy,test_samples=test_x.npy,test_labels=test_y.npy"
folder = "."
[train]
trials = {trials}
epochs = 15
rate = 0.01
batch = 32
[encode]
dimensions = [2]
hidden = [8]
epochs = 2
[hull]
spaces = {spaces}
projection = true
classes = {classes}
[proximity]
scores = ["kth_neighbour", "mahalanobis", "max_softmax"]
neighbour = 3
[reduce]
bootstrap = 100
[[network]]
name = "net"
layers = ["dense 6", "relu"]
[[test]]
name = "turned"
shift = "rotation"
strengths = [0, {strengths}]
[[test]]
name = "foreign"
set = "test_samples=foreign_x.npy,test_labels=foreign_y.npy"
[[test]]
name = "again"
set = "test_samples=test_x.npy,test_labels=test_y.npy"
same_classes = true
"""


def images(count, seed, classes=3, side=6):
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    pixels = random.normal(80, 45, (count, side, side))
    for i, label in enumerate(labels):
        pixels[i, 2 * label] += 60
    return pixels.clip(0, 255).astype("uint8"), labels


def study(strengths="90", trials=5, spaces='["pixel", "latent"]', classes="false"):
    path = WORK / f"study {strengths} {trials}.toml"
    path.write_text(STUDY.format(strengths=strengths, trials=trials, spaces=spaces, classes=classes))
    return path


def small():
    """One trial, all spaces, with class hulls."""
    return study("90", 1, '["pixel", "neural", "latent", "pca"]', "true")


def setUpModule():
    for name, count, seed in (("train", 300, 1), ("test", 120, 2)):
        samples, labels = images(count, seed)
        np.save(WORK / f"{name}_x.npy", samples)
        np.save(WORK / f"{name}_y.npy", labels)
    np.save(WORK / "foreign_x.npy", np.random.default_rng(3).integers(0, 256, (70, 6, 6)).astype("uint8"))
    np.save(WORK / "foreign_y.npy", np.arange(70))
    run(DONE, study=study(), ranks=2)
    run(SMALL, study=small(), ranks=2)


def tearDownModule():
    shutil.rmtree(WORK, ignore_errors=True)


class TestSets(unittest.TestCase):
    def test_every_file_is_there_whole_and_proved(self):
        names = artifacts(DONE)
        for test in ("turned-0", "turned-90", "foreign", "again"):
            expected = {f"input/test-{test}/{name}.h5" for name in ("hull", "proximity")}
            for trial in range(5):
                base = f"net/trial-{trial:02}/test-{test}"
                expected |= {f"{base}/{name}.h5" for name in ("activations", "latent-02/codes", "latent-02/hull", "proximity")}
            self.assertEqual({name for name in names if f"/test-{test}/" in name}, expected)
        done = subprocess.run([HULLSCOPE, "check", *map(str, names.values())], text=True, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stdout)
        files = [DONE / "input/test-turned-90/hull.h5", DONE / "net/trial-04/test-foreign/latent-02/hull.h5"]
        files += [SMALL / "net/trial-00/test-turned-90" / name for name in ("hull-neural.h5", "pca-02/hull.h5", "hull-neural-classes.h5")]
        files += [SMALL / "net/trial-00/test-foreign/latent-02/hull-classes.h5", SMALL / "input/test-turned-90/hull-classes.h5"]
        done = subprocess.run([HULLSCOPE, "verify", *map(str, files)], text=True, stdout=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_what_is_not_shifted_is_what_was_there(self):
        self.assertEqual(hullscope_io.tests(DONE), ["again", "foreign", "turned-0", "turned-90"])
        for folder in (DONE, SMALL):
            self.same_points(folder)
            self.same_hulls(folder)
        for folder, space in ((DONE, "latent-02"), (SMALL, "latent-02"), (SMALL, "pca-02")):
            trial = folder / "net/trial-00"
            with h5py.File(trial / space / "codes.h5") as own, h5py.File(trial / "test-turned-0" / space / "codes.h5") as same:
                for name in ("sample", "code", "hybrid_predicted"):
                    np.testing.assert_array_equal(same[f"test/{name}"][:], own[f"test/{name}"][:])
                self.assertEqual(same["unexplained_variance"][()], own["unexplained_variance"][1])
                self.assertEqual(same["bottleneck"][:].tolist(), own["bottleneck"][:].tolist())

    def test_codes_are_what_the_stored_autoencoder_makes(self):
        """Of samples that are in no other file: layer by layer in numpy, in double."""
        trial = DONE / "net/trial-01"
        with h5py.File(trial / "latent-02/codes.h5") as file:
            stored = {name: values[()].astype(float) for name, values in file["parameter"].items()}
        with h5py.File(trial / "test-turned-90/activations.h5") as file:
            activations = file["test/activation"][:].astype(float)
        with h5py.File(trial / "test-turned-90/latent-02/codes.h5") as file:
            codes = file["test/code"][:]
        layer = lambda name, x: x @ stored[f"{name}.weight"].T + stored[f"{name}.bias"]  # noqa: E731
        hidden = layer("dense1", activations / stored["input.divisor"]).clip(0)
        np.testing.assert_allclose(codes, layer("bottleneck", hidden), rtol=1e-4, atol=1e-5)

    def same_points(self, folder):
        own = hullscope_io.points(folder)
        for test in ("turned-0", "again"):
            same = hullscope_io.points(folder, test)
            self.assertEqual(list(same), list(own))
            for column in own:
                np.testing.assert_array_equal(same[column], own[column], column)

    def same_hulls(self, folder):
        """The same codes have the same verdicts, and are as far away."""
        own = hullscope_io.hull(folder)
        for test in ("turned-0", "again"):
            same = hullscope_io.hull(folder, test)
            for column in ("space", "sample", "verdict", "distance_lower", "distance_upper"):
                np.testing.assert_array_equal(same[column], own[column], column)

    def test_a_turned_sample_is_turned(self):
        before, after = np.load(WORK / "test_x.npy"), np.load(DONE / "input/test-turned-90/test.npy").reshape(-1, 6, 6)
        for a, b in zip(before, after):
            self.assertTrue((b == np.rot90(a)).all() or (b == np.rot90(a, -1)).all())

    def test_statistics(self):
        table = hullscope_io.results(DONE)
        table = table[table.statistic.str.startswith("set_")]
        own = hullscope_io.points(DONE)

        def value(statistic, test, trial, space="", measure=""):
            name, _, strength = test.partition("-")
            found = table[(table.statistic == statistic) & (table.test_set == name) & (table.trial == trial) &
                          (table.space == space) & (table.measure == measure)]
            found = found[found.strength == float(strength)] if strength else found
            self.assertEqual(len(found), 1, (statistic, test, trial, space, measure))
            return found.iloc[0]

        for test in ("", "turned-90", "again", "foreign"):
            points = hullscope_io.points(DONE, test) if test else own
            for trial in range(5):
                at = points[points.trial == trial]
                inside = at["latent-02.verdict"] == "inside"
                self.assertAlmostEqual(value("set_fraction_inside", test, trial, "latent").value, inside.mean())
                self.assertAlmostEqual(value("set_mean_distance", test, trial, "neural", "cosine").value,
                                       at["neural.cosine"].mean())
                if test == "foreign":
                    self.assertFalse(at.correct.any())
                    continue
                self.assertAlmostEqual(value("set_accuracy", test, trial).value, at.correct.mean())
                for name, chosen in (("inside", inside), ("outside", ~inside)):
                    found = value(f"set_accuracy_{name}", test, trial, "latent")
                    if chosen.any():
                        self.assertAlmostEqual(found.value, at.correct[chosen].mean())
                    else:
                        self.assertTrue(np.isnan(found.value) and found.status == "no such points", found)
        for test in ("", "turned-0", "turned-90"):
            points = hullscope_io.points(DONE, test) if test else own
            at = points[points.trial == 2]
            self.assertEqual(at.correct.nunique(), 2, "an AUROC needs right and wrong answers")
            for column in ("neural.euclidean_true_class", "pixel.cosine", "latent-02.mahalanobis", "output.max_softmax"):
                space, measure = column.split(".")
                found = value("set_auroc", test, 2, space.split("-")[0], measure)
                self.assertAlmostEqual(found.value, sklearn.metrics.roc_auc_score(~at.correct.astype(bool), at[column]), msg=(test, column))
                self.assertEqual(found.uses_label, measure == "euclidean_true_class")
            hull = hullscope_io.hull(DONE, test) if test else hullscope_io.hull(DONE)
            hull = hull[(hull.trial == 2) & (hull.space == "latent")].set_index("sample").loc[at["sample"]]
            self.assertAlmostEqual(value("set_auroc", test, 2, "latent", "hull_distance").value,
                                   sklearn.metrics.roc_auc_score(~at.correct.astype(bool), hull.distance_upper))
        self.assertTrue(table[(table.test_set == "foreign") & (table.statistic == "set_auroc")].empty)
        foreign = hullscope_io.points(DONE, "foreign")
        for column in ("neural.euclidean", "pixel.kth_neighbour", "latent-02.mahalanobis", "output.max_softmax"):
            space, measure = column.split(".")
            known, other = own[own.trial == 3][column], foreign[foreign.trial == 3][column]
            expected = sklearn.metrics.roc_auc_score([0] * len(known) + [1] * len(other), [*known, *other])
            found = value("set_auroc_foreign", "foreign", 3, space.split("-")[0], measure).value
            self.assertAlmostEqual(found, expected, msg=column)
        for statistic, test in (("set_accuracy", "turned-90"), ("set_accuracy_inside_minus_outside", "turned-90")):
            row = value(statistic, test, -1, "" if statistic == "set_accuracy" else "pixel")
            if np.isfinite(row.value):
                self.assertLessEqual(row.lower, row.upper)
                self.assertEqual(row.method, "crossed bootstrap")
        self.assertTrue(table[(table.test_set == "foreign") & (table.measure == "euclidean_true_class")].empty)

    def test_class_hulls(self):
        """Of the sets as of the study's own test points; in two dimensions against linear programs."""
        own = hullscope_io.class_hulls(SMALL)
        for test in ("turned-0", "again"):
            np.testing.assert_array_equal(hullscope_io.class_hulls(SMALL, test), own.to_numpy())
        trial, table = SMALL / "net/trial-00", hullscope_io.results(SMALL)
        with h5py.File(trial / "latent-02/codes.h5") as codes, h5py.File(trial / "activations.h5") as file:
            code, label = codes["train/code"][:].astype(float), file["train/label"][:]
        for test, name, strength in (("turned-90", "turned", 90), ("foreign", "foreign", np.nan)):
            points = hullscope_io.points(SMALL, test).set_index("sample")
            with h5py.File(trial / f"test-{test}/latent-02/codes.h5") as file:
                query = dict(zip(file["test/sample"][:], file["test/code"][:].astype(float)))
            found = hullscope_io.class_hulls(SMALL, test)
            found = found[found.space == "latent"].rename(columns={"class": "of"})
            self.assertEqual(len(found), 3 * len(points))
            for row in found.iloc[::7].itertuples():
                if row.verdict == "outside" and row.distance_upper < 1e-6:
                    continue  # nearer to the boundary than the oracle sees
                of_class = code[label == row.of]
                solved = scipy.optimize.linprog(np.zeros(len(of_class)), A_eq=np.vstack([of_class.T, np.ones(len(of_class))]), b_eq=[*query[row.sample], 1])
                self.assertEqual(row.verdict == "inside", solved.status == 0, row)
            by_class = found.assign(inside=found.verdict == "inside").pivot(index="sample", columns="of", values="inside").loc[points.index]
            distance = found.pivot(index="sample", columns="of", values="distance_upper").loc[points.index]
            at = lambda frame, labels: np.array([frame.loc[s, c] for s, c in zip(points.index, labels)])  # noqa: E731
            expected = {"any_class": by_class.any(axis=1).mean(), "predicted_class": at(by_class, points.predicted).mean()}
            if test != "foreign":
                expected["true_class"] = at(by_class, points.label).mean()
            rows = table[(table.statistic == "set_fraction_inside_class_hull") & (table.test_set == name) & (table.trial == 0) & (table.space == "latent")]
            rows = rows[(rows.strength == strength) | rows.strength.isna()]
            self.assertEqual(set(rows.measure), set(expected))
            for row in rows.itertuples():
                self.assertAlmostEqual(row.value, expected[row.measure], msg=row.measure)
                self.assertEqual(row.uses_label, row.measure == "true_class")
            scored = table[(table.measure == "hull_distance_predicted_class") & (table.test_set == name) & (table.trial == 0) & (table.space == "latent")]
            if test != "foreign":
                auroc = scored[(scored.statistic == "set_auroc") & (scored.strength == strength)].value.item()
                self.assertAlmostEqual(auroc, sklearn.metrics.roc_auc_score(~points.correct.astype(bool), at(distance, points.predicted)))
            else:
                self.assertEqual(set(scored.statistic), {"set_auroc_foreign", "set_fpr95_foreign"})
        plain = table[(table.statistic == "fraction_inside_class_hull") & (table.trial == 0) & table.measure.isin(["predicted_class", "true_class", "any_class"])]
        as_set = table[(table.statistic == "set_fraction_inside_class_hull") & (table.test_set == "") & (table.trial == 0)]
        key = ["space", "dimension", "measure"]
        joined = plain.merge(as_set, on=key, suffixes=("", "_set"))
        self.assertEqual((len(joined), len(plain)), (len(as_set),) * 2)
        np.testing.assert_array_equal(joined.value, joined.value_set)

    def test_another_strength_extends_in_place(self):
        extended = WORK / "extended"
        shutil.copytree(DONE, extended)
        before = {name: os.stat(path).st_ino for name, path in artifacts(extended).items()}
        text = run(extended, "--dry-run", study=study("90, 30"), ranks=2)
        self.assertRegex(text, r"extract +30 +25 +5")
        self.assertRegex(text, r"train +5 +5 +0")
        run(extended, study=study("90, 30"), ranks=2)
        for name, path in artifacts(extended).items():
            if name in before and name != "results.h5":
                self.assertEqual(os.stat(path).st_ino, before[name], name)
        self.assertIn("turned-30", hullscope_io.tests(extended))
        self.assertIn("everything is done already", run(extended, study=study("90, 30"), ranks=1))

    def test_layouts(self):
        other = WORK / "three ranks"
        os.makedirs(other / "net/trial-00")
        shutil.copy(SMALL / "net/trial-00/network.h5", other / "net/trial-00/network.h5")
        run(other, study=small(), ranks=3, threads=2)
        self.assertEqual(differences(digests(other), digests(SMALL)), [])

    def test_another_shape_is_refused(self):
        np.save(WORK / "wide.npy", np.zeros((5, 7, 6), "uint8"))
        np.save(WORK / "wide_y.npy", np.zeros(5, int))
        path = WORK / "wide.toml"
        path.write_text(small().read_text().replace("foreign_x", "wide").replace("foreign_y", "wide_y"))
        text = run(WORK / "wide", study=path, ranks=1, code=2, stages="train,extract")
        self.assertIn("the shape 1 x 6 x 6, those of the test set foreign 1 x 7 x 6", text)


if __name__ == "__main__":
    os.chdir(WORK)
    unittest.main(verbosity=2)
