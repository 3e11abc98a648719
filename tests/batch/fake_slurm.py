#!/usr/bin/python3
"""Slurm's commands, pretended: sbatch, squeue, sacct, scancel, scontrol and srun by the name it is called with, over a
state in the folder $FAKE_SLURM; `work` runs what can run. What a real cluster cannot be made to do on demand is a file in
that folder: sbatch-fails (N: the N-th call from now fails), sbatch-dies (with who called it, its number untold), fills-disk
(sbatch returns to a full disk), squeue-down, sacct-off, garbage (squeue answers nonsense),
slow (seconds each command takes), shown (what `scontrol show job` prints).
"""
import fcntl
import json
import os
import shlex
import subprocess
import sys
import time

FOLDER = os.environ["FAKE_SLURM"]
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")


class State:
    """The jobs, read and written under a lock."""

    def __enter__(self):
        self.lock = open(FOLDER + "/lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            with open(FOLDER + "/state.json") as file:
                self.jobs = json.load(file)
        except FileNotFoundError:
            self.jobs = {}
        return self.jobs

    def __exit__(self, *error):
        with open(FOLDER + "/state.json", "w") as file:
            json.dump(self.jobs, file, indent=1)
        self.lock.close()


def knob(name):
    try:
        with open(os.path.join(FOLDER, name)) as file:
            return file.read().strip() or "yes"
    except FileNotFoundError:
        return None


def fail(words, code=1):
    print(words, file=sys.stderr)
    sys.exit(code)


def options_of(script, words):
    """{"--mem": "1G", ...}: those of the script's head, and the command line's over them."""
    found, further = {}, []
    with open(script) as file:
        for line in file:
            if line.startswith("#SBATCH "):
                further += shlex.split(line[8:], comments=False)
            elif line.strip() and not line.startswith("#"):
                break
    for word in further + words:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            found[name] = value
    return found


def sbatch(words):
    left = knob("sbatch-fails")
    if left is not None:
        with open(FOLDER + "/sbatch-fails", "w") as file:
            file.write(str(int(left) - 1))
        if int(left) == 1:
            os.remove(FOLDER + "/sbatch-fails")
            fail("sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified")
    script = words[-1]
    options = options_of(script, words[:-1])
    array = options.get("--array", "").partition("%")[0]
    elements = range(1, int(array.partition("-")[2]) + 1) if array else [0]
    with State() as jobs:
        number = str(max([100, *map(int, jobs)]) + 1)
        jobs[number] = {"script": script, "options": options,
                        "elements": {str(e): {"state": "PENDING", "reason": "None", "restarts": 0, "seconds": 0}
                                     for e in elements}}
    with open(FOLDER + "/calls", "a") as file:
        file.write(json.dumps(words) + "\n")
    if knob("sbatch-dies"):  # the job is in, its number never arrives
        os.kill(os.getppid(), 9)
        time.sleep(0.2)
    if knob("fills-disk"):
        os.symlink("/dev/full", options["--chdir"] + "/batch/state.json.new")
    print(number)


def squeue(words):
    if knob("squeue-down"):
        fail("slurm_load_jobs error: Unable to contact slurm controller (connect failure)")
    if knob("garbage"):
        print("what|is\n|||||||\n12|\x00|RUNNING")
        return
    layout = next(word.partition("=")[2] for word in words if word.startswith("--format="))
    with State() as jobs:
        for number, job in jobs.items():
            for element, entry in job["elements"].items():
                if entry.get("purged"):
                    continue
                line = layout
                for key, value in {"%F": number, "%K": element if element != "0" else "N/A", "%T": entry["state"],
                                   "%r": entry["reason"], "%M": "0:%02d" % entry["seconds"], "%N": "node1",
                                   "%j": job["options"]["--job-name"],
                                   "%k": entry.get("comment", job["options"].get("--comment", "(null)"))}.items():
                    line = line.replace(key, value)
                print(line)


def sacct(words):
    if knob("sacct-off"):
        fail("Slurm accounting storage is disabled")
    known = ("--noheader", "--parsable2", "--duplicates", "--jobs=", "--format=")
    if unknown := [word for word in words if not word.startswith(known)]:
        fail(f"sacct: unrecognized option '{unknown[0]}'")
    wanted = next(word.partition("=")[2] for word in words if word.startswith("--jobs=")).split(",")
    with State() as jobs:
        for number in wanted:
            job = jobs.get(number, {"elements": {}})
            for element, entry in job["elements"].items():
                name = number if element == "0" else f"{number}_{element}"
                if entry["state"] == "PENDING":
                    continue
                state = entry["state"] + (" by 0" if entry["state"] == "CANCELLED" else "")
                print(f"{name}|{state}|{entry['seconds']}|00:{entry['seconds']:02d}.500||{job['options']['--job-name']}")
                print(f"{name}.batch|{state}|{entry['seconds']}|00:01|cpu=00:00:01,mem=3M|batch")
                print(f"{name}.0|{state}|{entry['seconds']}|00:02|cpu=00:00:02,energy=0,mem=150M,pages=0|hullscope")


def scancel(words):
    with State() as jobs:
        for number in words:
            for entry in jobs[number]["elements"].values():
                if entry["state"] not in ENDED:
                    entry["state"] = "CANCELLED"
    with open(FOLDER + "/cancelled", "a") as file:
        file.write(" ".join(words) + "\n")


def scontrol(words):
    with open(FOLDER + "/scontrol", "a") as file:
        file.write(json.dumps(words) + "\n")
    if words[0] == "requeue":
        number, _, element = words[1].partition("_")
        with State() as jobs:
            jobs[number]["elements"][element or "0"]["requeue"] = True
    if words[0] == "show":
        print(knob("shown") or "JobId=101 JobState=RUNNING Reason=None PreemptTime=None")
    if words[0] == "release":
        with State() as jobs:
            for number in words[1].split(","):
                for entry in jobs[number]["elements"].values():
                    if entry["state"] == "REQUEUE_HOLD":
                        entry.update(state="PENDING", reason="None")


def srun(words):
    with open(FOLDER + "/srun", "a") as file:
        file.write(json.dumps(words) + "\n")
    while words[0].startswith("-"):
        words = words[1:]
    os.execvp(words[0], words)


def dependencies_met(jobs, job, element):
    """True, False, or None if they never can be."""
    met = True
    for part in job["options"].get("--dependency", "").split(","):
        kind, *numbers = part.split(":")
        for number in numbers:
            others = jobs[number]["elements"]
            if kind == "aftercorr":
                others = {element: others[element]}
            states = [other["state"] for other in others.values()]
            if any(state not in ENDED for state in states):
                met = False
            elif kind == "aftercorr" and states != ["COMPLETED"]:
                return None
    return met


def next_element(jobs):
    for number, job in jobs.items():
        for element, entry in job["elements"].items():
            if entry["state"] == "PENDING":
                met = dependencies_met(jobs, job, element)
                if met is None:
                    entry["state"] = "CANCELLED"
                elif met:
                    return number, element
    return None, None


def run(number, element, job, restarts):
    folder = job["options"]["--chdir"]
    name = job["options"]["--output"].replace("%a", element)
    environment = dict(os.environ, SLURM_JOB_ID=number, SLURM_NTASKS="1", SLURM_RESTART_COUNT=str(restarts))
    if element != "0":
        environment.update(SLURM_ARRAY_JOB_ID=number, SLURM_ARRAY_TASK_ID=element)
    with open(os.path.join(folder, name), "ab") as log:
        return subprocess.run(["bash", job["script"]], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log, timeout=120).returncode


def work(words):
    """Runs elements one after another until none can run, or so many as asked for."""
    for _ in range(int(words[0]) if words else 10000):
        with State() as jobs:
            number, element = next_element(jobs)
            if number is None:
                return
            job = jobs[number]
            entry = job["elements"][element]
            entry["state"] = "RUNNING"
        start = time.time()
        code = run(number, element, job, entry["restarts"])
        with State() as jobs:
            entry = jobs[number]["elements"][element]
            entry["seconds"] += int(time.time() - start)
            if entry.pop("requeue", False):
                entry["state"], entry["restarts"] = "PENDING", entry["restarts"] + 1
            elif entry["state"] == "RUNNING":
                entry["state"] = "COMPLETED" if code == 0 else "OUT_OF_MEMORY" if code == 137 and knob("says-oom") else "FAILED"


if knob("slow"):
    time.sleep(float(knob("slow")))
name = os.path.basename(sys.argv[0])
arguments = sys.argv[1:]
if name == "fake_slurm.py":
    name, arguments = arguments[0], arguments[1:]
globals()[name](arguments)
