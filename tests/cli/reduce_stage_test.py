#!/usr/bin/python3
"""The stage reduce on pretended inputs: its arrays and its long table are what numpy, scipy, scikit-learn and statsmodels
make of the files, and what cannot be reduced gets a sentence."""
import os
import shutil
import sys
import unittest

import h5py
import numpy as np
import scipy.stats
import sklearn.metrics
import statsmodels.api as sm
from pretended_study import MEASURES, SOURCE, Pretended, by_id, golden, run

sys.path.insert(0, str(SOURCE / "analysis"))
import hullscope_io  # noqa: E402


class Reduce(Pretended):
    # --- the long table

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
        self.assertTrue(all(r["uses_label"] == ("true_class" in r["measure"]) for r in rows))
        differences = [r for r in rows if r["statistic"] == "auroc_minus_max_softmax" and r["trial"] == -1]
        self.assertEqual(len(differences), 2 * (2 * 10 + 6))  # latent and neural: 3 + 5 scores and two hulls; pixel: 3 + 1 and two hulls
        for r in differences:
            base = found[r["network"], "output", "max_softmax", "auroc", -1, -1][1]["value"]
            other = found[r["network"], r["space"], r["measure"], "auroc", r["dimension"], -1][1]["value"]
            self.assertAlmostEqual(r["value"], other - base, 12)
            self.assertTrue(0 < r["p"] <= 1)

    def test_data_frames(self):
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
        classes = hullscope_io.class_hulls(self.folder)
        self.assertEqual(len(classes), (2 * 5 * 3 + 1) * 360 * 4)  # two latent spaces and the neural one a trial; the pixels once
        here = classes[(classes.network == "two") & (classes.trial == 3) & (classes.dimension == 2) & (classes["class"] == 1)].sort_values("sample")
        found = self.class_verdicts(self.folder / "two/trial-03/latent-02/hull")
        np.testing.assert_array_equal(here.verdict == "inside", found[1][:, 1] == 1)
        np.testing.assert_array_equal(here.distance_upper, found[2][:, 1])
        results = hullscope_io.results(self.folder)
        with h5py.File(self.folder / "results.h5") as file:
            np.testing.assert_array_equal(results.value, file["table/value"][:])
        self.assertTrue(set(hullscope_io.draws(self.folder)) <= set(results.index))
        with self.assertRaisesRegex(FileNotFoundError, "name the output folder of a study"):
            hullscope_io.points(self.root / "nowhere")

    def test_data_frames_of_pixels_alone(self):
        alone = self.root / "pixels alone"
        shutil.copytree(self.folder / "input", alone / "input", dirs_exist_ok=True)
        for read in (hullscope_io.hull, hullscope_io.class_hulls):
            whole, here = read(self.folder), read(alone)
            whole = whole[whole.space == "pixel"].reset_index(drop=True)
            self.assertGreater(len(here), 0)
            self.assertTrue(here.equals(whole))
        with self.assertRaisesRegex(FileNotFoundError, "name the output folder of a study"):
            hullscope_io.points(alone)

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
        self.expect_further_hulls(network, trial, weights, expected, judge)
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

    def hull_files(self, network, trial):
        """(space, d, start of the path of its hull files)."""
        folder = self.folder / network / f"trial-{trial:02}"
        return [("latent", 2, folder / "latent-02/hull"), ("latent", 3, folder / "latent-03/hull"), ("neural", -1, folder / "hull-neural"),
                ("pixel", -1, self.folder / "input/hull")]  # fmt: skip

    def class_verdicts(self, path):
        with h5py.File(f"{path}-classes.h5") as file:
            return file["class"][:], by_id(file, "sample", "class_hull/verdict"), by_id(file, "sample", "class_hull/distance_upper")

    def expect_further_hulls(self, network, trial, weights, expected, judge):
        """Hulls of classes and of subsets, and the hulls that are not latent."""
        with h5py.File(self.folder / network / f"trial-{trial:02}" / "activations.h5") as file:
            predicted, label = (by_id(file, "test/sample", f"test/{name}") for name in ("predicted", "label"))
        share = lambda inside: [w @ inside / w.sum() for w in weights]  # noqa: E731
        for space, d, path in self.hull_files(network, trial):
            classes, verdict, upper = self.class_verdicts(path)
            self.assertEqual(classes.tolist(), [0, 1, 2, 3])
            row = np.arange(len(label))
            for which, inside in (("predicted_class", verdict[row, predicted] == 1), ("true_class", verdict[row, label] == 1),
                                  ("any_class", (verdict == 1).any(axis=1))):  # fmt: skip
                expected[space, which, "fraction_inside_class_hull", d] = share(inside)
            for n in (20, 100):
                with h5py.File(f"{path}-subset-{n}.h5") as file:
                    inside = by_id(file, "sample", "verdict") == 1
                expected[space, f"{n} training points", "fraction_inside_subset", d] = share(inside)
            with h5py.File(f"{path}.h5") as file:
                expected[space, "", "fraction_inside", d] = share(by_id(file, "sample", "verdict") == 1)
            if d != 2:
                judge(space, "hull_distance_predicted_class", d, upper[row, predicted])

    def over_trials(self, rows, values, **wanted):
        """The row of all trials that has these columns: its mean and interval are those of the values."""
        (row,) = [r for r in rows if r["trial"] == -1 and all(r[name] == value for name, value in wanted.items())]
        half = scipy.stats.t.ppf(0.975, 4) * scipy.stats.sem(values)
        np.testing.assert_allclose([row["value"], row["lower"], row["upper"]], [np.mean(values), np.mean(values) - half, np.mean(values) + half],
                                   rtol=1e-6, atol=1e-8, err_msg=str(wanted))  # fmt: skip
        self.assertEqual(row["method"], "student t")
        return row

    def test_left_out_and_class_rows(self):
        with h5py.File(self.folder / "results.h5") as results:
            rows = self.table(results)
        for network in ("one", "two"):
            for k, (space, d, _) in enumerate(self.hull_files(network, 0)):
                left_out, own = [], []
                for trial in range(5):
                    _, _, path = self.hull_files(network, trial)[k]
                    with h5py.File(f"{path}-left-out-50.h5") as file:
                        left_out.append((file["verdict"][:] == 1).mean())
                    with h5py.File(self.folder / network / f"trial-{trial:02}" / "activations.h5") as file:
                        label = by_id(file, "test/sample", "test/label")
                    own.append([(self.class_verdicts(path)[1][label == c, c] == 1).mean() for c in range(4)])
                where = {"network": network, "space": space, "dimension": d}
                row = self.over_trials(rows, left_out, statistic="fraction_inside_left_out", **where)
                self.assertEqual((row["n"], row["uses_label"]), (50, 0))
                for c in range(4):
                    row = self.over_trials(rows, np.array(own)[:, c], statistic="fraction_inside_class_hull", measure=f"true_class_{c}", **where)
                    self.assertEqual((row["n"], row["uses_label"]), (90, 1))

    def test_how_far_outside(self):
        """In units of the space, that of the same trial; the median over the points outside alone."""
        with h5py.File(self.folder / "results.h5") as results:
            rows = self.table(results)
        for network in ("one", "two"):
            for k, (space, d, _) in enumerate(self.hull_files(network, 0)):
                means, medians = {}, {}
                for trial in range(5):
                    folder, (_, _, path) = self.folder / network / f"trial-{trial:02}", self.hull_files(network, trial)[k]
                    with h5py.File(folder / "activations.h5") as file:
                        predicted, label = (by_id(file, "test/sample", f"test/{name}") for name in ("predicted", "label"))
                    with h5py.File(self.folder / "input/proximity.h5" if space == "pixel" else folder / "proximity.h5") as file:
                        unit = file[f"latent-{d:02}/unit" if space == "latent" else f"{space}/unit"][()]
                    with h5py.File(f"{path}.h5") as file:
                        every = {"": by_id(file, "sample", "distance_upper")}
                    _, _, upper = self.class_verdicts(path)
                    every["predicted_class"], every["true_class"] = (upper[np.arange(len(label)), c] for c in (predicted, label))
                    for hull, distance in every.items():
                        means.setdefault(hull, []).append(distance.mean() / unit)
                        medians.setdefault(hull, []).append(np.median(distance[distance > 0]) / unit)
                for hull in ("", "predicted_class", "true_class"):
                    where = {"network": network, "space": space, "dimension": d, "measure": hull}
                    row = self.over_trials(rows, means[hull], statistic="mean_hull_distance", **where)
                    self.assertEqual(row["uses_label"], hull == "true_class")
                    self.over_trials(rows, medians[hull], statistic="median_hull_distance_outside", **where)

    def latent_points(self, network, measure):
        """Of each trial: ids, correct, inside, distance, log norm of the activation, 1 - softmax."""
        for trial in range(5):
            folder = self.folder / network / f"trial-{trial:02}"
            with h5py.File(folder / "activations.h5") as file:
                ids = np.sort(file["test/sample"][:])
                correct = by_id(file, "test/sample", "test/predicted") == by_id(file, "test/sample", "test/label")
                norm = np.linalg.norm(by_id(file, "test/sample", "test/activation").astype(float), axis=1)
            with h5py.File(folder / "latent-03/hull.h5") as file:
                inside = (by_id(file, "sample", "verdict") == 1).astype(float)
            with h5py.File(folder / "proximity.h5") as file:
                distance = by_id(file, "sample", f"latent-03/{measure}/distance")
                softmax = by_id(file, "sample", "output/max_softmax/distance")
            yield ids, correct.astype(float), inside, distance, np.log(np.where(norm > 0, norm, norm[norm > 0].min())), softmax

    def test_further_logits(self):
        with h5py.File(self.folder / "results.h5") as results:
            rows = self.table(results)
        for network, measure in (("one", "euclidean"), ("two", "cosine")):
            trials = list(self.latent_points(network, measure))
            where = {"network": network, "space": "latent", "dimension": 3, "measure": measure}
            fit = golden.pooled_fit([t[:4] for t in trials])
            for k, term in enumerate(("distance", "in_hull", "interaction")):
                (row,) = [r for r in rows if r["statistic"] == f"pooled_logit_{term}" and all(r[n] == v for n, v in where.items())]
                place = 5 + k
                np.testing.assert_allclose([row["value"], row["p"], *(row["lower"], row["upper"])],
                                           [fit.params[place], fit.pvalues[place], *fit.conf_int()[place]], rtol=1e-6, atol=1e-9)  # fmt: skip
                self.assertEqual((row["trials"], row["status"]), (5, "ok"))
            for statistic, spline, covariates in (("linear", False, []), ("spline", True, []), ("spline_norm", True, [4]), ("spline_softmax", True, [5])):
                effects = [golden.in_hull_effect(t[3], t[2], t[1], spline, [t[c] for c in covariates]) for t in trials]
                self.over_trials(rows, effects, statistic=f"in_hull_effect_{statistic}", **where)
        # every cell of right x inside has 10 points or more here: maximum likelihood stands alone
        self.assertFalse([r for r in rows if r["statistic"].startswith("firth")])

    def test_firth_stands_beside_where_few_answers_are_wrong(self):
        folder = self.prepare("few", train=40, test=12, trials=1)
        for stage in ("proximity", "reduce"):
            run(stage, self.study("few"), folder)
        with h5py.File(folder / "results.h5") as results:
            rows = [r for r in self.table(results) if r["statistic"].startswith("firth_logit") and r["network"] == "one" and r["measure"] == "euclidean"]
        self.assertEqual([r["statistic"] for r in rows], ["firth_logit_distance", "firth_logit_in_hull", "firth_logit_interaction"])
        with h5py.File(folder / "one/trial-00/activations.h5") as file:
            correct = (by_id(file, "test/sample", "test/predicted") == by_id(file, "test/sample", "test/label")).astype(float)
        with h5py.File(folder / "one/trial-00/latent-03/hull.h5") as file:
            inside = (by_id(file, "sample", "verdict") == 1).astype(float)
        with h5py.File(folder / "one/trial-00/proximity.h5") as file:
            distance = by_id(file, "sample", "latent-03/euclidean/distance")
        value, error = golden.firth_fit(distance, inside, correct)
        for k, row in enumerate(rows, 1):
            np.testing.assert_allclose([row["value"], row["upper"]], [value[k], value[k] + 1.959963984540054 * error[k]], rtol=1e-5)
            self.assertIn("beside maximum likelihood", row["status"])

    @staticmethod
    def matched(distance, inside, wrong, weight):
        drawn = np.repeat(np.arange(len(distance)), weight)
        d, h, right = distance[drawn], inside[drawn], 1 - wrong[drawn]
        k = int(h.sum())
        edge = np.sort(d)[k - 1]
        below, tied = d < edge, d == edge
        return (right[below].sum() + (k - below.sum()) * right[tied].mean()) / k - right[h == 1].mean()

    # --- the arrays

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
        output = run("reduce", self.study("undecided"), folder, extra=("--set", "reduce.allow_undecided=true"))
        self.assertRegex(output, r"reduce: (\d+) of \1 trials")  # progress of both of its parts
        self.assertRegex(output, r"reduce: (\d+) of \1 networks")
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


if __name__ == "__main__":
    unittest.main(verbosity=2)
