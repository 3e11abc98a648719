#!/usr/bin/python3
"""submit, status, resume, cancel and logs against a pretended Slurm (fake_slurm.py), with real stage programs.

The study has only tasks of the data set itself (pixel space), so that no network is trained; what needs networks is planned
and submitted, not run. `broken` stands before the real program and lets tasks fail as a file says.
"""
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
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
        # tasks of a second each are not packed with others: two jobs in the queue
        self.profile = self.write("site.toml", 'inherits = "generic"\n[launch]\nprogram = "%s"\n[limits]\ncores = 1\n' %
                                  os.path.join(self.folder, "broken").replace('"', '\\"'))
        self.environment = dict(os.environ, FAKE_SLURM=self.fake, PATH=programs + ":" + os.environ["PATH"],
                                XDG_CONFIG_HOME=self.folder, HULLSCOPE_SLURM_SECONDS="20")
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


class WholeWay(Verbs):
    def test_submitted_run_and_equal_to_a_local_run(self):
        said = self.submit(says=["hull-pixel", "proximity-pixel", "report"])
        self.assertIn("submitted 3 jobs", said)
        before = self.status()
        self.assertEqual([stage["waiting"] for stage in before["stages"]], [1, 1])
        self.assertTrue(before["in_queue"])
        self.work()
        after = self.status()
        self.assertEqual([stage["done"] for stage in after["stages"]], [1, 1], after)
        self.assertFalse(after["in_queue"])
        local = os.path.join(self.folder, "local")
        self.run_it("run", self.study, "--output", local, "--ranks", "1", "--stages", "hull,proximity")
        for name in ["hull", "proximity"]:
            self.assertEqual(self.digest(f"{self.out}/input/{name}.h5"), self.digest(f"{local}/input/{name}.h5"))
        self.assertIn("Used of what was asked for", self.run_it("status", self.out))
        # nothing that could be executed was
        self.assertEqual(glob.glob(self.folder + "/x") + glob.glob("/x"), [])

    def digest(self, path):
        import h5py
        with h5py.File(path) as file:
            return file.attrs["content_digest"]

    def test_a_folder_whose_name_has_a_newline(self):
        self.out = os.path.join(self.folder, "two\nlines; touch x")
        self.submit(says=["submitted 3 jobs"])
        self.work()
        status = self.status()
        self.assertEqual([stage["done"] for stage in status["stages"]], [1, 1], status)
        self.assertEqual(status["folder"], self.out)
        self.run_it("verify", self.out + "/input/hull.h5", says=["verified"])
        self.submit(says=["nothing to submit: 2 tasks done"])
        self.assertEqual(glob.glob(self.folder + "/x"), [])

    def test_used_against_requested(self):
        self.submit()
        self.work()
        used = self.status()["stages"][0]["used"]
        self.assertEqual(used["source"], "sacct")
        self.assertEqual((used["elements"], used["ranks"], used["threads"]), (1, 1, 1))
        self.assertEqual(used["peak_bytes"], 150 * 2**20)  # as the pretended sacct has it
        self.assertGreater(used["cpu_seconds"], 0)
        with open(self.out + "/batch/status.json") as file:  # written by the last job, for the report
            kept = json.load(file)
        self.assertEqual([stage["done"] for stage in kept["stages"]], [1, 1])
        self.assertEqual(kept["stages"][0]["used"], used)

    def test_a_second_submit_submits_nothing(self):
        self.submit()
        count = len(self.calls())
        self.submit(says=["nothing to submit: 0 tasks done, 2 in the queue"])
        self.work()
        self.submit(says=["nothing to submit: 2 tasks done, 0 in the queue"])
        self.assertEqual(len(self.calls()), count)

    def test_two_at_once_submit_once(self):
        self.knob("slow", "0.2")
        words = [HULLSCOPE, "submit", self.study, "--output", self.out, "--profile", self.profile]
        both = [subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, text=True)
                for _ in range(2)]
        said = [process.communicate(timeout=120)[0] for process in both]
        self.assertEqual([process.returncode for process in both], [0, 0], said)
        self.assertEqual(len(self.calls()), 3)

    def test_dry_run_prints_and_writes_nothing(self):
        said = self.submit("--dry-run", says=["hull-pixel", "#SBATCH --time=", "sbatch --parsable", "SLURM_PMIX_FENCE=ring",
                                              "--kill-on-bad-exit=1", "--signal=B:USR1@120"])
        self.assertEqual(self.calls(), [])
        self.assertFalse(os.path.exists(self.out))
        self.assertIn("--dependency=afterany:<hull-pixel>:<proximity-pixel>", said.replace("'", ""))

    def test_dry_run_without_slurm(self):
        self.environment["PATH"] = "/nowhere"
        self.submit("--dry-run", says=["what is in the queue is not known"])

    def test_dependencies_of_networks(self):
        self.study = self.write("study.toml", NETWORKS)
        self.submit()
        scripts = {os.path.basename(call[-1]).split(".")[0]: call for call in self.calls()}
        self.assertEqual(list(scripts), ["proximity-pixel", "train", "extract", "encode", "hull", "proximity", "report"])
        number = dict(zip(scripts, map(str, range(101, 108))))
        self.assertFalse([word for word in scripts["train"] if "dependency" in word])
        self.assertIn("--dependency=afterany:" + number["train"], scripts["extract"])
        for name, call in scripts.items():
            dependent = any(word.startswith("--dependency") for word in call)
            self.assertEqual(dependent, "--kill-on-invalid-dep=yes" in call, name)
        self.assertIn("--dependency=afterany:" + ":".join(list(number.values())[:-1]), scripts["report"])

    def test_watch_ends_when_nothing_is_queued(self):
        self.submit()
        self.work()
        self.run_it("status", self.out, "--watch", "--seconds", "1", says=["study small"])

    def test_an_extended_study_submits_only_what_is_new(self):
        self.study = self.write("study.toml", NETWORKS)
        self.submit()
        count = len(self.calls())
        said = self.submit("--set", "train.trials=4")
        new = self.calls()[count:]
        with open(self.out + "/batch/round-2/train.tasks") as file:
            self.assertEqual(file.read().split(), ["a/trial-03/train", "b/trial-03/train"])
        self.assertEqual(len(new), 6, said)  # not proximity-pixel
        with open(self.fake + "/cancelled") as file:  # the first round's last job: the second has its own
            self.assertEqual(file.read().split(), [str(100 + count)])

    def test_other_options_of_what_is_queued_are_refused(self):
        self.study = self.write("study.toml", NETWORKS)
        self.submit()
        self.submit("--set", "train.epochs=3", code=2, errors=["in the queue with other options", "hullscope cancel"])

    def test_submit_cancel_submit(self):
        self.submit()
        self.run_it("cancel", self.out, says=["cancelled 3 jobs"])
        self.run_it("cancel", self.out, says=["nothing of this study is in the queue"])
        status = self.status()
        self.assertEqual({failed["reason"] for failed in status["failed"]}, {"cancelled by the user"})
        self.submit(says=["submitted 3 jobs"])
        self.work()
        self.assertEqual([stage["done"] for stage in self.status()["stages"]], [1, 1])

    def test_cancel_is_only_ours(self):
        self.submit()
        other = os.path.join(self.folder, "other")
        self.run_it("submit", self.study, "--output", other, "--profile", self.profile)
        self.run_it("cancel", self.out)
        states = [element["state"] for job in self.jobs().values() for element in job["elements"].values()]
        self.assertEqual(states, ["CANCELLED"] * 3 + ["PENDING"] * 3)


class Failing(Verbs):
    def test_what_always_fails_is_tried_thrice_and_the_rest_is_done(self):
        self.knob("fails", "input/hull 1 hullscope: the moon is in the wrong house\n")
        self.submit()
        self.work()
        status = self.status()
        self.assertEqual(status["failed"][0]["task"], "input/hull")
        self.assertEqual(status["failed"][0]["tries"], 3)
        self.assertIn("exit code 1: the moon is in the wrong house", status["failed"][0]["reason"])
        self.assertEqual([stage["done"] for stage in status["stages"]], [0, 1])
        self.assertIn("failed: 1 tasks failed", status["report"].replace("exit code 1: ", ""))
        self.assertEqual(len(self.state()["rounds"]), 3)
        text = self.run_it("status", self.out)
        self.assertIn("(3 tries)", text)
        self.assertIn("the moon", text)
        self.assertIn("hullscope resume", text)
        self.assertIn("the moon", self.run_it("logs", self.out, "input/hull"))
        # mended: only that one runs
        os.remove(self.fake + "/fails")
        self.run_it("resume", self.out, says=["hull-pixel"])
        with open(self.out + "/batch/round-4/hull-pixel.tasks") as file:
            self.assertEqual(file.read(), "input/hull\n")
        self.assertFalse(os.path.exists(self.out + "/batch/round-4/proximity-pixel.tasks"))
        self.work()
        self.assertEqual([stage["done"] for stage in self.status()["stages"]], [1, 1])

    def test_a_report_of_what_is_there(self):
        self.knob("fails", "input/hull 1 hullscope: the moon is in the wrong house\n")
        with open(self.profile, "a") as file:
            file.write("[work]\ntries = 1\n")
        self.submit("--set", "reduce.partial=true")
        self.work()
        status = self.status()
        self.assertNotIn("failed", status["report"])  # the last job went on to its end
        self.assertFalse(status["complete"])
        self.assertIn("1 tasks failed and 0 need them: statistics and report are made of what is there",
                      self.run_it("logs", self.out, "report"))
        with open(self.out + "/batch/status.json") as file:
            failed = json.load(file)["failed"]
        self.assertEqual([(task["task"], task["tries"]) for task in failed], [("input/hull", 1)])
        self.assertIn("the moon", failed[0]["reason"])

    def test_out_of_memory_is_tried_once_with_more(self):
        self.knob("fails", "input/hull 137 slurmstepd: error: Detected 1 oom_kill event in StepId=101.0.\n")
        self.submit()
        self.work()
        rounds = self.state()["rounds"]
        self.assertEqual(len(rounds), 2)
        memory = [job["request"]["megabytes"] for r in rounds for job in r["jobs"] if job["name"] == "hull-pixel"]
        self.assertGreater(memory[1], memory[0])
        failed = self.status()["failed"]
        self.assertIn("out of memory", failed[0]["reason"])
        self.assertEqual([stage["done"] for stage in self.status()["stages"]], [0, 1])

    def test_one_of_a_packed_job_fails_alone(self):
        self.study = self.write("study.toml", NETWORKS)
        self.knob("fails", "a/trial-01/train 1 hullscope: never\n")
        self.submit()
        with open(self.out + "/batch/round-1/train.tasks") as file:
            tasks = file.read().split()
        self.assertEqual(len(tasks), 6)
        # the script alone, with a program that does nothing well
        self.write("broken", BROKEN.replace('exec "$HULLSCOPE" "$@"', "exit 0"), 0o755)
        environment = dict(self.environment, SLURM_JOB_ID="1", SLURM_NTASKS="1")
        done = subprocess.run(["bash", self.out + "/batch/round-1/train.sbatch"], cwd=self.folder, env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        self.assertEqual(done.returncode, 1, done.stdout)
        with open(self.out + "/batch/round-1/outcome/train.1") as file:
            outcome = file.read().splitlines()
        self.assertIn("failed 1 a/trial-01/train", outcome)
        self.assertEqual(len([line for line in outcome if line.startswith("failed")]), 1)
        with open(self.fake + "/srun") as file:
            runs = [json.loads(line) for line in file]
        self.assertEqual(len(runs), 7)  # all six together, then each by itself

    def test_stopped_early_requeues_and_goes_on(self):
        self.knob("fails", "input/hull 75 \n")
        self.submit()
        self.work("1")
        job = self.jobs()["101"]["elements"]["0"]
        self.assertEqual((job["state"], job["restarts"]), ("PENDING", 1))
        os.remove(self.fake + "/fails")
        self.work()
        self.assertEqual([stage["done"] for stage in self.status()["stages"]], [1, 1])
        self.assertEqual(len(self.state()["rounds"]), 1)

    def test_requeues_are_counted(self):
        with open(self.profile, "a") as file:
            file.write("[work]\nrequeues = 2\ntries = 1\n")
        self.knob("fails", "input/hull 75 \n")
        self.submit()
        self.work()
        self.assertEqual(self.jobs()["101"]["elements"]["0"]["restarts"], 2)
        self.assertIn("stopped early", self.status()["failed"][0]["reason"])

    def test_a_signal_is_forwarded_and_the_job_requeues_itself(self):
        self.submit()
        self.write("broken", "#!/bin/bash\ntrap 'echo checkpoint; sleep 0.2; exit 75' USR1\n: >\"$FAKE_SLURM/ready\"\n"
                             "for _ in $(seq 400); do sleep 0.05; done\nexit 1\n", 0o755)
        environment = dict(self.environment, SLURM_JOB_ID="101", SLURM_NTASKS="1")
        script = subprocess.Popen(["bash", self.out + "/batch/round-1/hull-pixel.sbatch"], cwd=self.folder, env=environment,
                                  text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while not os.path.exists(self.fake + "/ready"):
            time.sleep(0.02)
        script.send_signal(signal.SIGUSR1)
        said = script.communicate(timeout=60)[0]
        self.assertEqual(script.returncode, 75, said)
        self.assertIn("checkpoint", said)
        with open(self.fake + "/scontrol") as file:
            self.assertEqual(json.loads(file.readline()), ["requeue", "101"])

    def test_a_node_that_does_not_see_the_folder(self):
        self.submit()
        shutil.move(self.out, self.out + " moved")
        environment = dict(self.environment, SLURM_JOB_ID="101")
        done = subprocess.run(["bash", self.out + " moved/batch/round-1/hull-pixel.sbatch"], cwd="/", env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 66)
        self.assertIn("does not see the output folder", done.stderr)
        with open(self.fake + "/scontrol") as file:
            self.assertIn("Comment=hullscope: node", file.read())

    def test_a_job_that_slurm_holds_is_said_to_wait_and_resume_releases_it(self):
        self.submit()
        with open(self.fake + "/state.json") as file:
            jobs = json.load(file)
        held = next(iter(jobs))
        for element in jobs[held]["elements"].values():
            element.update(state="REQUEUE_HOLD", reason="JobHoldMaxRequeue")
        with open(self.fake + "/state.json", "w") as file:
            json.dump(jobs, file)
        stage = self.status()["stages"][0]
        self.assertEqual((stage["running"], stage["waiting"]), (0, stage["tasks"]))
        self.assertIn("Slurm holds it, for it was requeued too often", self.run_it("status", self.out))
        self.run_it("resume", self.out, says=["1 job that Slurm held after too many requeues released"])
        with open(self.fake + "/scontrol") as file:
            self.assertEqual(json.loads(file.readline()), ["release", held])
        self.work()
        self.assertTrue(self.status()["complete"])

    def test_what_waits_for_what_can_never_come_is_named(self):
        self.study = self.write("study.toml", NETWORKS)
        self.submit()
        with open(self.fake + "/state.json") as file:
            jobs = json.load(file)
        jobs["102"]["elements"]["0"]["state"] = "NODE_FAIL"
        for number in ["103", "104", "105", "106"]:
            jobs[number]["elements"]["0"]["reason"] = "DependencyNeverSatisfied"
        with open(self.fake + "/state.json", "w") as file:
            json.dump(jobs, file)
        status = self.status()
        self.assertEqual(status["stages"][0]["failed"], 6)
        self.assertEqual(status["stages"][1]["blocked"], 6)
        self.assertIn("1 task waits for a/trial-00/train, which failed", " ".join(status["never"]))


class SlurmInTrouble(Verbs):
    def test_no_slurm(self):
        os.mkdir(self.folder + "/empty")
        self.environment["PATH"] = self.folder + "/empty"
        self.submit(code=1, errors=["squeue is not in PATH", "hullscope run"])

    def test_slurms_own_words_and_nothing_half_submitted(self):
        self.knob("sbatch-fails", "2")
        self.submit(code=1, errors=["Invalid account or account/partition combination specified", "the 1 jobs before it have been cancelled"])
        states = [element["state"] for job in self.jobs().values() for element in job["elements"].values()]
        self.assertEqual(states, ["CANCELLED"])
        self.submit(says=["submitted 3 jobs"])

    def test_squeue_down(self):
        self.submit()
        self.knob("squeue-down")
        self.knob("sacct-off")
        self.submit(code=1, errors=["Unable to contact slurm controller", "nothing was submitted"])
        self.run_it("cancel", self.out, code=1, errors=["Unable to contact slurm controller"])
        text = self.run_it("status", self.out)
        self.assertIn("squeue cannot be reached (slurm_load_jobs error: Unable to contact", text)
        self.assertEqual([stage["waiting"] for stage in self.status()["stages"]], [1, 1])
        self.assertEqual(len(self.calls()), 3)

    def test_files_alone(self):
        self.knob("sacct-off")
        self.submit()
        self.work()
        jobs = self.jobs()
        for job in jobs.values():
            for element in job["elements"].values():
                element["purged"] = True
        with open(self.fake + "/state.json", "w") as file:
            json.dump(jobs, file)
        status = self.status()
        self.assertEqual([stage["done"] for stage in status["stages"]], [1, 1])
        self.assertIn("disabled", status["accounting"])
        used = status["stages"][0]["used"]  # by what the file says of the run that made it
        self.assertEqual(used["source"], "files of 1 task")
        self.assertGreater(used["peak_bytes"], 2**20)
        self.assertGreater(used["cpu_seconds"], 0)

    def test_squeue_talks_nonsense(self):
        self.submit()
        self.knob("garbage")
        self.status()

    def test_slow_slurm_is_given_up(self):
        self.knob("slow", "30")
        self.environment["HULLSCOPE_SLURM_SECONDS"] = "0.5"
        self.submit(code=1, errors=["squeue did not answer within"])

    def test_a_submission_that_died_is_taken_up(self):
        self.knob("sbatch-dies")
        words = [HULLSCOPE, "submit", self.study, "--output", self.out, "--profile", self.profile]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, -9)
        os.remove(self.fake + "/sbatch-dies")
        self.assertEqual(len(self.calls()), 1)  # in the queue, its number lost
        self.submit()
        self.assertEqual(len(self.calls()), 3)  # hull-pixel was found again
        self.work()
        self.assertEqual([stage["done"] for stage in self.status()["stages"]], [1, 1])

    def test_ids_used_again_by_others(self):
        self.submit()
        self.work()
        jobs = self.jobs()
        jobs["101"]["elements"]["0"].update(state="RUNNING", comment="another's")
        jobs["101"]["options"].update({"--comment": "another's", "--job-name": "another's"})
        with open(self.fake + "/state.json", "w") as file:
            json.dump(jobs, file)
        self.run_it("cancel", self.out, says=["nothing of this study is in the queue"])

    def test_a_limit_that_nothing_fits(self):
        with open(self.profile, "a") as file:
            file.write('memory = "64M"\n')
        self.submit(code=2, errors=["can never fit", "limits.memory = 64M"])
        self.assertEqual(self.calls(), [])


class WrongUsage(Verbs):
    def test_refusals(self):
        self.run_it("submit", code=2, errors=["no study file"])
        self.run_it("submit", self.study, "--profil", "x", code=2, errors=["did you mean --profile?"])
        self.run_it("submit", self.study, "--profile", "generik", code=2, errors=["did you mean generic?"])
        self.run_it("status", self.folder + "/nothing", code=2, errors=["not a folder"])
        self.run_it("status", self.folder, code=2, errors=["nothing was submitted from this folder"])
        self.run_it("resume", self.folder, code=2, errors=["nothing was submitted from this folder"])
        self.run_it("cancel", self.folder, code=2, errors=["nothing was submitted from this folder"])
        self.run_it("logs", self.folder, "x", code=2, errors=["nothing was submitted from this folder"])
        self.submit()
        self.run_it("logs", self.out, "input/hul", code=2, errors=["did you mean input/hull?"])

    def test_documentation_of_profiles(self):
        with open(os.path.join(SOURCE, "docs", "profiles.md")) as file:
            self.assertEqual(self.run_it("submit", "--help-profile"), file.read())

    def test_help(self):
        for verb in ["submit", "status", "resume", "cancel", "logs"]:
            self.assertIn("Usage: hullscope " + verb, self.run_it(verb, "--help"))
            self.assertIn(verb, self.run_it("--help"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
