#!/usr/bin/python3
"""analysis/claims.py: data are planted in which each claim is true, then false, and the verdict must change; open
conditions stay open; the paper's own values get the verdicts that a reader gets by hand."""

import itertools
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
from scipy import stats

SOURCE = pathlib.Path(os.environ.get("HULLSCOPE_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(SOURCE / "analysis"))
from hullscope_report import claims  # noqa: E402

RULES = claims.read_rules()
COLUMNS = ("network", "trial", "space", "dimension", "measure", "statistic", "value", "lower", "upper", "trials", "n_wrong",
           "degrees", "method", "status")  # fmt: skip
TEXTS = {"network", "space", "measure", "statistic", "method", "status"}
DRAWS = 2000


class Planted:
    """A study's results.h5 with the statistics that the claims are decided by, made from values a trial."""

    def __init__(self, networks, trials=10, seed=1, n_wrong=200, grid=(2, 4, 8, 16)):
        self.networks, self.trials, self.n_wrong, self.grid = networks, trials, n_wrong, grid
        self.random = np.random.default_rng(seed)
        self.rows, self.draws = [], []
        self.dimension = {network: 4 for network in networks}

    def add(self, statistic, network, d, measure, value, lower, upper, degrees=math.nan, draws=None, status="ok", n_wrong=None):
        if draws is not None:
            self.draws.append((len(self.rows), draws))
        self.rows.append((network, -1, "latent", d, measure, statistic, value, lower, upper, self.trials,
                          self.n_wrong if n_wrong is None else n_wrong, degrees, "", status))  # fmt: skip

    def over_trials(self, statistic, network, d, mean, spread):
        values = mean + spread * self.random.standard_normal(self.trials)
        values += mean - values.mean()
        half = stats.t.ppf(0.975, self.trials - 1) * stats.sem(values) if self.trials >= 5 else math.nan
        self.add(statistic, network, d, "", mean, mean - half, mean + half, self.trials - 1)

    def bootstrapped(self, statistic, network, d, measure, value, spread, **more):
        if self.trials < 5:
            return self.add(statistic, network, d, measure, value, math.nan, math.nan, **more)
        draws = value + spread * self.random.standard_normal(DRAWS)
        lower, upper = np.percentile(draws, [2.5, 97.5])
        self.add(statistic, network, d, measure, value, lower, upper, draws=draws, **more)

    def everything(self, a=0.999, b=-1.0, c=0.99, prime=0.1, d=(0.8, 0.05, 0.001), spread=0.002):
        """Every claim true unless told otherwise."""
        for network in self.networks:
            self.over_trials("relative_accuracy", network, 8, a, spread / 4)
            self.bootstrapped("fraction_inside", network, self.dimension[network], "", c, spread)
            self.bootstrapped("fraction_inside_minus_pca", network, self.dimension[network], "", prime, spread)
            for statistic, value in zip(("auroc", "matched_accuracy_gain", "auroc_gain_of_hull"), d):
                self.bootstrapped(statistic, network, 16, "euclidean", value, spread)
        for family in sorted({claims.family_of(n) for n in self.networks}):
            self.over_trials("log2_dimension_contrast", family, -1, b, spread)
        return self

    def write(self, folder, data_set="mnist"):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / "results.h5", "w") as file:
            file.attrs.update(stage="reduce", format_version="1.1.0", study_toml=f'[data]\nset = "{data_set}"\n')
            text = h5py.string_dtype()
            file.create_dataset("/network", data=np.array(self.networks, object), dtype=text)
            file.create_dataset("/trial", data=np.arange(self.trials))
            file.create_dataset("/bottleneck", data=np.array(self.grid))
            file.create_dataset("/intrinsic_dimension/value", data=[self.dimension[n] for n in self.networks])
            for k, name in enumerate(COLUMNS):
                values = [row[k] for row in self.rows]
                file.create_dataset(f"/table/{name}", **({"data": np.array(values, object), "dtype": text} if name in TEXTS else {"data": np.array(values)}))
            if self.draws:
                file.create_dataset("/draws/row", data=[row for row, _ in self.draws])
                file.create_dataset("/draws/value", data=np.array([values for _, values in self.draws]))
        return folder


SIX = [f"{family}-{size}" for family, sizes in (("mlp", (64, 256, 1024)), ("cnn", (1, 2, 3))) for size in sizes]


class Claims(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.numbers = itertools.count()

    def tearDown(self):
        self.scratch.cleanup()

    def folder(self):
        return pathlib.Path(self.scratch.name) / f"study {next(self.numbers)}"

    def verdicts(self, planted):
        (evidence,) = claims.of_results([planted.write(self.folder())]).values()
        return {v.claim: v for v in claims.judge(evidence, RULES)}

    def words(self, planted):
        return {claim: v.verdict for claim, v in self.verdicts(planted).items()}

    def test_all_true(self):
        self.assertEqual(set(self.words(Planted(SIX).everything()).values()), {"yes"})

    def test_each_claim_false_alone(self):
        plants = {"a": {"a": 0.95}, "b": {"b": 0.3}, "c": {"c": 0.3}, "c_prime": {"prime": -0.1}, "d": {"d": (0.5, -0.05, 0.05)}}
        for claim, plant in plants.items():
            planted = Planted(SIX)
            if claim == "a":  # and d* beyond 16 for one network, or the claim is true in part
                planted.dimension["cnn-1"] = -1
            words = self.words(planted.everything(**plant))
            self.assertEqual(words.pop(claim), "no", claim)
            # a network without d* leaves open what is measured at d*; nothing else changes
            expected = {"yes"} if claim != "a" else {"yes", "undetermined"}
            self.assertLessEqual(set(words.values()), expected, claim)

    def test_an_effect_too_small_says_so(self):
        found = self.verdicts(Planted(SIX).everything(b=-0.3, prime=0.012, spread=0.001))
        for claim, asked in (("b", "mlp: -0.3000, not at most -0.5"), ("c_prime", "mlp-64: 0.0120, not above 0.02")):
            self.assertEqual(found[claim].verdict, "no", claim)
            self.assertEqual({c.state for c in found[claim].conditions}, {True}, claim)
            self.assertIn(asked, found[claim].notes)

    def test_partly(self):
        self.assertEqual(self.words(Planted(SIX).everything(a=0.97))["a"], "partly")  # d* = 4 for all
        self.assertEqual(self.words(Planted(SIX).everything(c=0.7))["c"], "partly")
        self.assertEqual(self.words(Planted(SIX).everything(d=(0.8, 0.05, 0.05)))["d"], "partly")
        mixed = Planted(SIX).everything()
        rows = [k for k, row in enumerate(mixed.rows) if row[5] == "log2_dimension_contrast" and row[0] == "mlp"]
        mixed.rows[rows[0]] = (*mixed.rows[rows[0]][:6], -0.1, -0.3, 0.1, *mixed.rows[rows[0]][9:])
        self.assertEqual(self.words(mixed)["b"], "partly")
        mixed.rows[rows[0]] = (*mixed.rows[rows[0]][:6], 0.3, 0.1, 0.5, *mixed.rows[rows[0]][9:])
        self.assertEqual(self.words(mixed)["b"], "no")

    def test_an_interval_across_the_threshold_counts_where_it_matters(self):
        wide = self.verdicts(Planted(SIX).everything(a=0.992, spread=0.05))["a"]
        self.assertEqual((wide.verdict, wide.possible), ("undetermined", ("partly", "yes")))
        self.assertTrue(all(c.state is None for c in wide.conditions))
        planted = Planted(SIX)
        planted.everything(d=(0.5, 0.0, 0.001))  # d1 fails for all: what d2 would say does not matter
        self.assertEqual(self.words(planted)["d"], "no")

    def test_few_trials_and_few_wrong_answers(self):
        few = self.verdicts(Planted(SIX, trials=4).everything())
        self.assertEqual({v.verdict for v in few.values()}, {"undetermined"})
        against = self.verdicts(Planted(SIX, trials=4).everything(b=0.5, prime=-0.1))  # values alone decide nothing
        self.assertEqual({v.verdict for v in against.values()}, {"undetermined"})
        self.assertIn("fewer than 5", few["a"].conditions[0].why)
        rare = self.verdicts(Planted(SIX, n_wrong=49).everything())
        self.assertEqual(rare["d"].verdict, "undetermined")
        self.assertIn("49 wrong answers", rare["d"].conditions[0].why)
        self.assertEqual(rare["c"].verdict, "yes")
        self.assertEqual(self.words(Planted(SIX, n_wrong=50).everything())["d"], "yes")

    def test_what_was_not_measured_is_open(self):
        planted = Planted(SIX).everything()
        planted.rows = [row if row[5] != "fraction_inside_minus_pca" else (*row[:5], "other", *row[6:]) for row in planted.rows]
        found = self.verdicts(planted)["c_prime"]
        self.assertEqual((found.verdict, found.possible), ("undetermined", ("no", "partly", "yes")))
        constant = Planted(["mlp-64", "mlp-256"]).everything()
        constant.rows = [(*row[:6], math.nan, math.nan, math.nan, *row[9:13], "constant in_hull") if row[5] == "auroc_gain_of_hull" else row
                         for row in constant.rows]  # fmt: skip
        found = self.verdicts(constant)["d"]
        self.assertEqual(found.possible, ("partly", "yes"))
        self.assertEqual({c.why for c in found.conditions if c.state is None}, {"constant in_hull"})

    def test_one_family_cannot_speak_for_two(self):
        found = self.verdicts(Planted(["mlp-64", "mlp-256"]).everything())["b"]
        self.assertEqual((found.verdict, found.possible), ("undetermined", ("partly", "yes")))
        found = self.verdicts(Planted(["mlp-64", "mlp-256"]).everything(b=0.5))["b"]
        self.assertEqual(found.verdict, "no")

    def test_holm_opens_what_barely_holds(self):
        planted = Planted(["mlp-64"]).everything()
        wrong_side = {"auroc": 0.5, "matched_accuracy_gain": -0.1, "auroc_gain_of_hull": 0.02}
        for row, values in planted.draws:
            if planted.rows[row][5] in wrong_side:
                values[:] = planted.rows[row][6]
                values[:45] = wrong_side[planted.rows[row][5]]  # p = 46 / 2001 = 0.023, three times
        found = self.verdicts(planted)["d"].conditions[0]
        self.assertAlmostEqual(found.p, 46 / 2001)
        self.assertIsNone(found.state)
        self.assertIn("Holm", found.why)

    def test_p_values_against_scipy(self):
        values = np.array([0.991, 0.994, 0.9885, 0.9952, 0.9931])
        mean, half = values.mean(), stats.t.ppf(0.975, 4) * stats.sem(values)
        found = claims.Statistic(mean, mean - half, mean + half, degrees=4)
        self.assertAlmostEqual(found.p_above(0.99), stats.ttest_1samp(values, 0.99, alternative="greater").pvalue, 12)
        self.assertAlmostEqual(found.p_below(0.995), stats.ttest_1samp(values, 0.995, alternative="less").pvalue, 12)
        from statsmodels.stats.multitest import multipletests

        p = np.random.default_rng(3).random(9) ** 3
        conditions = [claims.Condition("a", "", "", claims.MISSING, "above", 0, True, p=x) for x in p]
        claims.holm(conditions, 0.05)
        np.testing.assert_allclose([c.p_holm for c in conditions], multipletests(p, method="holm")[1])

    def test_studies_of_one_data_set_are_judged_together(self):
        mlp, cnn = Planted(SIX[:3]).everything(), Planted(SIX[3:]).everything(c=0.3)
        folders = [mlp.write(self.folder()), cnn.write(self.folder()), Planted(SIX).everything().write(self.folder(), "cifar-10")]
        output = pathlib.Path(self.scratch.name) / "claims.json"
        run = subprocess.run([sys.executable, SOURCE / "analysis/claims.py", "--json", output, *folders], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        data = json.loads(output.read_text())
        self.assertEqual([d["data_set"] for d in data["ours"]], ["mnist", "cifar-10"])
        self.assertEqual(data["ours"][0]["verdicts"]["c"]["verdict"], "partly")
        self.assertEqual(data["over_all"], {"a": "yes", "b": "yes", "c": "partly", "c_prime": "yes", "d": "yes"})
        self.assertIn("| (c) in the intrinsic space", run.stdout)

    def test_the_papers_own_values(self):
        found = {e.data_set: {v.claim: v for v in claims.judge(e, RULES)} for e in claims.of_paper(RULES).values()}
        words = {data_set: {claim: v.verdict for claim, v in verdicts.items()} for data_set, verdicts in found.items()}
        self.assertEqual(words["mnist"], {"a": "yes", "b": "no", "c": "yes", "c_prime": "undetermined", "d": "undetermined"})
        self.assertEqual(words["cifar-10"], {"a": "partly", "b": "partly", "c": "partly", "c_prime": "undetermined", "d": "undetermined"})
        dimension = {e.data_set: e.dimension for e in claims.of_paper(RULES).values()}
        self.assertEqual(dimension["cifar-10"], {"mlp-1024": 8, "mlp-256": 8, "mlp-64": 8, "cnn-3": 4, "cnn-2": 8, "cnn-1": 16})
        exceptions = claims.paper_exceptions()
        self.assertEqual((len(exceptions["in_hull_larger"]), exceptions["fits"]), (8, 36))
        self.assertEqual((exceptions["cifar_negative"], exceptions["cifar_fits"]), (18, 18))

    def test_bad_folders_get_a_sentence(self):
        old = self.folder()
        planted = Planted(["mlp-64"])
        planted.write(old)
        with h5py.File(old / "results.h5", "r+") as file:
            del file["/table"]
        twice = Planted(["mlp-64"]).everything().write(self.folder())
        for folders, words in (([self.folder()], "is not there; run the study first"), ([old], "has no /table"), ([twice, twice], "in two of the given studies")):
            run = subprocess.run([sys.executable, SOURCE / "analysis/claims.py", *folders], capture_output=True, text=True)
            self.assertEqual(run.returncode, 2)
            self.assertIn(words, run.stderr)
            self.assertEqual(len(run.stderr.strip().splitlines()), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
