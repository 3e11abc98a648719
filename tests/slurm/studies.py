"""Studies submitted to the test cluster."""
import json
import pathlib
import re
import shutil

from study_runs import ALL_STAGES, HULLSCOPE, differences, digests

PROFILE = """
description = "the test cluster: nodes of 4 processors and 2 GB"
[slurm]
partition = "main"
[limits]
time = "00:30:00"
cores = 2
memory = "2000M"
running = 4
"""
ALIVE = {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "REQUEUED", "REQUEUE_HOLD", "SIGNALING",
         "STOPPED", "STAGE_OUT", "RESIZING"}


class Study:
    """A study file, its output folder in the cluster's folder of work, and the verbs on it."""

    def __init__(self, cluster, name, file, *overrides, profile=PROFILE):
        self.cluster = cluster
        self.output = cluster.work / name
        self.file = file
        self.overrides = [word for override in overrides for word in ("--set", override)]
        self.profile = cluster.work / f"{name} profile.toml"
        self.profile.write_text(profile)

    def submit_words(self, *words):
        return [HULLSCOPE, "submit", self.file, "--output", self.output, "--profile", self.profile, *self.overrides,
                *words]

    def submit(self, *words, code=0, **how):
        return self.cluster.run(*self.submit_words(*words), code=code, timeout=120, **how)

    def verb(self, name, *words, code=0):
        return self.cluster.run(HULLSCOPE, name, self.output, *words, code=code, timeout=120)

    def status(self):
        return json.loads(self.verb("status", "--json", code=None))

    def stage(self, name):
        return next(stage for stage in self.status()["stages"] if stage["stage"] == name)

    def state(self):
        """What batch/state.json records."""
        return json.loads((self.output / "batch" / "state.json").read_text())

    def ids(self):
        """{Slurm's id of every job that was ever submitted: its name}"""
        return {str(job["id"]): job["name"] for round_ in self.state()["rounds"] for job in round_["jobs"] if job["id"]}

    def job(self, name):
        """Slurm's id of the newest job of that name."""
        return [id_ for id_, job in self.ids().items() if job == name][-1]

    def elements(self):
        """{(name, element): (state, reason, node)} as squeue has them."""
        names, found = self.ids(), {}
        for id_, (state, reason, node, _) in self.cluster.jobs().items():
            job, _, element = id_.partition("_")
            if job in names:
                found[names[job], int(element or 1)] = (state, reason, node)
        return found

    def alive(self):
        return any(state in ALIVE for state, _, _ in self.elements().values())

    def running(self, name):
        """The node on which an element of that job runs, or None."""
        for (job, _), (state, _, node) in self.elements().items():
            if job == name and state == "RUNNING" and node:
                return node
        return None

    def wait(self, seconds=900):
        """Until none of its jobs is in the queue, those that its last job submits included."""
        self.cluster.wait(seconds, f"the jobs of {self.output.name} have ended", lambda: not self.alive())

    def log(self, name):
        """All that the elements of the jobs of that name have printed, in all rounds."""
        logs = sorted(self.output.glob(f"batch/round-*/log/{name}*.log"))
        return "".join(path.read_text(errors="replace") for path in logs)

    def resumed_after(self):
        """Steps after which trainings were resumed, in the order of the log."""
        return [int(n) for n in re.findall(r"resumed after (\d+) steps", self.log("train"))]

    def run_here(self, name="reference", stages=ALL_STAGES):
        """The same study by `hullscope run` on this machine; its content digests."""
        folder = self.cluster.work / name
        self.cluster.run(HULLSCOPE, "run", self.file, "--output", folder, "--ranks", 2, "--stages", stages,
                         *self.overrides, timeout=900)
        return digests(folder)

    def expect(self, expected, crashed=()):
        """All files are there, whole, with these digests, and nothing is left beside them, but what a node that crashed was
        just writing: no other node can tell that its writer is dead, so that it may stay."""
        found = digests(self.output)
        assert found == expected, differences(found, expected)
        left = [str(path) for path in pathlib.Path(self.output).rglob("*")
                if ".tmp" in path.name or path.name.endswith((".parts", ".checkpoint"))]
        left = [path for path in left if not any(f".tmp-{node}+" in path for node in crashed)]
        assert not left, f"left behind: {left}"

    def expect_report(self):
        assert (self.output / "report" / "index.html").is_file(), self.log("report")

    def remove(self):
        shutil.rmtree(self.output, ignore_errors=True)
