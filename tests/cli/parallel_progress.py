#!/usr/bin/python3
"""What a user sees of a stage's progress: a bar on a terminal, lines in a log.

usage: parallel_progress.py FAILING_PROGRAM     (its scenario "progress" does 10 queries a rank in 1.3 s)
"""
import os
import pty
import re
import subprocess
import sys

PROGRAM = sys.argv[1]
MPIRUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mpirun.sh")


def in_a_log(command, **environment):
    done = subprocess.run(command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=50)
    assert done.returncode == 0, done
    return done.stderr.decode()


def on_a_terminal(command, **environment):
    """Standard error, as a terminal of 80 columns gets it."""
    terminal, side = pty.openpty()
    process = subprocess.Popen(command, env={**os.environ, "COLUMNS": "80", **environment}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=side)
    os.close(side)
    text = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        text += piece
    assert process.wait(timeout=50) == 0
    return text.decode().replace("\r\n", "\n")


def check_lines(text, total):
    text = re.sub(r"\033\[[0-9;]*m", "", text)  # colours
    lines = text.splitlines()
    assert "\r" not in text and "\033[K" not in text, text
    assert re.search(rf"info: hull: 0 of {total} queries", lines[0]), text
    assert any(re.search(rf"info: hull: \d+ of {total} queries \(\d+ %\), [\d.]+/s, .*s left$", line)
               for line in lines[1:-1]), text
    assert sum("half of it is done" in line for line in lines) == 1, text
    assert re.search(rf"info: hull: {total} of {total} queries in [\d.]+ s$", lines[-1]), text


def check_bar(text, total):
    frames = re.findall(rf"\[(#*)(\.*)\] hull: (\d+) of {total} queries", text)
    assert len(frames) >= 3, text
    for filled, empty, done in frames:
        whole = len(filled) + len(empty)
        assert abs(len(filled) - whole * int(done) / total) <= 1, (filled, empty, done)
    assert all(len(line) < 80 for line in re.split(r"[\r\n]", re.sub(r"\033\[[0-9;]*[mK]", "", text))), text
    # The note stands on a line of its own, and nothing of the bar is left at the end.
    assert re.search(r"\r\033\[K\[[\d:]+\] \S*info\S*: half of it is done\n", text), repr(text)
    last = text.rstrip("\n").splitlines()[-1]
    assert re.search(rf"hull: {total} of {total} queries in ", last) and "#" not in last.split("\033[K")[-1], repr(text)


check_lines(in_a_log([PROGRAM, "progress"], HULLSCOPE_PROGRESS_SECONDS="0.5"), 10)
check_lines(in_a_log([MPIRUN, "3", PROGRAM, "progress"], HULLSCOPE_PROGRESS_SECONDS="0.5"), 30)
check_lines(in_a_log([MPIRUN, "3", PROGRAM, "progress"], HULLSCOPE_PROGRESS_SECONDS="0.5", HULLSCOPE_NODE_RANKS="1"), 30)
check_bar(on_a_terminal([PROGRAM, "progress"]), 10)
check_bar(in_a_log([MPIRUN, "2", PROGRAM, "progress"], HULLSCOPE_PROGRESS="bar", COLUMNS="80"), 20)
check_lines(on_a_terminal([PROGRAM, "progress"], HULLSCOPE_PROGRESS="lines", HULLSCOPE_PROGRESS_SECONDS="0.5"), 10)
silent = in_a_log([PROGRAM, "progress"], HULLSCOPE_LOG="error")
assert silent == "", silent
print("all passed")
