#!/usr/bin/python3
"""sensitivity.py DIR [--network NAME] [--trials N] [--dimensions 2,4,8,16] [--ranks N]: what the autoencoder's open choices
do to Fig. 4.

The paper does not state its autoencoder's output activation, epochs and rate. For the first N trials (default 1) of one
network (default: the study's first) of the finished study in DIR, autoencoders are trained anew under every combination of
linear or ReLU output, half, all and four times the study's epochs, and 0.3, 1 and 3 times its rate, and the hull tests made.
The trained network and its activations are the study's. Results go to DIR/sensitivity.csv, which the report and
analysis/paper_page.py show beside Fig. 4; the runs themselves to DIR/sensitivity/, so that the same command goes on where it
was stopped. HULLSCOPE names the program.
"""

import argparse
import csv
import itertools
import os
import pathlib
import re
import subprocess
import sys
import tomllib

import h5py

HULLSCOPE = os.environ.get("HULLSCOPE", "build/release/bin/hullscope")
COLUMNS = ["network", "trial", "output", "epochs", "rate", "d", "unexplained_variance", "relative_accuracy", "inside"]


def study_of_one(text, network):
    """The resolved study file with that network alone, and without further test sets."""
    blocks = re.split(r"(?m)^(?=\[\[)", text)
    kept = [b for b in blocks if not b.startswith("[[") or (b.startswith("[[network]]") and tomllib.loads(b)["network"][0]["name"] == network)]
    return "".join(kept)


def prepare(source, target, network, trials):
    """The trained networks and their activations, without anything that an autoencoder made."""
    for trial in range(trials):
        folder = target / network / f"trial-{trial:02}"
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("network.h5", "network.pt", "activations.h5"):
            there = source / network / f"trial-{trial:02}" / name
            if there.exists() and not (folder / name).exists():
                os.symlink(there.resolve(), folder / name)


def grid(study):
    encode = study["encode"]
    for output, epochs, rate in itertools.product(("linear", "relu"), (0.5, 1, 4), (0.3, 1, 3)):
        yield output, max(1, round(epochs * encode["epochs"])), float(f"{rate * encode['rate']:.6g}")


def run(study_file, target, options, setting):
    output, epochs, rate = setting
    settings = {"train.trials": options.trials, "encode.dimensions": f"[{options.dimensions}]", "encode.output": f'"{output}"',
                "encode.epochs": epochs, "encode.rate": rate, "hull.spaces": '["latent"]', "hull.projection": "false", "hull.classes": "false",
                "hull.left_out": 0, "hull.subsets": "[]"}  # fmt: skip
    run_stages("encode,hull", study_file, target, settings, options.ranks)


def run_stages(stages, study_file, target, settings, ranks):
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    command = [HULLSCOPE, "run", study_file, "--output", target, "--stages", stages, "--ranks", ranks, *words]
    subprocess.run(list(map(str, command)), check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def values(target, network, trials):
    for path in sorted((target / network).glob("trial-*/latent-*/codes.h5")):
        trial, d = int(path.parts[-3].removeprefix("trial-")), int(path.parts[-2].removeprefix("latent-"))
        if trial < trials:
            with h5py.File(path) as codes, h5py.File(path.with_name("hull.h5")) as hull:
                yield trial, d, codes["unexplained_variance"][1], codes.attrs["relative_accuracy"], (hull["verdict"][:] == 1).mean()


def main():
    parser = argparse.ArgumentParser(description="What the autoencoder's open choices do to Fig. 4.")
    parser.add_argument("folder", metavar="DIR", type=pathlib.Path, help="output folder of a finished study")
    parser.add_argument("--network", help="default: the study's first")
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--dimensions", default="2,4,8,16")
    parser.add_argument("--ranks", type=int, default=os.cpu_count())
    options = parser.parse_args()
    text = (options.folder / "study.toml").read_text()
    study = tomllib.loads(text)
    network = options.network or study["network"][0]["name"]
    if network not in [n["name"] for n in study["network"]]:
        sys.exit(f"sensitivity.py: {options.folder} has no network {network!r}; expected one of {', '.join(n['name'] for n in study['network'])}")
    work = options.folder / "sensitivity"
    work.mkdir(exist_ok=True)
    study_file = work / "study.toml"
    study_file.write_text(study_of_one(text, network))
    rows = []
    for setting in grid(study):
        target = work / "-".join(map(str, setting))
        prepare(options.folder, target, network, options.trials)
        run(study_file, target, options, setting)
        rows += [[network, trial, *setting, d, *(f"{v:.6g}" for v in found)] for trial, d, *found in values(target, network, options.trials)]
    making = options.folder / ".sensitivity.csv"
    with open(making, "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    making.rename(options.folder / "sensitivity.csv")
    print(f"{options.folder}/sensitivity.csv")


if __name__ == "__main__":
    main()
