#!/usr/bin/python3
"""autoencoder_choices.py STUDY.toml DIR [TRIALS]: what the autoencoder's open choices do to the hull at d = 8 and 16.

The paper does not state its autoencoder's epochs, rate, batch and output activation. For the first TRIALS (default 1)
trained networks of the finished study in DIR, autoencoders are trained anew under each choice, and their hull tests
made; the table goes to standard output as Markdown. HULLSCOPE names the program.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import h5py
import numpy as np

HULLSCOPE = os.environ.get("HULLSCOPE", "build/release/bin/hullscope")
CHOICES = {
    "as the study": {},
    "10 epochs": {"encode.epochs": "10"},
    "20 epochs": {"encode.epochs": "20"},
    "80 epochs": {"encode.epochs": "80"},
    "rate 3e-3": {"encode.rate": "0.003"},
    "rate 3e-4": {"encode.rate": "0.0003"},
    "batch 64": {"encode.batch": "64"},
    "ReLU output": {"encode.output": '"relu"'},
}


def prepare(source, target, trials):
    """The trained networks and their activations, without anything that an autoencoder made."""
    for path in sorted(source.glob("*/trial-*/activations.h5")):
        if int(path.parent.name.split("-")[1]) >= trials:
            continue
        folder = target / path.parent.relative_to(source)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("network.h5", "network.pt", "activations.h5"):
            shutil.copy2(path.parent / name, folder / name)


def main():
    study, source = sys.argv[1], pathlib.Path(sys.argv[2])
    trials = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    print("| choice | network | d | unexplained variance (test) | relative accuracy | in the hull | within eps |")
    print("|---|---|---|---|---|---|---|")
    for choice, settings in CHOICES.items():
        target = source / "choices" / choice.replace(" ", "-")
        prepare(source, target, trials)
        command = [HULLSCOPE, "run", study, "--output", str(target), "--stages", "encode,hull", "--ranks", "2"]
        for key, value in {"train.trials": str(trials), "encode.dimensions": "[8, 16]", **settings}.items():
            command += ["--set", f"{key}={value}"]
        subprocess.run(command, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)
        found = {}
        for path in sorted(target.glob("*/trial-*/latent-*/hull.h5")):
            with h5py.File(path) as hull, h5py.File(path.with_name("codes.h5")) as codes:
                verdict = hull["/verdict"][...]
                near = (verdict == 1) | (hull["/distance_upper"][...] <= 2.0**-20 * hull.attrs["scale"])
                found.setdefault((path.parts[-4], int(path.parts[-2].split("-")[1])), []).append(
                    [codes["/unexplained_variance"][1], codes.attrs["relative_accuracy"], (verdict == 1).mean(), near.mean()]
                )
        for (network, d), values in found.items():
            mean = np.mean(values, axis=0)
            print(f"| {choice} | {network} | {d} | " + " | ".join(f"{v:.4f}" for v in mean) + " |", flush=True)


main()
