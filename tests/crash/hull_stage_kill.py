"""The hull stage on a small synthetic set: the same content on any ranks and threads; killed at random moments and
started again, it ends with the content of an uninterrupted run; a signal makes it leave with 75; `verify` proves all.

usage: hull_stage_kill.py FOLDER_OF_STAGE_PROGRAMS MPIRUN_SCRIPT [KILLS]
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

programs, mpirun = sys.argv[1:3]
kills = int(sys.argv[3]) if len(sys.argv) > 3 else 9
seed = int(os.environ.get("HULLSCOPE_TEST_SEED", "1"))
random.seed(seed)
failures = []

STUDY = """
name = "killed"
seed = 5
[data]
set = "gaussian?n=6000&test=1500&d=7"
[hull]
spaces = ["pixel"]
projection = true
shard = 10
[proximity]
spaces = ["pixel"]
"""


def expect(condition, sentence):
    if not condition:
        failures.append(sentence)
        print(f"FAILED (seed {seed}): {sentence}")


def command(ranks, name, *arguments):
    return ([mpirun, str(ranks)] if ranks > 1 else []) + [os.path.join(programs, name), *arguments]


def stage(folder, out, ranks=1, threads=1):
    done = subprocess.run(command(ranks, "hull", os.path.join(folder, "study.toml"), "--output", out, "--set",
                                  f"run.threads={threads}"), capture_output=True, text=True, timeout=300)
    expect(done.returncode == 0, f"{ranks} ranks: exit {done.returncode}: {done.stderr}")
    with h5py.File(os.path.join(out, "input", "hull.h5")) as file:
        return file.attrs["content_digest"]


def main(folder):
    with open(os.path.join(folder, "study.toml"), "w") as file:
        file.write(STUDY)
    reference = None
    for ranks, threads in ((1, 1), (3, 1), (5, 1), (2, 2)):
        out = os.path.join(folder, f"out {ranks} {threads}")
        start = time.monotonic()
        digest = stage(folder, out, ranks, threads)
        if reference is None:
            reference, whole = digest, time.monotonic() - start
        expect(digest == reference, f"another content on {ranks} ranks with {threads} threads")
    hull = os.path.join(folder, "out 1 1", "input", "hull.h5")
    verified = subprocess.run(command(1, "verify", hull), capture_output=True, text=True, timeout=300)
    expect("verified 1500 of 1500, undecided 0" in verified.stdout, verified.stdout + verified.stderr)
    kill(folder, reference, whole)
    leave(folder, reference, whole)


def start(folder, out, ranks):
    return subprocess.Popen(command(ranks, "hull", os.path.join(folder, "study.toml"), "--output", out),
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                            start_new_session=True)


def kill_session(session):
    """mpirun puts its ranks into process groups of their own, but they stay in its session."""
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                if int(file.read().rpartition(")")[2].split()[3]) == session:
                    os.kill(int(entry), signal.SIGKILL)
        except (OSError, ValueError):
            pass  # it has ended


def kill(folder, reference, whole):
    """SIGKILL of the whole session (mpirun and its ranks) at random moments, three to a run."""
    out, before_the_end = os.path.join(folder, "killed"), 0
    for i in range(kills):
        ranks = 1 + i % 3
        process = start(folder, out, ranks)
        time.sleep(random.uniform(0.02, 1.2 * whole))
        before_the_end += process.poll() is None
        kill_session(process.pid)
        process.wait()
        names = os.listdir(os.path.join(out, "input")) if os.path.isdir(os.path.join(out, "input")) else []
        if "hull.h5" in names:
            checked = subprocess.run(command(1, "check", os.path.join(out, "input", "hull.h5")), capture_output=True,
                                     text=True, timeout=60)
            expect(checked.returncode == 0, f"a torn file after kill {i}: {checked.stdout}{checked.stderr}")
        if i % 3 == 2 or i + 1 == kills:
            expect(stage(folder, out, ranks=1 + i % 2) == reference, f"another content after {i + 1} kills")
            expect(not os.path.exists(os.path.join(out, "input", "hull.h5.parts")), "shards were left behind")
            shutil.rmtree(out)
    expect(before_the_end > kills / 3, f"only {before_the_end} of {kills} kills came before the end")


def leave(folder, reference, whole):
    out = os.path.join(folder, "stopped")
    for _ in range(20):
        process = start(folder, out, 1)
        time.sleep(random.uniform(0.1, 0.9) * whole)
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=60)
        if code == 75:
            break
        shutil.rmtree(out, ignore_errors=True)  # it had ended, or had not yet begun
    expect(code == 75, f"exit {code} after SIGTERM, expected 75")
    expect(stage(folder, out) == reference, "another content after a signal")


with tempfile.TemporaryDirectory(prefix="hullscope hull ") as folder:
    main(folder)
sys.exit(f"{len(failures)} failures" if failures else 0)
