#!/usr/bin/python3
"""A Slurm that is not there, down, slow, talks nonsense, refuses or forgets: the verbs say so and do nothing by half."""
import json
import os
import subprocess
import sys
import unittest

from pretended_slurm import HULLSCOPE, Verbs


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

    def test_a_quota_that_is_reached(self):
        os.makedirs(self.out + "/batch")
        os.symlink("/dev/full", self.out + "/batch/state.json.new")
        self.submit(code=1, errors=["state.json", "No space left on device"])
        self.assertEqual(self.calls(), [])
        self.assertFalse(os.path.exists(self.out + "/batch/state.json.new"), "nothing half-written is left")
        self.submit(says=["submitted 3 jobs"])

    def test_a_disk_that_is_full_between_two_jobs(self):
        self.knob("fills-disk")
        self.submit(code=1, errors=["state.json", "No space left on device"])
        self.assertEqual(len(self.calls()), 1)
        os.remove(self.fake + "/fills-disk")
        self.submit()
        self.assertEqual(len(self.calls()), 3)  # the first job was found again in the queue
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


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
