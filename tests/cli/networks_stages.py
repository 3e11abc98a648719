#!/usr/bin/python3
"""train, extract and encode as programs: equal files on any number of ranks and threads, after kills and signals, and
one sentence for bad input.

usage: networks_stages.py TRAIN EXTRACT ENCODE [KILLS]
KILLS (default 4) is the number of SIGKILLs for each of train and encode; the seed of their moments is printed.
"""
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import h5py

PROGRAM = dict(zip(("train", "extract", "encode"), sys.argv[1:4]))
KILLS = int(sys.argv[4]) if len(sys.argv) > 4 else 4
MPIRUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mpirun.sh")
SEED = int(os.environ.get("HULLSCOPE_TEST_SEED", "1"))
STUDY = """name = "networks"
seed = 11
[data]
set = "gaussian-classes?dimension=3&classes=4&per_class_train=300&per_class_test=150"
[train]
trials = 2
epochs = {epochs}
batch = 32
scaling = "standard"
checkpoint_seconds = 0.02
[encode]
dimensions = [2, 3]
hidden = [16]
epochs = {epochs}
batch = 64
[[network]]
name = "plain"
layers = ["dense 24", "relu", "dropout 0.2", "dense 12", "relu", "dropout 0.5"]
[[network]]
name = "normed"
layers = ["dense 16", "batchnorm", "relu", "dropout 0.3"]
"""

random.seed(SEED)
failures = []


def expect(true, what):
    if not true:
        failures.append(what)
        print("FAILED:", what, flush=True)


def start(stage, study, folder, ranks=0, sets=()):
    """Starts a stage; ranks 0: without mpirun."""
    command = [PROGRAM[stage], study, "--output", folder]
    for pair in sets:
        command += ["--set", pair]
    if ranks:
        command = [MPIRUN, str(ranks)] + command
    return subprocess.Popen(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def run(stage, study, folder, ranks=0, sets=(), code=0):
    process = start(stage, study, folder, ranks, sets)
    output = process.communicate(timeout=900)[0]
    expect(process.returncode == code,
           f"{stage} on {ranks} ranks in {folder} ended with {process.returncode}, expected {code}: {output[-1500:]}")
    return output


def files(folder, suffix):
    return sorted(os.path.relpath(os.path.join(root, name), folder)
                  for root, _, names in os.walk(folder) for name in names if name.endswith(suffix))


def digests(folder, name=".h5"):
    found = {}
    for path in files(folder, name):
        with h5py.File(os.path.join(folder, path)) as file:
            digest = file.attrs["content_digest"]
            found[path] = digest.decode() if isinstance(digest, bytes) else digest
    return found


def descendants(pid):
    children = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                children.setdefault(int(file.read().rsplit(")", 1)[1].split()[1]), []).append(int(entry))
        except (OSError, IndexError):
            pass
    found, todo = [], [pid]
    while todo:
        for child in children.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def ranks_of(process, stage):
    """The ranks among the processes of a run under mpirun; the process itself without it."""
    found = []
    for pid in [process.pid] + descendants(process.pid):
        try:
            if os.readlink(f"/proc/{pid}/exe") == os.path.realpath(PROGRAM[stage]):
                found.append(pid)
        except OSError:
            pass
    return found


def stop_within(process, stage, folder, number, only_one=False):
    """Waits for a checkpoint of this run and a random moment more, and sends the signal to the ranks (or to one)."""
    begun, end = time.time_ns(), time.monotonic() + 60

    def saved():
        times = []
        for path in files(folder, ".checkpoint"):
            try:
                times.append(os.stat(os.path.join(folder, path)).st_mtime_ns)
            except FileNotFoundError:
                pass
        return max(times, default=0) > begun

    while process.poll() is None and time.monotonic() < end and not saved():
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.1))
    pids = ranks_of(process, stage)
    for pid in pids[:1] if only_one else pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    return process.communicate(timeout=120)[0]


def test_same_files_everywhere(study, folder):
    """The three stages on 1, 2 and 5 ranks and 1 and 2 threads; the kills below end on 1, 2 and 3 ranks."""
    reference = os.path.join(folder, "reference")
    for stage in PROGRAM:
        run(stage, study, reference)
    expected = digests(reference)
    expect(len(expected) == 4 * 2 + 8, f"{len(expected)} files, expected 16: {sorted(expected)}")
    expect(not files(reference, ".checkpoint"), "checkpoints are left behind")
    for ranks, threads in ((2, 2), (5, 1)):
        other = os.path.join(folder, f"ranks-{ranks}")
        for stage in PROGRAM:
            run(stage, study, other, ranks, [f"run.threads={threads}"])
        found = digests(other)
        for path, digest in expected.items():
            expect(found.get(path) == digest, f"{path} differs on {ranks} ranks and {threads} threads")
    times = {path: os.stat(os.path.join(reference, path)).st_mtime_ns for path in expected}
    for stage in PROGRAM:
        expect("0 to do" in run(stage, study, reference), f"{stage} does not see that it is done")
    for path, then in times.items():
        expect(os.stat(os.path.join(reference, path)).st_mtime_ns == then, f"{path} was written again")
    return reference, expected


def test_contents(reference):
    """What the files say fits together, recomputed from their arrays."""
    base = os.path.join(reference, "plain", "trial-00")
    with h5py.File(os.path.join(base, "network.h5")) as network, \
         h5py.File(os.path.join(base, "activations.h5")) as neural, \
         h5py.File(os.path.join(base, "latent-03", "codes.h5")) as codes:
        activation, logit = neural["test/activation"][:], neural["test/logit"][:]
        weight, bias = network["parameter/output.weight"][:], network["parameter/output.bias"][:]
        expect(abs(activation @ weight.T + bias - logit).max() < 1e-4, "logits are not W a + b")
        expect((logit.argmax(1) == neural["test/predicted"][:]).all(), "predictions are not the largest logit")
        accuracy = (neural["test/predicted"][:] == neural["test/label"][:]).mean()
        expect(abs(neural.attrs["accuracy_test"] - accuracy) < 1e-12, "accuracy_test is not the accuracy")
        hybrid = (codes["test/hybrid_predicted"][:] == neural["test/label"][:]).mean()
        expect(abs(codes.attrs["accuracy_test_hybrid"] - hybrid) < 1e-12, "accuracy_test_hybrid is not it")
        expect(abs(codes.attrs["relative_accuracy"] - hybrid / accuracy) < 1e-12, "relative_accuracy is not their ratio")

        def layer(name, x):
            return x @ codes[f"parameter/{name}.weight"][:].T + codes[f"parameter/{name}.bias"][:]

        for row, split in enumerate(("train", "test")):
            a = neural[f"{split}/activation"][:].astype("f8")
            scaled = a / codes["parameter/input.divisor"][0]
            code = layer("bottleneck", layer("dense1", scaled).clip(0))
            expect(abs(code - codes[f"{split}/code"][:]).max() < 1e-3, f"codes of {split} are not the encoder's")
            rebuilt = layer("output", layer("dense2", code).clip(0)) * codes["parameter/input.divisor"][0]
            mean = neural["train/activation"][:].astype("f8").mean(0)
            ratio = ((a - rebuilt) ** 2).sum() / ((a - mean) ** 2).sum()
            expect(abs(ratio - codes["unexplained_variance"][row]) < 1e-4, f"unexplained variance of {split}")
        expect(len(network["train_loss"]) == len(network["epoch"]), "curves and epochs differ in length")


def test_principal_components(study, folder, reference):
    """They train nothing and so count as one step each: a stage that makes codes of both kinds ends at its total."""
    other = os.path.join(folder, "principal")
    shutil.copytree(reference, other)
    for path in files(other, "codes.h5"):
        os.remove(os.path.join(other, path))
    output = run("encode", study, other, 0, ['hull.spaces=["latent", "pca"]'])
    steps = 2 * 2 * 2 * (60 + 1)  # networks, trials, dimensions, an autoencoder and principal components
    expect(f"encode: {steps} of {steps} epochs in" in output, "encode does not end at its total: " + output[-600:])
    expect(len(files(other, "codes.h5")) == 16, "codes are missing")


def test_shared_batches(study, folder):
    """ranks_per_task = 2: not the bits of one rank, but its own again."""
    found = []
    for name in ("first", "second"):
        other = os.path.join(folder, "shared-" + name)
        run("train", study, other, 3, ["train.ranks_per_task=2"])  # the third rank forms no group
        found.append(digests(other))
    expect(len(found[0]) == 4 and found[0] == found[1], "two trainings on 2 ranks a task differ")
    output = run("train", study, os.path.join(folder, "too-few"), 0, ["train.ranks_per_task=2"], code=2)
    expect("train.ranks_per_task is 2" in output, "no sentence about too few ranks: " + output)


def killed_stage(stage, study, other, expected, suffix):
    kills = 0
    for kill in range(KILLS):
        process = start(stage, study, other, (0, 2, 3)[kill % 3])
        stop_within(process, stage, other, signal.SIGKILL, only_one=kill % 2 == 1)
        kills += process.returncode != 0
        for path, digest in digests(other, suffix).items():
            expect(expected[path] == digest, f"{path} differs after kill {kill}")
    run(stage, study, other, 3)
    expect(kills >= 1, f"no kill of {stage} came in time")
    found = digests(other, suffix)
    for path, digest in expected.items():
        if path.endswith(suffix):
            expect(found.get(path) == digest, f"{path} differs after {kills} kills")
    expect(not files(other, ".checkpoint"), "checkpoints are left behind after the end")
    print(f"{stage}: {kills} kills", flush=True)


def test_kills(study, folder, expected):
    other = os.path.join(folder, "killed")
    killed_stage("train", study, other, expected, "network.h5")
    run("extract", study, other)
    killed_stage("encode", study, other, expected, "codes.h5")


def test_signals(study, folder, expected):
    """TERM and USR1 end a run with 75 and a checkpoint; the same command goes on."""
    for ranks, number in ((0, signal.SIGTERM), (2, signal.SIGUSR1)):
        other = os.path.join(folder, f"signal-{number}")
        process = start("train", study, other, ranks)
        output = stop_within(process, "train", other, number)
        expect(process.returncode == 75, f"signal {number} on {ranks} ranks: exit {process.returncode}: {output[-800:]}")
        expect("resumes" in output, "no sentence about resuming: " + output[-800:])
        expect(files(other, ".checkpoint"), "no checkpoint after a signal")
        expect("resumed after" in run("train", study, other), "the checkpoint was not used")
        for path, digest in digests(other).items():
            expect(expected[path] == digest, f"{path} differs after signal {number}")


def test_torn_checkpoint(study, folder, expected):
    other = os.path.join(folder, "torn")
    os.makedirs(os.path.join(other, "plain", "trial-00"))
    with open(os.path.join(other, "plain", "trial-00", "network.checkpoint"), "wb") as file:
        file.write(b"hullscope checkpoint 1\nnot whole")
    expect("it is ignored" in run("train", study, other), "no warning about a torn checkpoint")
    expect(digests(other) == {p: d for p, d in expected.items() if p.endswith("network.h5")}, "a torn checkpoint mattered")


def test_bad_input(folder):
    def sentence(stage, change, code, words):
        path = os.path.join(folder, "bad.toml")
        with open(path, "w") as file:
            file.write(change(STUDY.format(epochs=1)))
        output = run(stage, path, os.path.join(folder, "bad"), 0, code=code)
        expect(all(word in output for word in words), f"expected {words} in: {output}")
        expect(not files(os.path.join(folder, "bad"), ".h5"), "a file was written in spite of bad input")

    sentence("train", lambda s: s.replace('"dense 24"', '"dens 24"'), 2, ["plain", "dens 24", "dense 256"])
    sentence("train", lambda s: s.replace('"dense 24"', '"conv 3x3 8"'), 2, ["conv 3x3 8", "vector of"])
    sentence("train", lambda s: s.replace('["dense 16", "batchnorm", "relu", "dropout 0.3"]', '["dropout 0.3"]'), 2,
             ["normed", "no hidden layer"])
    sentence("extract", lambda s: s, 1, ["network.h5", "train"])
    sentence("encode", lambda s: s, 1, ["activations.h5", "extract"])


def main():
    print("seed", SEED, flush=True)
    with tempfile.TemporaryDirectory(prefix="hullscope-networks-") as folder:
        study = os.path.join(folder, "study.toml")
        with open(study, "w") as file:
            file.write(STUDY.format(epochs=60))
        reference, expected = test_same_files_everywhere(study, folder)
        test_contents(reference)
        test_principal_components(study, folder, reference)
        test_shared_batches(study, folder)
        test_kills(study, folder, expected)
        test_signals(study, folder, expected)
        test_torn_checkpoint(study, folder, expected)
        test_bad_input(folder)
    print(f"{len(failures)} failures (seed {SEED})")
    return 1 if failures else 0


sys.exit(main())
