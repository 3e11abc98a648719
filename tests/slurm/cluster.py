"""The test cluster of cluster.sh for tests in Python, and what they ask of it."""
import atexit
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
SCRIPT = HERE / "cluster.sh"
SKIPPED = 77
ENDED = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}


class Cluster:
    """A running cluster with a folder for the test's files; gone with the process, however that ends.

    with Cluster(nodes=3, accounting=True) as cluster:
        job = cluster.sbatch("script.sh", "--time=1")
    """

    def __init__(self, nodes=2, cpus=4, memory=2048, accounting=False, options=(), lines=()):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="hs-slurm-"))
        self.work.chmod(0o755)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hs-sc-", dir="/tmp"))
        self.folder.rmdir()
        self.nodes = [f"node{i}" for i in range(1, nodes + 1)]
        self.settings = ["-n", str(nodes), "-c", str(cpus), "-m", str(memory), "-w", str(os.getpid())]
        self.settings += ["-a"] * accounting
        for option in options:
            self.settings += ["-o", option]
        for line in lines:
            self.settings += ["-l", line]
        self.environment = {}

    def __enter__(self):
        if self._script("check", check=False).returncode == SKIPPED:
            sys.exit(SKIPPED)  # cluster.sh has said why
        atexit.register(self.down)
        self._script(*self.settings, "up")
        text = self._script("env", stdout=subprocess.PIPE).stdout
        self.environment = dict(os.environ, **dict(re.findall(r"(\w+)=(\S*)", text)))
        self.environment["PATH"] += ":/usr/sbin"
        for name in list(self.environment):  # a test inside a job of someone's real cluster is not in ours
            if name.startswith("SLURM_") and name != "SLURM_CONF":
                del self.environment[name]
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self.show_logs()
        self.down()

    def down(self):
        self._script("down", check=False)
        shutil.rmtree(self.work, ignore_errors=True)

    def _script(self, *words, check=True, **how):
        how = {"stdout": subprocess.DEVNULL, **how}
        return subprocess.run([SCRIPT, "-d", str(self.folder), *words], check=check, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, **how)

    def do(self, *words):
        """crash-node NODE, kill-slurmd NODE, start-node NODE, restart-ctld -9, ..."""
        self._script(*words)

    def show_logs(self):
        """What a failed test leaves to read."""
        for log in sorted(self.work.rglob("*.log")) + sorted(self.folder.glob("log/slurm*.log")):
            if not os.access(log, os.R_OK):
                continue  # root's
            text = log.read_text(errors="replace").splitlines()
            print(f"---- {log} (last of {len(text)} lines)", *text[-25:], sep="\n", flush=True)

    # ---- clients

    def run(self, *words, code=0, timeout=60, env=None, cwd=None):
        """Runs a client in the cluster's environment; returns its standard output. code: None for any."""
        done = subprocess.run([str(word) for word in words], env={**self.environment, **(env or {})}, text=True,
                              timeout=timeout, cwd=cwd or self.work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        assert code is None or done.returncode == code, (
            f"{' '.join(done.args)}\nended with {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
        self.error = done.stderr
        self.code = done.returncode
        return done.stdout

    def start(self, *words, env=None, cwd=None, **how):
        """The same, not waited for."""
        return subprocess.Popen([str(word) for word in words], env={**self.environment, **(env or {})}, text=True,
                                cwd=cwd or self.work, stdin=subprocess.DEVNULL, **how)

    def sbatch(self, *words, env=None):
        """Returns the job's id."""
        return self.run("sbatch", "--parsable", *words, env=env).strip()

    def jobs(self):
        """{id or id_index: (state, reason, node list)} of all jobs, ended ones too."""
        text = self.run("squeue", "-h", "-r", "-t", "all", "-o", "%i|%T|%r|%N|%j")
        return {line.split("|")[0]: tuple(line.split("|")[1:]) for line in text.splitlines()}

    def state(self, job):
        return self.jobs()[job][0]

    def details(self, job):
        """What scontrol knows of a job: {"Restarts": "1", ...}."""
        return dict(re.findall(r"(\w+)=(\S*)", self.run("scontrol", "show", "job", "-o", job)))

    def wait(self, seconds, what, condition):
        """Polls until condition() is true and returns its value; an AssertionError that says what after that time."""
        end = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f"after {seconds} s still not: {what}\n{self.run('squeue', '-t', 'all')}"
            time.sleep(0.1)

    def wait_for_end(self, job, seconds=120, state="COMPLETED"):
        self.wait(seconds, f"job {job} has ended", lambda: self.state(job) in ENDED)
        assert self.state(job) == state, f"job {job} ended as {self.state(job)}, not {state}"


def scenarios(table, cluster):
    """Runs the functions of a test's table one after the other, each with its time."""
    wanted = sys.argv[1:]  # names, by hand
    for scenario in table:
        if wanted and scenario.__name__ not in wanted:
            continue
        print(f"{scenario.__name__}: {' '.join(scenario.__doc__.split())}", flush=True)
        start = time.monotonic()
        scenario(cluster)
        print(f"    passed, {time.monotonic() - start:.1f} s", flush=True)
