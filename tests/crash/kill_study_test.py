#!/usr/bin/python3
"""SIGKILL at random moments of a whole study: of all its processes, of one rank, of mpirun or of hullscope itself.

    kill_study_test.py [--kills 14] [--seconds 60] [--seed N] [--ranks 2]

The same command is then given again. Whatever stands under a final name at any time must have the content of the
uninterrupted run: no torn file, nothing lost, nothing different. `--kills 1000 --seconds 7200` is the long test.
Needs HULLSCOPE and HULLSCOPE_SOURCE_DIR in the environment, as ctest sets them.
"""
import argparse
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))
from study_runs import command, differences, digests, run  # noqa: E402


def processes_of(session):
    """(pid, program's name) of the live processes of a session."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _, _, its_session = entry.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
            program = entry.joinpath("cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if int(its_session) == session and state != "Z":
            found.append((int(entry.name), program))
    return found


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def strike(session, randomness):
    """Kills some of the session's processes; returns what was struck."""
    alive = processes_of(session)
    ranks = [(pid, name) for pid, name in alive if "/libexec/hullscope/" in name]
    launchers = [(pid, name) for pid, name in alive if name.endswith("mpirun")]
    kind = randomness.choice(["all", "all", "rank", "rank", "mpirun", "hullscope"])
    victims = {"all": alive, "rank": ranks[:], "mpirun": launchers,
               "hullscope": [(pid, name) for pid, name in alive if pid == session]}[kind]
    if kind == "rank" and victims:
        victims = [randomness.choice(victims)]
    for pid, _ in victims:
        kill(pid)
    stages = {os.path.basename(name) for _, name in ranks} or {"between stages"}
    return kind if victims else "nothing", "+".join(sorted(stages))


def wait_for_all(process, seconds):
    """Every process of the session has to end by itself once one was killed: no hang."""
    end = time.time() + seconds
    while time.time() < end:
        process.poll()
        if not processes_of(process.pid):
            process.wait()
            return
        time.sleep(0.02)
    left = processes_of(process.pid)
    for pid, _ in left:
        kill(pid)
    raise AssertionError(f"{seconds} s after the kill there are still {left}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=14)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "little"))
    parser.add_argument("--ranks", type=int, default=2)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    randomness = random.Random(options.seed)
    work = tempfile.mkdtemp(prefix="hs-kill-")
    os.environ["TMPDIR"] = work  # what killed processes leave behind goes with it
    output, reference = os.path.join(work, "study"), os.path.join(work, "reference")
    start = time.time()
    run(reference, ranks=options.ranks)
    whole = time.time() - start
    expected = digests(reference)
    print(f"uninterrupted: {whole:.1f} s, {len(expected)} files", flush=True)

    start, kills, completions, struck = time.time(), 0, 0, {}
    enough = min(8, options.kills)  # the time ends it later, on a slow machine too
    while kills < enough or (kills < options.kills and time.time() - start < options.seconds):
        process = subprocess.Popen(command(output, ranks=options.ranks), start_new_session=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            process.wait(timeout=randomness.uniform(0.1, 0.35 * whole))
        except subprocess.TimeoutExpired:
            kind, stage = strike(process.pid, randomness)
            kills += kind != "nothing"
            struck[(kind, stage)] = struck.get((kind, stage), 0) + 1
        wait_for_all(process, 60)
        text = process.stdout.read().decode(errors="replace")
        found = digests(output) if os.path.isdir(output) else {}
        wrong = [name for name, digest in found.items() if expected.get(name) != digest]
        assert not wrong, f"after kill {kills}: {wrong} differ from the uninterrupted run\n{text}"
        if process.returncode == 0:
            assert found == expected, differences(found, expected)
            completions += 1
            shutil.rmtree(output)
        else:
            assert process.returncode in (-signal.SIGKILL, 1, 75), f"ended with {process.returncode}\n{text}"
    run(output, ranks=options.ranks)
    assert digests(output) == expected, differences(digests(output), expected)
    torn = [str(path) for path in pathlib.Path(output).rglob("*") if ".tmp" in path.name or path.name.endswith(".parts")]
    assert not torn, f"left behind: {torn}"
    print(f"{kills} kills, {completions + 1} studies completed with equal content, {time.time() - start:.0f} s")
    for (kind, stage), count in sorted(struck.items()):
        print(f"  {count:3} x {kind} during {stage}")
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
