"""What the tests of submit, status, resume, cancel and logs share: a study, and a pretended Slurm (fake_slurm.py) that runs
real stage programs.

The study has only tasks of the data set itself (pixel space), so that no network is trained; what needs networks is planned
and submitted, not run. `broken` stands before the real program and lets tasks fail as a file says.
"""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

HULLSCOPE = os.environ["HULLSCOPE"]
SOURCE = os.environ["HULLSCOPE_SOURCE_DIR"]
FAKE = os.path.join(SOURCE, "tests", "batch", "fake_slurm.py")

PIXELS = """
name = "small"
seed = 5
[data]
set = "gaussian-classes?dimension=3&per_class_train=20&per_class_test=5"
[hull]
spaces = ["pixel"]
[proximity]
spaces = ["pixel"]
"""

NETWORKS = """
name = "nets"
[data]
set = "gaussian-classes?dimension=3&per_class_train=20&per_class_test=5"
[train]
trials = 3
[encode]
dimensions = [1, 2]
[[network]]
name = "a"
layers = ["dense 8", "relu"]
[[network]]
name = "b"
layers = ["dense 8", "relu"]
"""

# In the place of the report's Python: a page, but none of its figures.
PAGE = """#!/bin/bash
for folder; do :; done
mkdir -p "$folder/report" && echo "<p>of $folder" >"$folder/report/index.html"
"""

BROKEN = """#!/bin/bash
# hullscope, but tasks named in $FAKE_SLURM/fails fail: lines "TASK CODE WORDS"
while read -r task code words; do
  for word in "$@"; do
    if [ "$word" = "$task" ]; then
      echo "$words" >&2
      exit "$code"
    fi
  done
done < <(cat "$FAKE_SLURM/fails" 2>/dev/null)
exec "$HULLSCOPE" "$@"
"""


class Verbs(unittest.TestCase):
    def setUp(self):
        # a name that a shell would stumble over
        self.folder = tempfile.mkdtemp(prefix="hullscope $(false) 'batch' \"")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.fake = os.path.join(self.folder, "slurm")
        os.mkdir(self.fake)
        programs = os.path.join(self.folder, "bin")
        os.mkdir(programs)
        for name in ["sbatch", "squeue", "sacct", "scancel", "scontrol", "srun"]:
            os.symlink(FAKE, os.path.join(programs, name))
        self.out = os.path.join(self.folder, "out put; touch x")
        self.study = self.write("study.toml", PIXELS)
        self.write("broken", BROKEN, 0o755)
        self.page = self.write("page", PAGE, 0o755)
        # tasks of a second each are not packed with others: two jobs in the queue
        self.profile = self.write("site.toml", 'inherits = "generic"\n[launch]\nprogram = "%s"\n[limits]\ncores = 1\n' %
                                  os.path.join(self.folder, "broken").replace('"', '\\"'))
        self.environment = dict(os.environ, FAKE_SLURM=self.fake, PATH=programs + ":" + os.environ["PATH"],
                                XDG_CONFIG_HOME=self.folder, HULLSCOPE_SLURM_SECONDS="20", HULLSCOPE_PYTHON=self.page)
        for name in list(self.environment):
            if name.startswith(("SLURM_", "HULLSCOPE_PROFILE")):
                del self.environment[name]

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def knob(self, name, text=""):
        return self.write(os.path.join("slurm", name), text)

    def run_it(self, *words, code=0, says=None, errors=None):
        done = subprocess.run([HULLSCOPE, *words], cwd=self.folder, env=self.environment, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        for text in says or []:
            self.assertIn(text, done.stdout)
        for text in errors or []:
            self.assertIn(text, done.stderr)
        if code != 0:
            self.assertEqual(len([line for line in done.stderr.splitlines() if line.startswith("hullscope: ")]), 1,
                             done.stderr)
        return done.stdout

    def submit(self, *more, **expected):
        return self.run_it("submit", self.study, "--output", self.out, "--profile", self.profile, *more, **expected)

    def work(self, *count):
        subprocess.run([FAKE, "work", *count], env=self.environment, check=True, timeout=300)

    def status(self):
        return json.loads(self.run_it("status", self.out, "--json"))

    def jobs(self):
        try:
            with open(self.fake + "/state.json") as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def calls(self):
        try:
            with open(self.fake + "/calls") as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def state(self):
        with open(self.out + "/batch/state.json") as file:
            return json.load(file)
