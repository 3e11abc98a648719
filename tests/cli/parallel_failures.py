#!/usr/bin/python3
"""How a program of several ranks ends: one sentence, the right exit code, within seconds, no process left.

usage: parallel_failures.py FAILING_PROGRAM
Every case is one run of tests/mpi/failing_program.cpp. mpirun is told to be quiet (as `hullscope run` starts it), so
that standard error must hold the sentence and nothing else.
"""
import os
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

PROGRAM = sys.argv[1]
AT_ONCE = 3  # cases side by side: they mostly wait
MPIRUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mpirun.sh")
cases = []


def start(scenario, ranks, token, environment):
    """Starts the program; ranks 0: without mpirun."""
    env = {**os.environ, "OMPI_MCA_orte_execute_quiet": "1", "HULLSCOPE_LOG": "error", **environment}
    command = [PROGRAM, scenario, token] if ranks == 0 else [MPIRUN, str(ranks), PROGRAM, scenario, token]
    return subprocess.Popen(command, env=env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def left_behind(token):
    """Processes that still carry this run's token in their arguments."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if token.encode() in file.read() and int(pid) != os.getpid():
                    found.append(pid)
        except OSError:
            pass
    return found


def check(*arguments, **named):
    """A case for run_case()."""
    cases.append((arguments, named))


def run_case(scenario, ranks, code, sentence, seconds=10, act=None, **environment):
    """Runs a case, says how it went; `sentence`: what the one line of standard error holds (None: no line at all)."""
    token = uuid.uuid4().hex
    begin = time.monotonic()
    process = start(scenario, ranks, token, environment)
    if act:
        act(process)
    try:
        out, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        err += "(hung: killed after 30 s)"
    took = time.monotonic() - begin
    lines = err.splitlines()
    problems = []
    if process.returncode != code:
        problems.append(f"exit code {process.returncode}, expected {code}")
    if sentence is None and lines:
        problems.append("words on standard error, expected none")
    if sentence is not None and not (len(lines) == 1 and lines[0].startswith("hullscope: ") and sentence in lines[0]):
        problems.append(f"expected the one line 'hullscope: ...{sentence}...'")
    if took > seconds:
        problems.append(f"took {took:.1f} s, expected at most {seconds} s")
    deadline = time.monotonic() + 3
    while left_behind(token) and time.monotonic() < deadline:
        time.sleep(0.05)
    if left_behind(token):
        problems.append(f"processes left: {left_behind(token)}")
    note = "".join(f", {k}={v}" for k, v in environment.items())
    text = f"{'FAILED' if problems else 'ok'}: {scenario} on {ranks} ranks{note} ({took:.1f} s)"
    if problems:
        text += "".join("\n    " + problem for problem in problems) + f"\n    standard error was: {err!r}"
    print(text, flush=True)
    return not problems


def signal_one_rank(which, number):
    """Sends a signal to one rank once the program has said its process ids."""
    def act(process):
        pids = process.stdout.readline().split()
        os.kill(int(pids[which]), number)
    return act


def signal_mpirun(number):
    """Sends a signal to mpirun once all ranks work. (The launcher sends USR1, which mpirun hands on; on TERM it would
    kill the ranks after a second and exit with 1 whatever they say.)"""
    def act(process):
        process.stdout.readline()
        process.send_signal(number)
    return act


def main():
    for ranks in (0, 1, 2, 3, 5):
        check("done", ranks, 0, None)
        check("usage-all", ranks, 2, "unknown key 'epoch'")
        check("data-one", ranks, 2, "a.npy (offset 6): is no NPY file")
        check("until-stopped", ranks, 75, "stopped by a signal", act=signal_one_rank(-1, signal.SIGTERM))
    # Alone it has no folder of Open MPI's, which another one that ends would remove.
    check("done", 0, 0, None, TMPDIR="/proc/nowhere")
    check("code", 3, 1, None)
    check("code", 0, 1, None)
    check("usage-all-staggered", 3, 2, "unknown key 'epoch'")
    check("different-all", 3, 2, "found something else")
    check("environment-one", 3, 1, "the disk is full")
    check("internal-one", 3, 1, "a bug of hullscope")
    check("memory-one", 3, 1, "out of memory")
    check("standard-one", 3, 1, "unexpected error: line one")
    check("number-one", 3, 1, "unexpected error of an unknown type")
    check("interrupted-one", 3, 75, "the time is over")
    check("all-but-first", 3, 2, "is empty", seconds=15)
    check("first-throws-others-return", 3, 1, "the disk is full")
    check("collective-objects", 3, 2, "points.npy (row 3)")
    check("collective-objects", 0, 2, "points.npy (row 3)")
    check("noexcept", 3, 1, "out of a noexcept function")
    check("thread", 3, 2, "b.npy: is empty")
    check("thread", 0, 2, "b.npy: is empty")
    check("shared-fill", 3, 2, "c.npy: is empty")
    check("until-stopped", 2, 75, "stopped by a signal", act=signal_one_rank(0, signal.SIGUSR1))
    check("until-stopped", 2, 75, "stopped by a signal", act=signal_one_rank(1, signal.SIGUSR2))
    check("until-stopped", 3, 75, "stopped by a signal", act=signal_mpirun(signal.SIGUSR1))
    check("until-stopped", 3, 75, "stopped by a signal", act=signal_mpirun(signal.SIGUSR2))
    check("silent", 3, 1, "nothing has moved for 1.0 s", HULLSCOPE_WATCHDOG_SECONDS="1")
    check("silent", 0, 1, "nothing has moved for 1.0 s", HULLSCOPE_WATCHDOG_SECONDS="1")
    check("heartbeats", 3, 0, None, HULLSCOPE_WATCHDOG_SECONDS="1")
    check("done", 2, 2, "HULLSCOPE_WATCHDOG_SECONDS is 'soon'", HULLSCOPE_WATCHDOG_SECONDS="soon")
    # One machine taken for several nodes: errors, heartbeats and the sentence go by messages.
    nodes = {"HULLSCOPE_NODE_RANKS": "1"}
    check("usage-all", 3, 2, "unknown key 'epoch'", **nodes)
    check("data-one", 3, 2, "a.npy (offset 6): is no NPY file", **nodes)
    check("all-but-first", 3, 2, "is empty", seconds=15, **nodes)
    check("collective-objects", 5, 2, "points.npy (row 3)", HULLSCOPE_NODE_RANKS="2")
    check("silent", 3, 1, "nothing has moved for 1.0 s", HULLSCOPE_WATCHDOG_SECONDS="1", **nodes)
    check("heartbeats", 3, 0, None, HULLSCOPE_WATCHDOG_SECONDS="1", **nodes)
    check("until-stopped", 3, 75, "stopped by a signal", act=signal_one_rank(1, signal.SIGTERM), **nodes)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        good = list(pool.map(lambda case: run_case(*case[0], **case[1]), cases))
    print(f"{good.count(False)} of {len(good)} cases failed")
    return not all(good)


if __name__ == "__main__":
    sys.exit(main())
