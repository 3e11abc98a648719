#!/usr/bin/python3
"""classifier.py STUDY --network NAME --work DIR [--trials N] [--ranks N]: what the choices that the paper does not state for
its classifiers' training do to accuracy, to the scale of the activations and to Fig. 5.

One choice at a time is moved away from the study's: batch, rate and epochs to a quarter and to four times, scaling of the
input to the other one. Each of the N trials (default 1) is trained anew, and distances to the nearest training point in the
space of the activations are computed. Prints a Markdown table and writes DIR/classifier.csv; the runs themselves stay in DIR,
so that the same command goes on where it was stopped. HULLSCOPE names the program, HULLSCOPE_DATA the data.
"""

import argparse
import csv
import os
import pathlib
import sys
import tomllib

import h5py
import numpy as np
from scipy.stats import ks_2samp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "analysis"))
import hullscope_io
from sensitivity import run_stages, study_of_one

COLUMNS = ["choice", "trial", "accuracy, training", "accuracy, test", "norm", "distance, right", "distance, wrong", "KS, Euclidean",
           "KS, cosine"]  # fmt: skip


def variants(train):
    """(name, overrides of the study's [train])"""
    yield "as in the study", {}
    other = "standard" if train["scaling"] == "unit" else "unit"
    yield f"scaling {other}", {"scaling": f'"{other}"'}
    for factor in (0.25, 4):
        yield f"batch {factor * train['batch']:g}", {"batch": round(factor * train["batch"])}
        yield f"rate {factor * train['rate']:g}", {"rate": f"{factor * train['rate']:g}"}
        yield f"epochs {factor * train['epochs']:g}", {"epochs": max(1, round(factor * train["epochs"]))}


def run(study_file, folder, overrides, options):
    settings = {"preset": "full", "train.trials": options.trials, "proximity.spaces": '["neural"]', "proximity.scores": "[]",
                **{f"train.{key}": value for key, value in overrides.items()}}  # fmt: skip
    run_stages("train,extract,proximity", study_file, folder, settings, options.ranks)


def values(folder, network):
    """Of each trial: trial, accuracies, mean norm of the test points' activations, median distances of right and wrong answers,
    Kolmogorov-Smirnov of their distances."""
    points = hullscope_io.points(folder)
    for trial, of_trial in points.groupby("trial"):
        with h5py.File(folder / network / f"trial-{trial:02}" / "activations.h5") as file:
            accuracies = file.attrs["accuracy_train"], file.attrs["accuracy_test"]
            norm = np.linalg.norm(file["test/activation"][:], axis=1).mean()
        right, wrong = (of_trial[of_trial.correct == answer] for answer in (True, False))
        yield (trial, *accuracies, norm, right["neural.euclidean"].median(), wrong["neural.euclidean"].median(),
               *(ks_2samp(right[f"neural.{measure}"], wrong[f"neural.{measure}"]).statistic for measure in ("euclidean", "cosine")))  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description="What the classifier's open choices do to accuracy, activations and distances.")
    parser.add_argument("study", metavar="STUDY", type=pathlib.Path, help="study file")
    parser.add_argument("--network", required=True)
    parser.add_argument("--work", metavar="DIR", type=pathlib.Path, required=True)
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--ranks", type=int, default=os.cpu_count())
    options = parser.parse_args()
    text = options.study.read_text()
    study = tomllib.loads(text)
    if options.network not in [n["name"] for n in study["network"]]:
        sys.exit(f"classifier.py: {options.study} has no network {options.network!r}; expected one of {', '.join(n['name'] for n in study['network'])}")
    options.work.mkdir(parents=True, exist_ok=True)
    study_file = options.work / "study.toml"
    study_file.write_text(study_of_one(text, options.network))
    rows = []
    for name, overrides in variants(study["train"]):
        folder = options.work / name.replace(" ", "-")
        run(study_file, folder, overrides, options)
        rows += [[name, trial, *(f"{v:.4g}" for v in found)] for trial, *found in values(folder, options.network)]
    with open(options.work / "classifier.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    for row in [COLUMNS, ["---"] * len(COLUMNS), *rows]:
        print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    main()
