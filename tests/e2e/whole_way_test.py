#!/usr/bin/python3
"""The whole way of the data on a small study: layouts, extension, resumption, checks and proofs."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from study_runs import HULLSCOPE, SMOKE, artifacts, command, differences, digests, run

WORK = tempfile.mkdtemp(prefix="hullscope e2e ")
REFERENCE = os.path.join(WORK, "reference")
seconds = {}  # "whole": what the reference took


def setUpModule():
    start = time.time()
    run(REFERENCE, ranks=1)
    seconds["whole"] = time.time() - start
    print(f"smoke study on one rank: {seconds['whole']:.1f} s", file=sys.stderr)


def tearDownModule():
    shutil.rmtree(WORK, ignore_errors=True)


def tool(*words):
    return subprocess.run([HULLSCOPE, *words], text=True, timeout=120, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class WholeWay(unittest.TestCase):
    def folder(self, name):
        return os.path.join(WORK, name)

    def assert_same(self, a, b):
        self.assertEqual(differences(a, b), [])
        self.assertTrue(a)

    def test_every_file_of_the_plan_is_there(self):
        expected = {"input/hull.h5", "input/proximity.h5", "results.h5"}
        for trial in ["toy-32/trial-00", "toy-32/trial-01"]:
            expected |= {f"{trial}/{name}.h5" for name in ["network", "activations", "hull-neural", "proximity"]}
            expected |= {f"{trial}/latent-{d}/{name}.h5" for d in ["02", "04"] for name in ["codes", "hull"]}
        self.assertEqual(set(artifacts(REFERENCE)), expected)
        left = [name for _, folders, files in os.walk(REFERENCE) for name in folders + files
                if name.endswith(".parts") or ".tmp" in name]
        self.assertEqual(left, [])

    def test_files_are_whole_and_proofs_are_true(self):
        files = [str(path) for path in artifacts(REFERENCE).values()]
        checked = tool("check", *files)
        self.assertEqual(checked.returncode, 0, checked.stdout)
        for path in files:
            if os.path.basename(path).startswith("hull"):
                verified = tool("verify", path)
                self.assertEqual(verified.returncode, 0, verified.stdout)
                self.assertIn("verified 500 of 500, undecided 0", verified.stdout)

    def test_layouts_from_extract_on(self):
        """1, 2, 3, 5 ranks and 1, 2 threads: equal content. (The reference: one of each.)"""
        expected = digests(REFERENCE)
        for ranks, threads in [(2, 1), (5, 1), (3, 2)]:
            output = self.folder(f"ranks {ranks} threads {threads}")
            for name in artifacts(REFERENCE):
                if name.endswith("network.h5"):
                    os.makedirs(os.path.dirname(os.path.join(output, name)))
                    shutil.copy(os.path.join(REFERENCE, name), os.path.join(output, name))
            run(output, ranks=ranks, threads=threads)
            with self.subTest(ranks=ranks, threads=threads):
                self.assert_same(digests(output), expected)
            shutil.rmtree(output)

    def test_one_rank_trainings_do_not_depend_on_the_layout(self):
        output = self.folder("trained on 3")
        run(output, ranks=3, stages="train")
        expected = {name: digest for name, digest in digests(REFERENCE).items() if name.endswith("network.h5")}
        self.assert_same(digests(output), expected)

    def test_second_run_does_nothing(self):
        before = {name: os.stat(path).st_mtime_ns for name, path in artifacts(REFERENCE).items()}
        start = time.time()
        text = run(REFERENCE, ranks=2)
        print(f"second run: {time.time() - start:.1f} s", file=sys.stderr)
        self.assertIn("everything is done already", text)
        self.assertEqual({name: os.stat(path).st_mtime_ns for name, path in artifacts(REFERENCE).items()}, before)

    def test_extension_in_place(self):
        """More trials and dimensions: what was there stays, and all is as if it had been asked for at once."""
        wider = ["--set", "train.trials=3", "--set", "encode.dimensions=4,3,2"]
        extended, fresh = self.folder("extended"), self.folder("fresh")
        shutil.copytree(REFERENCE, extended)
        before = {name: os.stat(path).st_ino for name, path in artifacts(extended).items()}
        run(extended, *wider)
        run(fresh, *wider)
        self.assert_same(digests(extended), digests(fresh))
        for name, path in artifacts(extended).items():
            if name in before and os.path.basename(name) not in ("proximity.h5", "results.h5"):
                self.assertEqual(os.stat(path).st_ino, before[name], name)

    def test_terminated_and_resumed(self):
        """TERM at several moments: 75, and the same command ends with the same content."""
        output, stopped = self.folder("stopped"), 0
        for attempt in range(40):
            process = subprocess.Popen(command(output), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT)
            try:
                process.wait(timeout=seconds["whole"] * (0.1 + 0.15 * attempt))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM)
            text, _ = process.communicate(timeout=120)
            if process.returncode == 0:
                break
            self.assertEqual(process.returncode, 75, text)
            stopped += 1
        self.assertEqual(process.returncode, 0, text)
        self.assertGreater(stopped, 0)
        self.assert_same(digests(output), digests(REFERENCE))

    def test_other_training_is_refused_and_forced(self):
        output = self.folder("forced")
        shutil.copytree(REFERENCE, output)
        change = ["--set", "train.epochs=3"]
        text = run(output, *change, code=2)
        self.assertIn("train.epochs is 2 there and 3 here", text)
        self.assert_same(digests(output), digests(REFERENCE))
        run(output, *change, "--force-new")
        changed = set(differences(digests(output), digests(REFERENCE)))
        self.assertEqual(changed, set(artifacts(REFERENCE)) - {"input/hull.h5", "input/proximity.h5"})

    def test_report(self):
        text = run(REFERENCE, stages="train,extract,encode,hull,proximity,reduce,report")
        page = text.strip().splitlines()[-1]
        self.assertTrue(page.startswith("report: "), text)
        self.assertTrue(os.path.isfile(page[len("report: "):]), page)
        before = os.stat(page[len("report: "):]).st_mtime_ns
        run(REFERENCE, stages="train,extract,encode,hull,proximity,reduce,report")
        self.assertEqual(os.stat(page[len("report: "):]).st_mtime_ns, before)


if __name__ == "__main__":
    assert SMOKE.exists()
    unittest.main(verbosity=2)
