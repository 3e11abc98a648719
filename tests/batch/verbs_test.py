#!/usr/bin/python3
"""submit, status, resume, cancel and logs where all goes well, and where they are used wrongly, against a pretended Slurm."""
import glob
import json
import os
import subprocess
import sys
import unittest

from pretended_slurm import HULLSCOPE, NETWORKS, SOURCE, Verbs


class WholeWay(Verbs):
    def test_submitted_run_and_equal_to_a_local_run(self):
        del self.environment["HULLSCOPE_PYTHON"]  # the real report
        said = self.submit(says=["hull-pixel", "proximity-pixel", "report"])
        self.assertIn("submitted 3 jobs", said)
        before = self.status()
        self.assertEqual([stage["waiting"] for stage in before["stages"]], [1, 1])
        self.assertTrue(before["in_queue"])
        self.work()
        after = self.status()
        self.assertEqual([stage["done"] for stage in after["stages"]], [1, 1], after)
        self.assertFalse(after["in_queue"])
        self.assertTrue(after["complete"])
        with open(f"{self.out}/report/index.html") as file:  # this study has no networks
            self.assertIn("the study names no network", file.read())
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
