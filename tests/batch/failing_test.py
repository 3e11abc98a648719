#!/usr/bin/python3
"""Tasks and jobs that fail, stop early or are held, against a pretended Slurm: tried again, named with the reason, gone on with."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import unittest

from pretended_slurm import BROKEN, NETWORKS, Verbs


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
            self.assertEqual(json.loads(file.read().splitlines()[-1]), ["requeue", "101"])

    def told_slurm(self, **environment):
        """What the hull stage's script, run alone, last told scontrol after its step had stopped early."""
        done = subprocess.run(["bash", self.out + "/batch/round-1/hull-pixel.sbatch"], cwd=self.folder, text=True, timeout=60,
                              env={**self.environment, "SLURM_NTASKS": "1", **environment}, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 75, done.stdout)
        with open(self.fake + "/scontrol") as file:
            return json.loads(file.read().splitlines()[-1])

    def test_an_element_requeues_itself_and_not_its_array(self):
        """One element of an array has the array's own id, which to scontrol means all of them."""
        self.knob("fails", "input/hull 75 \n")
        self.submit()
        self.assertEqual(self.told_slurm(SLURM_JOB_ID="101"), ["requeue", "101"])
        self.assertEqual(self.told_slurm(SLURM_JOB_ID="101", SLURM_ARRAY_JOB_ID="101", SLURM_ARRAY_TASK_ID="1"),
                         ["requeue", "101_1"])

    def test_a_job_ended_by_scancel_does_not_come_back(self):
        """scancel tells a job to stop as the time limit does; why, Slurm alone knows."""
        self.knob("fails", "input/hull 75 \n")
        self.submit()
        for shown, expected in [("JobState=RUNNING Reason=None PreemptTime=None", "requeue"),
                                ("JobState=COMPLETING Reason=TimeLimit PreemptTime=None", "requeue"),
                                ("JobState=COMPLETING Reason=None PreemptTime=2026-11-30T14:02:22", "requeue"),
                                ("JobState=COMPLETING Reason=None Dependency=(null) PreemptTime=None", "show"),
                                ("JobState=CANCELLED,COMPLETING Reason=None PreemptTime=None", "show")]:
            with self.subTest(shown):
                self.knob("shown", "JobId=101 " + shown + " Power=")
                self.assertEqual(self.told_slurm(SLURM_JOB_ID="101")[0], expected)
        with open(self.out + "/batch/round-1/outcome/hull-pixel.1") as file:
            self.assertTrue(file.read().splitlines()[-1].startswith("cancelled "))

    def test_what_the_user_cancelled_is_not_tried_again_unasked(self):
        self.knob("fails", "input/hull 75 \n")
        self.knob("shown", "JobId=101 JobState=COMPLETING Reason=None PreemptTime=None")
        self.submit()
        self.work()
        self.assertEqual(len(self.state()["rounds"]), 1)
        self.assertEqual([task["reason"] for task in self.status()["failed"]], ["cancelled by the user"])
        os.remove(self.fake + "/fails")
        self.run_it("resume", self.out, says=["hull-pixel"])
        self.work()
        self.assertEqual([stage["done"] for stage in self.status()["stages"]], [1, 1])

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


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
