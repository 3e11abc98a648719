#!/usr/bin/python3
"""The stages proximity and reduce on pretended inputs (tests/support/pretend_stages.cpp): the same content on any number
of ranks and threads, equal to what numpy, scipy and statsmodels make of the files, whole after kills, and a sentence
for what cannot be reduced."""
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import unittest
import warnings

import h5py
import numpy as np
import scipy.spatial
import scipy.special
import scipy.stats
import sklearn.metrics
import statsmodels.api as sm

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


class Stages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = pathlib.Path(tempfile.mkdtemp(prefix="hullscope proximity "))
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

    # --- any number of ranks and threads

    def test_ranks_and_threads_write_the_same(self):
        expected = digests(self.folder)
        self.assertEqual(len(expected), 1 + 2 * 5 + 1)
        for ranks, threads in ((1, 2), (2, 1), (3, 2), (5, 1)):
            folder = self.copy(f"ranks-{ranks}-{threads}")
            for stage in ("proximity", "reduce"):
                run(stage, self.study("base"), folder, ranks=ranks, extra=("--set", f"run.threads={threads}"))
            self.assertEqual(digests(folder), expected, f"{ranks} ranks, {threads} threads")
            self.assertEqual(list(folder.rglob("*.parts")), [])

    def test_awkward_sizes(self):
        for name, train, test in (("no-queries", 5, 0), ("one-point", 1, 1), ("no-points", 0, 2)):
            base = self.prepare(name, train=train, test=test, trials=1)
            found = []
            for ranks in (1, 3):
                folder = self.copy(f"{name}-{ranks}", base)
                for stage in ("proximity", "reduce"):
                    run(stage, self.study(name), folder, ranks=ranks)
                found.append(digests(folder))
            self.assertEqual(found[0], found[1], name)
            with h5py.File(folder / "one/trial-00/proximity.h5") as file:
                distance = file["neural/euclidean/distance"][:]
                self.assertEqual(distance.shape, (4 * test,))
                self.assertEqual(np.isinf(distance).any(), name == "no-points")
                self.assertEqual(np.isfinite(file["neural/unit"][()]), train > 0)

    # --- against numpy and scipy

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

    def test_distances_are_those_of_scipy(self):
        for network, trial in (("one", 0), ("two", 4)):
            with h5py.File(self.folder / network / f"trial-{trial:02}/proximity.h5") as file:
                for space, (train, test), labels, ids in self.spaces(network, trial):
                    train, test = train.astype(float), test.astype(float)
                    euclidean = scipy.spatial.distance.cdist(test, train)
                    other = labels["test"][:, None] != labels["train"][None, :]
                    with np.errstate(invalid="ignore"), warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        cosine = np.nan_to_num(scipy.spatial.distance.cdist(test, train, "cosine"), nan=1.0)
                    zero = ~train.any(axis=1)[None, :] | ~test.any(axis=1)[:, None]
                    expected = {"euclidean": euclidean, "euclidean_true_class": np.where(other, np.inf, euclidean),
                                "cosine": np.where(zero, 1.0, cosine)}
                    for measure, matrix in expected.items():
                        distance = by_id(file, "sample", f"{space}/{measure}/distance")
                        nearest = by_id(file, "sample", f"{space}/{measure}/nearest")
                        np.testing.assert_allclose(distance, matrix.min(axis=1), rtol=1e-12, atol=1e-13)
                        at = matrix[np.arange(len(test)), np.searchsorted(ids, nearest)]
                        np.testing.assert_allclose(at, matrix.min(axis=1), rtol=1e-12, atol=1e-13)
                        if measure != "cosine":  # exact in both, so ties are seen alike
                            np.testing.assert_array_equal(nearest, ids[matrix.argmin(axis=1)])
                    loo = scipy.spatial.distance.cdist(train, train)
                    np.fill_diagonal(loo, np.inf)
                    self.assertAlmostEqual(file[f"{space}/unit"][()], np.median(loo.min(axis=1)), places=12)
                    self.assertEqual(file[f"{space}/unit"].attrs["sample_size"], len(train))
                    self.assertEqual(file[f"{space}/euclidean/distance"].attrs["zero_distances"],
                                     (euclidean.min(axis=1) == 0).sum())

    def predictions(self, network, trial):
        with h5py.File(self.folder / network / f"trial-{trial:02}/activations.h5") as file:
            return by_id(file, "test/sample", "test/predicted"), by_id(file, "test/sample", "test/logit")

    def test_scores_are_those_of_numpy(self):
        def direction(rows):
            norm = np.linalg.norm(rows, axis=1, keepdims=True)
            return rows / np.where(norm > 0, norm, np.inf)

        predicted, logit = self.predictions("two", 3)
        with h5py.File(self.folder / "two/trial-03/proximity.h5") as file:
            found = lambda space, score: by_id(file, "sample", f"{space}/{score}/distance")  # noqa: E731
            softmax = scipy.special.softmax(logit.astype(float), axis=1)
            np.testing.assert_allclose(found("output", "max_softmax"), 1 - softmax.max(axis=1), rtol=1e-10, atol=1e-15)
            for space, (train, test), labels, _ in self.spaces("two", 3):
                train, test = train.astype(float), test.astype(float)
                distance = scipy.spatial.distance.cdist(test, train)
                own = predicted[:, None] == labels["train"][None, :]
                to_own, to_other = (np.where(mask, distance, np.inf).min(axis=1) for mask in (own, ~own))
                np.testing.assert_allclose(found(space, "euclidean_predicted_class"), to_own, rtol=1e-12)
                with np.errstate(invalid="ignore", divide="ignore"):
                    trust = np.where(to_own == to_other, 1, to_own / to_other)
                np.testing.assert_allclose(found(space, "inverse_trust"), trust, rtol=1e-12)
                angle = scipy.spatial.distance.cdist(direction(test), direction(train))
                zero = ~train.any(axis=1)[None, :] | ~test.any(axis=1)[:, None]
                angle = np.sort(np.where(zero, np.sqrt(2), angle), axis=1)
                np.testing.assert_allclose(found(space, "kth_neighbour"), angle[:, 6], rtol=1e-12, atol=1e-12)
                means = np.array([train[labels["train"] == c].mean(axis=0) for c in range(4)])
                centred = train - means[labels["train"]]
                inverse = np.linalg.pinv(centred.T @ centred / len(train), hermitian=True)
                away = test[:, None, :] - means[None, :, :]
                squares = np.einsum("nci,ij,ncj->nc", away, inverse, away)
                np.testing.assert_allclose(found(space, "mahalanobis"), np.sqrt(squares.min(axis=1)), rtol=1e-9)
                np.testing.assert_allclose(found(space, "class_mean"), np.linalg.norm(test - means[predicted], axis=1), rtol=1e-12)
                spectrum = np.linalg.eigvalsh(np.cov(train.T))  # the sample is all 600 points
                self.assertAlmostEqual(file[f"{space}/participation_ratio"][()], spectrum.sum() ** 2 / (spectrum**2).sum(), 9)
                near = golden.neighbours(train, 20)
                kept = near[near[:, 0] > 0]
                mle = 1 / np.log(kept[:, 19:20] / kept[:, :19]).mean()
                self.assertEqual([t.decode() for t in file["estimator"][:]], ["two_nn", "levina_bickel_10", "levina_bickel_20"])
                np.testing.assert_allclose(file[f"{space}/dimension"][2], [mle, mle], rtol=1e-9)
                self.assertEqual(file[f"{space}/dimension"].attrs["duplicates"], len(near) - len(kept))

    def table(self, results):
        text = lambda v: v.decode() if isinstance(v, bytes) else v  # noqa: E731
        names = list(results["table"])
        columns = [results[f"table/{name}"][:] for name in names]
        return [{name: text(value) for name, value in zip(names, row)} for row in zip(*columns)]

    def test_long_table(self):
        key = lambda name: int(golden.hashlib.sha256(f"11:{self.data_set()}/reduce/{name}".encode()).hexdigest()[:16], 16)  # noqa: E731
        draw = lambda k, b, n: np.bincount([s.below(n) for s in [golden.Stream(k, b)] for _ in range(n)], minlength=n)  # noqa: E731
        points = [draw(key("crossed"), b, 360) for b in range(3)]
        trials = [draw(key("crossed") ^ 0x747269616C73, b, 5) for b in range(3)]
        with h5py.File(self.folder / "results.h5") as results:
            rows = self.table(results)
            draws = {int(row): values for row, values in zip(results["draws/row"][:], results["draws/value"][:])}
        found = {(r["network"], r["space"], r["measure"], r["statistic"], r["dimension"], r["trial"]): (k, r) for k, r in enumerate(rows)}
        for network in ("one", "two"):
            expected = [self.expected_scores(network, t, key("folds"), [np.ones(360, int), *points]) for t in range(5)]
            for quantity in expected[0]:
                at = (network, *quantity)
                if quantity[2] == "fpr95" and not all(quantity in e for e in expected):  # under 50 wrong answers in a trial
                    self.assertEqual(found[*at, -1][1]["status"], "fewer than 50 wrong answers")
                    self.assertTrue(np.isnan(found[*at, -1][1]["value"]))
                    continue
                values = np.array([e[quantity] for e in expected])  # trial x (plain and three resamples)
                for t in range(5):
                    self.assertAlmostEqual(found[*at, t][1]["value"], values[t, 0], 7, (at, t))
                k, row = found[*at, -1]
                self.assertAlmostEqual(row["value"], values[:, 0].mean(), 7, at)
                self.assertTrue(row["lower"] <= row["upper"], at)
                self.assertEqual((row["method"], row["n"], row["trials"], row["status"]), ("crossed bootstrap", 360, 5, "ok"))
                if k in draws:
                    joined = [w @ values[:, b + 1] / 5 for b, w in enumerate(trials)]
                    np.testing.assert_allclose(draws[k][:3], joined, atol=1e-7, err_msg=str(at))
                    np.testing.assert_allclose([row["lower"], row["upper"]], np.percentile(draws[k], [2.5, 97.5]), rtol=1e-12)
            stored = {rows[k]["statistic"] for k in draws if rows[k]["network"] == network}
            self.assertEqual(stored, {"auroc", "matched_accuracy_gain", "auroc_gain_of_hull", "fraction_inside", "fraction_inside_minus_pca"})
        self.assertTrue(all(r["uses_label"] == (r["measure"] == "euclidean_true_class") for r in rows))
        differences = [r for r in rows if r["statistic"] == "auroc_minus_max_softmax" and r["trial"] == -1]
        self.assertEqual(len(differences), 2 * (2 * 9 + 5))  # latent and neural: 3 + 5 scores and the hull; pixel: 3 + 1 and the hull
        for r in differences:
            base = found[r["network"], "output", "max_softmax", "auroc", -1, -1][1]["value"]
            other = found[r["network"], r["space"], r["measure"], "auroc", r["dimension"], -1][1]["value"]
            self.assertAlmostEqual(r["value"], other - base, 12)
            self.assertTrue(0 < r["p"] <= 1)

    def test_data_frames(self):
        sys.path.insert(0, str(SOURCE / "analysis"))
        import hullscope_io

        points = hullscope_io.points(self.folder)
        self.assertEqual(len(points), 2 * 5 * 360)
        part = points[(points.network == "two") & (points.trial == 3)].set_index("sample").sort_index()
        with h5py.File(self.folder / "two/trial-03/proximity.h5") as file:
            for column, path in (("latent-02.cosine", "latent-02/cosine/distance"), ("neural.mahalanobis", "neural/mahalanobis/distance"),
                                 ("latent-03.euclidean.nearest", "latent-03/euclidean/nearest")):  # fmt: skip
                np.testing.assert_array_equal(part[column], by_id(file, "sample", path))
        with h5py.File(self.folder / "two/trial-03/latent-02/hull.h5") as file:
            np.testing.assert_array_equal(part["latent-02.verdict"] == "inside", by_id(file, "sample", "verdict") == 1)
            hull = hullscope_io.hull(self.folder)
            here = hull[(hull.network == "two") & (hull.trial == 3) & (hull.space == "latent") & (hull.dimension == 2)].sort_values("sample")
            np.testing.assert_array_equal(here.distance_upper, by_id(file, "sample", "distance_upper"))
        self.assertEqual(len(hull), (2 * 5 * 5 + 1) * 360)  # two latent, two PCA, the neural hull a trial; the pixels once
        results = hullscope_io.results(self.folder)
        with h5py.File(self.folder / "results.h5") as file:
            np.testing.assert_array_equal(results.value, file["table/value"][:])
        self.assertTrue(set(hullscope_io.draws(self.folder)) <= set(results.index))
        with self.assertRaisesRegex(FileNotFoundError, "name the output folder of a study"):
            hullscope_io.points(self.root / "nowhere")

    def data_set(self):
        return tomllib.loads(self.study("base").read_text())["data"]["set"]

    def expected_scores(self, network, trial, folds_key, weights):
        """{(space, measure, statistic, d): value on each of the weights}, from the files."""
        folder = self.folder / network / f"trial-{trial:02}"
        with h5py.File(folder / "activations.h5") as file:
            ids = np.sort(file["test/sample"][:])
            wrong = (by_id(file, "test/sample", "test/predicted") != by_id(file, "test/sample", "test/label")).astype(int)
        expected = {}

        def auroc(score, weight):
            return sklearn.metrics.roc_auc_score(wrong, score, sample_weight=weight)

        def fpr95(score, weight):
            fpr, tpr, _ = sklearn.metrics.roc_curve(wrong, score, sample_weight=weight, drop_intermediate=False)
            return fpr[tpr >= 0.95 - 1e-12].min()

        def judge(space, measure, d, score):
            score = np.nan_to_num(score, posinf=1e300)  # a point of another class at distance 0; sklearn takes no infinity
            expected[space, measure, "auroc", d] = [auroc(score, w) for w in weights]
            if wrong.sum() >= 50:
                expected[space, measure, "fpr95", d] = [fpr95(score, w) for w in weights]

        with h5py.File(folder / "proximity.h5") as file:
            names = ["euclidean", "cosine", "kth_neighbour", "inverse_trust", "mahalanobis", "class_mean"]
            for space, at, d in (("latent", "latent-03", 3), ("neural", "neural", -1)):
                for measure in names:
                    judge(space, measure, d, by_id(file, "sample", f"{at}/{measure}/distance"))
            judge("output", "max_softmax", -1, by_id(file, "sample", "output/max_softmax/distance"))
            distance = by_id(file, "sample", "latent-03/euclidean/distance")
        for k, d in enumerate((2, 3)):
            with h5py.File(folder / f"latent-{d:02}/hull.h5") as file:
                inside = (by_id(file, "sample", "verdict") == 1).astype(float)
                judge_hull = by_id(file, "sample", "distance_upper")
            expected["latent", "", "fraction_inside", d] = share = [w @ inside / w.sum() for w in weights]
            with h5py.File(folder / f"pca-{d:02}/hull.h5") as file:
                inside_pca = (by_id(file, "sample", "verdict") == 1).astype(float)
            expected["latent", "", "fraction_inside_pca", d] = share_pca = [w @ inside_pca / w.sum() for w in weights]
            expected["latent", "", "fraction_inside_minus_pca", d] = [a - b for a, b in zip(share, share_pca)]
        judge("latent", "hull_distance", 3, judge_hull)
        expected["latent", "euclidean", "matched_accuracy_gain", 3] = [self.matched(distance, inside, wrong, w) for w in weights]
        fold = np.array([golden.Stream(folds_key, int(i)).below(5) for i in ids])
        scores = [np.empty(len(ids)), np.empty(len(ids))]
        for f in range(5):
            fit = fold != f
            knots = np.unique(np.percentile(distance[fit], [5, 27.5, 50, 72.5, 95]))
            for hull, score in enumerate(scores):
                design = golden.restricted_cubic(distance, knots)
                design = np.c_[design, inside, inside * distance] if hull else design
                design = np.c_[np.ones(len(ids)), (design - design[fit].mean(axis=0)) / design[fit].std(axis=0)]
                score[~fit] = (design @ golden.penalised_logit(design[fit], wrong[fit], 1e-6 * fit.sum()))[~fit]
        alone, both = ([auroc(s, w) for w in weights] for s in scores)
        expected["latent", "euclidean", "auroc_of_spline", 3] = alone
        expected["latent", "euclidean", "auroc_gain_of_hull", 3] = [b - a for a, b in zip(alone, both)]
        return expected

    @staticmethod
    def matched(distance, inside, wrong, weight):
        drawn = np.repeat(np.arange(len(distance)), weight)
        d, h, right = distance[drawn], inside[drawn], 1 - wrong[drawn]
        k = int(h.sum())
        edge = np.sort(d)[k - 1]
        below, tied = d < edge, d == edge
        return (right[below].sum() + (k - below.sum()) * right[tied].mean()) / k - right[h == 1].mean()

    # --- against numpy, scipy and statsmodels

    def test_results_are_those_of_the_files(self):
        with h5py.File(self.folder / "results.h5") as results:
            self.assertEqual([t.decode() for t in results["space"][:]], ["latent", "neural", "pixel"])
            self.assertEqual(results.attrs["dimension"], 3)  # 16 is not studied: the largest one
            self.assertEqual(results.attrs["n_train"], 600)
            self.assertEqual(results.attrs["n_test"], 360)
            for w, network in enumerate(("one", "two")):
                for t in range(5):
                    self.check_trial(results, w, t, self.folder / network / f"trial-{t:02}")
                self.check_over_trials(results, w)

    def check_trial(self, results, w, t, folder):
        with h5py.File(folder / "activations.h5") as file:
            label = by_id(file, "test/sample", "test/label")
            correct = by_id(file, "test/sample", "test/predicted") == label
            train_accuracy = (file["train/predicted"][:] == file["train/label"][:]).mean()
        self.assertAlmostEqual(results["accuracy/test"][w, t], correct.mean(), places=14)
        self.assertAlmostEqual(results["accuracy/train"][w, t], train_accuracy, places=14)
        self.assertEqual(results["accuracy/wrong"][w, t], (~correct).sum())
        for k, d in enumerate((2, 3)):
            with h5py.File(folder / f"latent-{d:02}/codes.h5") as file:
                hybrid = by_id(file, "test/sample", "test/hybrid_predicted") == label
            self.assertAlmostEqual(results["relative_accuracy/value"][w, t, k], hybrid.mean() / correct.mean(), places=14)
            self.assertAlmostEqual(results["unexplained_variance/test"][w, t, k], 0.1 + 0.01 * d, places=14)
            with h5py.File(folder / f"latent-{d:02}/hull.h5") as file:
                verdict = by_id(file, "sample", "verdict")
                near = by_id(file, "sample", "distance_upper") <= 2.0**-20 * 1.5
            self.assertAlmostEqual(results["hull/inside"][w, t, k], (verdict == 1).mean(), places=14)
            self.assertAlmostEqual(results["hull/within_eps"][w, t, k], near.mean(), places=14)
            self.assertEqual(results["hull/undecided"][w, t, k], 0)
        self.check_distances(results, w, t, folder, correct, verdict == 1)

    def check_distances(self, results, w, t, folder, correct, inside):
        for s, (space, path) in enumerate((("latent-03", folder / "proximity.h5"), ("neural", folder / "proximity.h5"),
                                           ("pixel", self.folder / "input/proximity.h5"))):
            with h5py.File(path) as file:
                self.assertEqual(results["unit"][w, t, s], file[f"{space}/unit"][()])
                for m, measure in enumerate(MEASURES):
                    distance = by_id(file, "sample", f"{space}/{measure}/distance")
                    self.check_measure(results, (w, t, s, m), distance, correct)
                    if s == 0:
                        self.check_logit(results, (w, t, m), distance, correct, inside)

    def check_measure(self, results, at, distance, correct):
        centres = np.percentile(distance, np.linspace(0, 100, 12)[1:-1])
        bins = np.abs(distance[:, None] - centres).argmin(axis=1)
        np.testing.assert_allclose(results["bins/paper/centre"][at], centres, rtol=1e-13)
        np.testing.assert_array_equal(results["bins/paper/count"][at], np.bincount(bins, minlength=10))
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(results["bins/paper/accuracy"][at],
                                       np.bincount(bins, correct, 10) / np.bincount(bins, minlength=10), rtol=1e-13)
        order = np.argsort(distance, kind="stable")
        n = len(distance)
        deciles = [order[k * n // 10:(k + 1) * n // 10] for k in range(10)]
        np.testing.assert_allclose(results["bins/decile/accuracy"][at], [correct[k].mean() for k in deciles], rtol=1e-13)
        np.testing.assert_allclose(results["bins/decile/mean_distance"][at], [distance[k].mean() for k in deciles],
                                   rtol=1e-12)
        right, wrong = distance[correct], distance[~correct]
        ks = scipy.stats.ks_2samp(right, wrong, method="asymp").statistic
        self.assertAlmostEqual(results["ks/statistic"][at], ks, places=13)
        p = scipy.stats.kstwobign.sf(np.sqrt(len(right) * len(wrong) / n) * ks)
        self.assertAlmostEqual(results["ks/p"][at], p, places=12)
        u = scipy.stats.mannwhitneyu(wrong, right).statistic
        self.assertAlmostEqual(results["auroc"][at], u / (len(right) * len(wrong)), places=13)
        edges = results["histogram/edges"][at]
        np.testing.assert_allclose(edges, np.histogram_bin_edges(distance, 50), rtol=1e-13)
        for outcome, sample in enumerate((wrong, right)):
            np.testing.assert_array_equal(results["histogram/count"][at][outcome], np.histogram(sample, edges)[0])

    def check_logit(self, results, at, distance, correct, inside):
        for outcome in range(2):
            for member in range(2):
                cell = distance[(correct == outcome) & (inside == member)]
                self.assertEqual(results["distance_by_cell/count"][at][outcome, member], len(cell))
                self.assertAlmostEqual(results["distance_by_cell/mean"][at][outcome, member], cell.mean(), places=12)
        self.assertEqual(results["logit/status"][at].decode(), "ok")
        z = (distance - distance.mean()) / distance.std(ddof=1)
        likelihood = {}
        for name, x in (("raw", distance), ("standardised", z)):
            design = np.c_[np.ones_like(x), x, inside, x * inside]
            fit = sm.Logit(correct.astype(float), design).fit(disp=0, tol=1e-10, method="newton")
            likelihood[name] = fit.llf
            for field, values in (("coefficient", fit.params), ("z", fit.tvalues), ("p", fit.pvalues)):
                np.testing.assert_allclose(results[f"logit/{name}/{field}"][at], values, rtol=1e-6, atol=1e-9)
        for k, columns in enumerate((np.c_[np.ones_like(z), z], np.c_[np.ones_like(z), inside])):
            nested = sm.Logit(correct.astype(float), columns).fit(disp=0, tol=1e-10).llf
            statistic = 2 * (likelihood["standardised"] - nested)
            self.assertAlmostEqual(results["logit/likelihood_ratio"][at][k], statistic, places=7)
            self.assertAlmostEqual(results["logit/likelihood_ratio_p"][at][k], scipy.stats.chi2.sf(statistic, 2), places=8)

    def check_over_trials(self, results, w):
        def t_interval(values):
            half = scipy.stats.t.ppf(0.975, len(values) - 1) * scipy.stats.sem(values)
            return [np.mean(values) - half, np.mean(values) + half]

        accuracies = results["accuracy/test"][w]
        self.assertAlmostEqual(results["accuracy/test_mean"][w], accuracies.mean(), places=14)
        np.testing.assert_allclose(results["accuracy/test_interval"][w], t_interval(accuracies), rtol=1e-9)
        for group, value in (("relative_accuracy", "value"), ("hull", "inside")):
            values = results[f"{group}/{value}"][w]
            np.testing.assert_allclose(results[f"{group}/mean"][w], values.mean(axis=0), rtol=1e-14)
            for d in range(2):
                np.testing.assert_allclose(results[f"{group}/interval"][w, d], t_interval(values[:, d]), rtol=1e-9)
                lower, upper = results[f"{group}/bootstrap"][w, d]
                self.assertTrue(values[:, d].min() <= lower < values[:, d].mean() < upper <= values[:, d].max())
        passing = [d for k, d in enumerate((2, 3)) if (results["relative_accuracy/mean"][w, k:] >= 0.95).all()]
        self.assertEqual(results["intrinsic_dimension/value"][w], min(passing, default=-1))

    # --- interruptions

    def test_killed_and_resumed_is_the_uninterrupted_one(self):
        seed = int(os.environ.get("HULLSCOPE_TEST_SEED", "1"))
        print(f"seed {seed} (HULLSCOPE_TEST_SEED sets another)", file=sys.stderr)
        chance = random.Random(seed)
        for case in range(3):
            folder = self.copy(f"kills-{case}")
            kills = 0
            for stage in ("proximity", "reduce"):
                for attempt in range(6):
                    ranks = chance.choice((1, 2, 3))
                    process = start(stage, self.study("base"), folder, ranks=ranks)
                    try:
                        process.communicate(timeout=chance.uniform(0.05, 1.2))
                    except subprocess.TimeoutExpired:
                        os.killpg(process.pid, signal.SIGKILL)
                        process.communicate()
                        kills += 1
                        time.sleep(0.2)  # ranks in groups of their own see their daemon gone
                run(stage, self.study("base"), folder, ranks=2)
            self.assertEqual(digests(folder), digests(self.folder), f"case {case} after {kills} kills")

    def test_second_run_does_nothing(self):
        before = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*.h5")}
        for stage in ("proximity", "reduce"):
            self.assertIn("0 to do", run(stage, self.study("base"), self.folder))
        self.assertEqual(before, {path: path.stat().st_mtime_ns for path in self.folder.rglob("*.h5")})

    # --- what cannot be reduced

    def test_undecided_is_refused_unless_allowed(self):
        os.environ["HULLSCOPE_PRETEND_UNDECIDED"] = "1"
        try:
            folder = self.prepare("undecided", train=40, test=30, trials=1)
        finally:
            del os.environ["HULLSCOPE_PRETEND_UNDECIDED"]
        run("proximity", self.study("undecided"), folder)
        output = run("reduce", self.study("undecided"), folder, ranks=2, expected=2)
        self.assertIn("undecided", output)
        self.assertIn("reduce.allow_undecided", output)
        self.assertFalse((folder / "results.h5").exists())
        run("reduce", self.study("undecided"), folder, extra=("--set", "reduce.allow_undecided=true"))
        with h5py.File(folder / "results.h5") as results, h5py.File(folder / "one/trial-00/latent-02/hull.h5") as hull:
            verdict = hull["verdict"][:]
            self.assertEqual(results["hull/undecided"][0, 0, 0], (verdict == 0).sum())
            self.assertAlmostEqual(results["hull/inside"][0, 0, 0], (verdict == 1).sum() / (verdict != 0).sum(), places=14)
            self.assertTrue(np.isnan(results["accuracy/test_interval"][:]).all())  # one trial: no interval

    def test_hull_not_tested(self):
        folder = self.prepare("no-hull", train=40, test=30, trials=1, spaces="[]")
        for stage in ("proximity", "reduce"):
            run(stage, self.study("no-hull"), folder)
        with h5py.File(folder / "results.h5") as results:
            self.assertEqual(results["logit/status"][0, 0, 0].decode(), "no hull verdicts")
            self.assertTrue(np.isnan(results["hull/inside"][:]).all())
            self.assertTrue((results["hull/undecided"][:] == -1).all())
            self.assertNotIn("pixel_inside", results["hull"])

    def test_missing_input_names_its_stage(self):
        folder = self.copy("missing")
        (folder / "two/trial-03/latent-02/codes.h5").unlink()
        output = run("proximity", self.study("base"), folder, ranks=2, expected=1)
        self.assertIn("codes.h5", output)
        self.assertIn("encode", output)

    def test_samples_that_do_not_fit_are_named(self):
        folder = self.copy("other samples")
        with h5py.File(folder / "one/trial-00/latent-02/codes.h5", "r+") as file:
            file["test/sample"][0] = 123456
        output = run("proximity", self.study("base"), folder, expected=2)
        self.assertIn("123456", output)
        self.assertFalse((folder / "one/trial-00/proximity.h5").exists())


if __name__ == "__main__":
    unittest.main(verbosity=2)
