#!/usr/bin/python3
"""run.py [--work DIR] [--repeats N] [--report FILE.md]: training beside the same network in PyTorch.

The paper's networks, Fashion-MNIST, Adam at rate 1e-3, batches of 128, one process with one thread, on the same core in
turn: `hullscope train` and PyTorch (Debian's python3-torch, the library that ours is linked with). CPU seconds (user +
system, with all children) of a run of many epochs minus those of a run of one, over the difference in epochs: starting,
reading and writing drop out on both sides. PyTorch gets its fastest plain form: the whole set as one tensor in memory,
batches by indexing, no data loader, no validation. HULLSCOPE names the program.
"""

import argparse
import gzip
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

HULLSCOPE = os.environ.get("HULLSCOPE", "build/release/bin/hullscope")
DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
MLP = "dense {} relu; dropout 0.2; dense 1024 relu; dropout 0.4; dense 128 relu; dropout 0.5"
CNN = "conv 64 batchnorm relu; conv 64 batchnorm relu; maxpool 2; dropout 0.2; flatten; dense 128 batchnorm relu; dropout 0.5"
# name: (layers, training samples, epochs of the short and of the long run)
CASES = {
    "mlp-64": (MLP.format(64), 20000, (1, 6)),
    "mlp-256": (MLP.format(256), 20000, (1, 5)),
    "cnn-1": (CNN, 2560, (1, 3)),
}


def words_of(layers):
    """"dense 64 relu; ..." as the layer texts of a study file."""
    found = []
    for part in layers.replace(";", "").split():
        if part.isdigit() or part.replace(".", "").isdigit():
            found[-1] += f" {'3x3 ' if found[-1] == 'conv' else ''}{part}"
        else:
            found.append(part)
    return found


def study_file(folder, name, epochs):
    layers, samples, _ = CASES[name]
    text = f"""name = "{name}-{epochs}"
[data]
set = "fashion-mnist"
train_limit = {samples}
test_limit = 100
[train]
trials = 1
epochs = {epochs}
batch = 128
rate = 1e-3
checkpoint_seconds = 100000
ranks_per_task = 1
[run]
threads = 1
[[network]]
name = "{name}"
layers = {json.dumps(words_of(layers))}
"""
    path = folder / f"{name}-{epochs}.toml"
    path.write_text(text)
    return path


# --- PyTorch's side, in a process of its own: run.py --peer NAME EPOCHS


def peer(name, epochs):
    import numpy as np
    import torch
    from torch import nn

    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers, samples, _ = CASES[name]
    read = lambda file, skip: np.frombuffer(gzip.decompress((DATA / file).read_bytes()), np.uint8)[skip:]  # noqa: E731
    x = torch.from_numpy(read("train-images-idx3-ubyte.gz", 16).reshape(-1, 1, 28, 28)[:samples].copy()).float() / 255
    y = torch.from_numpy(read("train-labels-idx1-ubyte.gz", 8)[:samples].astype("int64"))
    modules, shape = [], (1, 28, 28)
    if layers.startswith("dense"):
        modules, shape = [nn.Flatten()], (784,)
    for word in words_of(layers):
        kind, *numbers = word.split()
        if kind == "dense":
            modules.append(nn.Linear(shape[0], int(numbers[0])))
            shape = (int(numbers[0]),)
        elif kind == "conv":
            modules.append(nn.Conv2d(shape[0], int(numbers[1]), 3, padding=1))
            shape = (int(numbers[1]), *shape[1:])
        elif kind == "maxpool":
            modules.append(nn.MaxPool2d(2))
            shape = (shape[0], shape[1] // 2, shape[2] // 2)
        elif kind == "flatten":
            modules.append(nn.Flatten())
            shape = (shape[0] * shape[1] * shape[2],)
        elif kind == "batchnorm":
            modules.append(nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0]))
        else:
            modules.append(nn.ReLU() if kind == "relu" else nn.Dropout(float(numbers[0])))
    model = nn.Sequential(*modules, nn.Linear(shape[0], 10))
    adam = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(epochs):
        right, order = 0, torch.randperm(samples)
        for first in range(0, samples, 128):
            rows = order[first : first + 128]
            z = model(x[rows])
            loss = nn.functional.cross_entropy(z, y[rows])
            adam.zero_grad()
            loss.backward()
            adam.step()
            right += (z.argmax(1) == y[rows]).sum().item()
    print(f"{sum(p.numel() for p in model.parameters())} parameters, training accuracy {right / samples:.4f}")


# --- measuring


def cpu_seconds(command, core):
    """CPU seconds of a command and all that it starts, on one core."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    before = os.times()
    done = subprocess.run(["taskset", "-c", str(core), *map(str, command)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    after = os.times()
    if done.returncode != 0:
        sys.exit(f"run.py: {' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return after.children_user + after.children_system - before.children_user - before.children_system


def measure(options, side, name, epochs, repeat):
    if side == "PyTorch":
        return cpu_seconds([sys.executable, __file__, "--peer", name, epochs], options.core)
    folder = options.work / f"{name}-{epochs}-{repeat}"
    subprocess.run(["rm", "-rf", folder], check=True)
    study = study_file(options.work, name, epochs)
    return cpu_seconds([HULLSCOPE, "train", study, "--output", folder, "--ranks", "1"], options.core)


def compare(options, name):
    """CPU seconds an epoch of each side, a value a repeat; both in turn."""
    short, long = CASES[name][2]
    found = {"hullscope": [], "PyTorch": []}
    for repeat in range(options.repeats):
        for side in found if repeat % 2 == 0 else reversed(found):
            once, more = (measure(options, side, name, epochs, repeat) for epochs in (short, long))
            found[side].append((more - once) / (long - short))
            print(f"{name} {side}: {found[side][-1]:.3f} CPU s an epoch", file=sys.stderr, flush=True)
    return found


def versions():
    torch = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=True).stdout.strip()
    ours = subprocess.run([HULLSCOPE, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    return f"{ours}; PyTorch {torch}; {model}, one core; load {os.getloadavg()[0]:.1f} when it ended; {time.strftime('%Y-%m-%d')}."


def page(found):
    lines = ["# Training beside PyTorch", "", "    HULLSCOPE=build/release/bin/hullscope benchmarks/training/run.py --report docs/results/training.md", "",
             " ".join(__doc__.split("\n\n", 1)[1].split()).removesuffix(" HULLSCOPE names the program."), "", versions(), "",
             "| network | training samples | hullscope, CPU s an epoch | PyTorch | ratio of medians | repeats (hullscope; PyTorch) |", "|---|--:|--:|--:|--:|---|"]  # fmt: skip
    for name, sides in found.items():
        ours, theirs = (statistics.median(sides[side]) for side in ("hullscope", "PyTorch"))
        repeats = "; ".join(", ".join(f"{v:.3f}" for v in sides[side]) for side in ("hullscope", "PyTorch"))
        lines.append(f"| {name} | {CASES[name][1]:,} | {ours:.3f} | {theirs:.3f} | {ours / theirs:.2f} | {repeats} |")
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description="Training beside the same network in PyTorch, CPU seconds an epoch.")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("/var/tmp/training-benchmark"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", default=",".join(CASES), help="names by commas")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--report", metavar="FILE.md", help="default: standard output")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    text = page({name: compare(options, name) for name in options.only.split(",")})
    if options.report:
        pathlib.Path(options.report).write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
