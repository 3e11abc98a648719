#!/usr/bin/python3
"""The stage proximity (and reduce behind it) on pretended inputs: the same content on any number of ranks and threads,
distances and scores equal to what numpy and scipy make of the files, whole after kills, and a sentence for bad input."""
import os
import random
import signal
import subprocess
import sys
import time
import unittest
import warnings

import h5py
import numpy as np
import scipy.spatial
import scipy.special
from pretended_study import Pretended, by_id, digests, golden, run, start


class Proximity(Pretended):
    def test_ranks_and_threads_write_the_same(self):
        expected = digests(self.folder)
        self.assertEqual(len(expected), 1 + 2 * 5 + 1)
        for ranks, threads in ((1, 2), (3, 2), (5, 1)):  # two ranks: after the kills below
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

    # --- interruptions

    def test_killed_and_resumed_is_the_uninterrupted_one(self):
        seed = int(os.environ.get("HULLSCOPE_TEST_SEED", "1"))
        print(f"seed {seed} (HULLSCOPE_TEST_SEED sets another)", file=sys.stderr)
        chance = random.Random(seed)
        for case in range(2):
            folder = self.copy(f"kills-{case}")
            kills = 0
            for stage in ("proximity", "reduce"):
                for _ in range(5):
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

    # --- bad input

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
