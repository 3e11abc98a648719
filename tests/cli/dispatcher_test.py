#!/usr/bin/python3
"""The command line of hullscope: help, refusals, dry runs, folders, signals and exit codes.

Needs bin/hullscope and the programs plan and proximity; the study is a pixel-space one, so that no network is trained.
"""
import fcntl
import glob
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import unittest

HULLSCOPE = os.environ["HULLSCOPE"]
SOURCE = os.environ["HULLSCOPE_SOURCE_DIR"]
BUILD = os.environ["HULLSCOPE_BINARY_DIR"]

STUDY = """
name = "small"
seed = 5
[data]
set = "gaussian-classes?dimension=3&per_class_train=20&per_class_test=5"
[hull]
spaces = []
[proximity]
spaces = ["pixel"]
[run]
ranks = 2
"""


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hullscope cli ")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.study = self.write("study.toml", STUDY)
        self.out = os.path.join(self.folder, "out put")

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def run_it(self, *words, code=0, env=None, program=HULLSCOPE, **more):
        environment = dict(os.environ, **(env or {}))
        done = subprocess.run([program, *words], cwd=self.folder, env=environment, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        return done

    def refused(self, *words, code=2, env=None, says=()):
        """The exit code, and one sentence in one line that holds what it should."""
        done = self.run_it(*words, code=code, env=env)
        lines = [line for line in done.stderr.splitlines() if not re.match(r"\[.*\]", line)]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("hullscope: "), lines[0])
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, lines[0])
        return done

    def result(self):
        return os.path.join(self.out, "input", "proximity.h5")

    def identity(self):
        found = os.stat(self.result())
        return found.st_ino, found.st_mtime_ns, found.st_size


class Help(Folder):
    def test_help_names_the_verbs_and_is_quick(self):
        start = time.time()
        text = self.run_it("--help").stdout
        print(f"hullscope --help: {1000 * (time.time() - start):.0f} ms")
        for verb in "run train extract encode hull proximity reduce membership verify check datasets report".split():
            self.assertIn(verb, text)
        for verb in ["run", "train", "report"]:
            self.assertIn("Usage: hullscope " + verb, self.run_it(verb, "--help").stdout)

    def test_no_verb(self):
        self.assertIn("hullscope VERB --help", self.run_it(code=2).stderr)

    def test_unknown_verb(self):
        self.refused("rnu", says='did you mean run?')
        self.refused("statsu", "x", says=['there is no verb "statsu"', "did you mean status?"])

    def test_version(self):
        text = self.run_it("--version").stdout
        self.assertRegex(text, r"^hullscope \d+\.\d+\.\d+")
        self.assertIn("BLAS: ", text)

    def test_documentation_of_keys(self):
        with open(os.path.join(SOURCE, "docs", "study-file.md")) as file:
            self.assertEqual(self.run_it("run", "--help-options").stdout, file.read())

    def test_print_config_is_a_study_file(self):
        text = self.run_it("run", self.study, "--set", "train.epochs=7", "--print-config").stdout
        again = self.write("again.toml", text)
        self.assertIn("epochs = 7", text)
        self.assertEqual(self.run_it("run", again, "--print-config").stdout, text)


class Refusals(Folder):
    def test_wrong_usage(self):
        self.refused("run", says="no study file")
        self.refused("run", "/no/such.toml", says="/no/such.toml: there is no such file")
        self.refused("run", self.folder, says="not a regular file")
        self.refused("run", self.study, "--rank", "2", says="did you mean --ranks?")
        self.refused("run", self.study, "--ranks", "many", says="--ranks")
        self.refused("run", self.study, "--ranks", "0", says="--ranks")
        self.refused("run", self.study, "--stages", "trian", says="did you mean train?")
        self.refused("run", self.study, "--set", "train.epoch=3", says="did you mean train.epochs?")
        self.refused("run", self.study, "--set", "train.epochs=0", says=["train.epochs is 0", "expected integer, >= 1"])
        self.refused("run", self.study, self.study, says="run: ")
        self.refused("proximity", self.study, "--task", "input/proximty", says="did you mean input/proximity?")
        self.refused("verify", "--ranks", "x", says="expected an integer >= 1")
        self.refused("report", os.path.join(self.folder, "nothing"), says="not a folder")
        self.assertFalse(glob.glob(self.folder + "/runs/*/input"))

    def test_wrong_study_files(self):
        for text, says in [
            (STUDY + "ranks = 3\n", "study.toml:12"),
            (STUDY.replace("ranks", "rank"), ["study.toml:11", "did you mean run.ranks?"]),
            (STUDY.replace("= 2", '= "two"'), ["study.toml:11", "expected integer"]),
            (STUDY.replace('"small"', '"../up"'), "name"),
            (STUDY.replace("seed", "[seed"), "not valid TOML"),
            ("", "data.set is missing"),
        ]:
            self.refused("run", self.write("study.toml", text), "--output", self.out, says=says)
        self.assertFalse(os.path.exists(self.out))

    def test_unknown_data_set(self):
        study = self.write("study.toml", STUDY.replace("gaussian-classes", "gaussian-clases"))
        self.refused("run", study, "--output", self.out, says="gaussian-classes")
        self.assertFalse(glob.glob(self.out + "/*/*.h5"))

    def test_output_that_cannot_be(self):
        self.refused("run", self.study, "--output", self.study, says="not a folder")
        self.refused("run", self.study, "--output", "/proc/hullscope", code=1, says="/proc/hullscope")

    def test_run_under_mpirun(self):
        self.refused("run", self.study, env={"OMPI_COMM_WORLD_SIZE": "2"}, says="starts mpirun itself")
        self.refused("proximity", self.study, "--ranks", "2", env={"OMPI_COMM_WORLD_SIZE": "2"}, says="leave it out")


class Running(Folder):
    def go(self, *words, **more):
        return self.run_it("run", self.study, "--output", self.out, *words, **more)

    def test_dry_run_writes_nothing(self):
        text = self.go("--dry-run").stdout
        self.assertRegex(text, r"proximity +1 +0 +1 +about")
        self.assertIn("libexec/hullscope/proximity", text)
        self.assertFalse(os.path.exists(self.out))

    def test_second_run_does_nothing(self):
        first = self.go()
        self.assertRegex(first.stdout, r"proximity +1/1 +1 ")
        self.assertTrue(os.path.exists(os.path.join(self.out, "study.toml")))
        before, start = self.identity(), time.time()
        second = self.go()
        print(f"second run: {time.time() - start:.1f} s")
        self.assertIn("everything is done already", second.stdout)
        self.assertEqual(self.identity(), before)
        self.assertIn("nothing to do", self.go("--dry-run").stdout)
        # the stage alone says the same
        self.assertIn("1 of 1 done", self.run_it("proximity", self.study, "--output", self.out).stderr)
        self.assertEqual(self.identity(), before)

    def test_resolved_study_runs_too(self):
        self.go()
        done = self.run_it("run", os.path.join(self.out, "study.toml"), "--output", self.out)
        self.assertIn("everything is done already", done.stdout)

    def test_folder_of_another_study(self):
        self.go()
        before = self.identity()
        for change in ["name=other", "seed=6", "data.train_limit=10"]:
            self.refused("run", self.study, "--output", self.out, "--set", change,
                         says=["another study", change.split("=")[0], "--output"])
            self.refused("proximity", self.study, "--output", self.out, "--set", change, "--ranks", "1",
                         says="another study")
        self.assertEqual(self.identity(), before)
        self.assertIn("everything is done already", self.go().stdout)

    def test_layout_and_title_change_nothing(self):
        self.go()
        before = self.identity()
        text = self.go("--set", "run.threads=2", "--set", "report.title=new", "--set", "train.trials=9").stdout
        self.assertIn("everything is done already", text)
        self.assertEqual(self.identity(), before)

    def test_other_options_are_refused_unless_forced(self):
        self.go()
        before = self.identity()
        change = ["--set", "proximity.measures=euclidean"]
        for verb in ["run", "proximity"]:
            self.refused(verb, self.study, "--output", self.out, *change,
                         says=["input/proximity.h5", "proximity.measures is", "--force-new"])
        self.assertIn("would be refused", self.go("--dry-run", *change).stdout)
        self.assertEqual(self.identity(), before)
        self.go("--force-new", *change)
        self.assertNotEqual(self.identity(), before)
        self.assertIn("everything is done already", self.go("--force-new", *change).stdout)

    def test_damaged_file_is_made_again(self):
        self.go()
        with open(self.result(), "rb") as file:
            whole = file.read()
        for damage in [whole[: len(whole) // 2], b"", b"not HDF5" * 100]:
            with open(self.result(), "wb") as file:
                file.write(damage)
            self.assertRegex(self.go().stdout, r"proximity +1/1 +1 ")

    def test_changed_data_are_noticed(self):
        import numpy

        words = []
        for split, n in [("train", 30), ("test", 7)]:
            numpy.save(f"{self.folder}/{split}-x.npy", numpy.random.default_rng(1).normal(size=(n, 4)).astype("f4"))
            numpy.save(f"{self.folder}/{split}-y.npy", numpy.arange(n) % 2)
            words += [f"{split}_samples={self.folder}/{split}-x.npy", f"{split}_labels={self.folder}/{split}-y.npy"]
        self.write("study.toml", re.sub('set = ".*"', 'set = "' + ",".join(words) + '"', STUDY))
        self.go()
        before = self.identity()
        changed = numpy.load(f"{self.folder}/test-x.npy")
        changed[3, 1] += 1
        numpy.save(f"{self.folder}/test-x.npy", changed)
        self.refused("run", self.study, "--output", self.out, says=["other data", "--force-new"])
        self.assertEqual(self.identity(), before)

    def test_missing_input_names_the_stage(self):
        network = '[[network]]\nname = "toy"\nlayers = ["dense 4", "relu"]\n'
        self.write("study.toml", STUDY.replace('["pixel"]', '["pixel", "latent"]') + network)
        self.refused("proximity", self.study, "--output", self.out, "--ranks", "1", code=1,
                     says=["toy/trial-00/activations.h5", "run stage extract first"])

    def test_more_ranks_than_samples(self):
        self.go("--set", "data.test_limit=3", "--ranks", "5")

    def test_closed_standard_input(self):
        command = '"$0" run "$1" --output "$2" <&-'
        done = subprocess.run(["sh", "-c", command, HULLSCOPE, self.study, self.out], timeout=60, text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_under_mpirun_the_stage_takes_its_ranks(self):
        self.run_it("2", HULLSCOPE, "proximity", self.study, "--output", self.out,
                    program=os.path.join(SOURCE, "tests", "mpirun.sh"))
        self.assertIn("everything is done already", self.go().stdout)

    def test_installation_with_a_blank_in_its_path(self):
        tree = os.path.join(self.folder, "in stalled")
        for name in ["bin/hullscope", "libexec/hullscope/plan", "libexec/hullscope/proximity"]:
            os.makedirs(os.path.dirname(os.path.join(tree, name)), exist_ok=True)
            shutil.copy(os.path.join(BUILD, name), os.path.join(tree, name))
        shutil.copytree(os.path.join(SOURCE, "analysis"), os.path.join(tree, "share", "hullscope", "analysis"))
        self.run_it("run", self.study, "--output", self.out, program=os.path.join(tree, "bin", "hullscope"))
        self.assertTrue(os.path.exists(self.result()))
        self.refused_program(tree)

    def refused_program(self, tree):
        done = self.run_it("reduce", self.study, "--output", self.out, code=1,
                           program=os.path.join(tree, "bin", "hullscope"))
        self.assertIn("this build has no such program", done.stderr)

    def test_without_mpirun(self):
        nothing = os.path.join(self.folder, "empty")
        os.mkdir(nothing)
        self.refused("run", self.study, "--output", self.out, code=1, env={"PATH": nothing},
                     says=["install openmpi-bin", "--ranks 1"])
        self.go("--ranks", "1", env={"PATH": nothing})

    def test_two_runs_in_one_folder(self):
        os.makedirs(self.out)
        with open(os.path.join(self.out, ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused("run", self.study, "--output", self.out, says="another `hullscope run`")
        self.go()

    def test_python_without_modules(self):
        os.makedirs(self.out)
        python = self.write("python", '#!/bin/sh\nexec /usr/bin/python3 -S "$@"\n', 0o755)  # without Debian's modules
        self.refused("report", self.out, code=1, env={"HULLSCOPE_PYTHON": python},
                     says="install the Debian packages python3-h5py python3-numpy python3-pandas")


class Signals(Folder):
    """With a program in mpirun's place that notes the signals it gets."""

    def start(self, body):
        mpirun = self.write("mpirun", "#!/bin/bash\n" + body, 0o755)
        process = subprocess.Popen([HULLSCOPE, "run", self.study, "--output", self.out], text=True,
                                   env=dict(os.environ, HULLSCOPE_MPIRUN=mpirun), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def waiting(self):
        ready = os.path.join(self.folder, "ready")
        process = self.start(f"""
trap 'echo USR1 >> "{self.folder}/log"; exit 75' USR1
trap 'echo TERM >> "{self.folder}/log"; exit 143' TERM
: > "{ready}"
for i in $(seq 400); do sleep 0.05; done
""")
        for _ in range(400):
            if os.path.exists(ready):
                return process
            time.sleep(0.05)
        self.fail("mpirun was not started")

    def log(self):
        path = os.path.join(self.folder, "log")
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return file.read().split()

    def test_signals_become_a_request_for_a_checkpoint(self):
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP]:
            process = self.waiting()
            process.send_signal(number)
            _, errors = process.communicate(timeout=20)
            self.assertEqual(process.returncode, 75, errors)
            self.assertEqual(self.log(), ["USR1"])
            self.assertIn("the same command goes on", errors)
            os.remove(os.path.join(self.folder, "ready"))
            os.remove(os.path.join(self.folder, "log"))

    def test_killed_dispatcher_takes_its_child_along(self):
        process = self.waiting()
        process.kill()
        process.wait()
        for _ in range(200):
            if self.log():
                break
            time.sleep(0.05)
        self.assertEqual(self.log(), ["USR1"])

    def test_exit_codes(self):
        for code, expected, says in [(75, 75, "stopped early"), (137, 1, "signal 9"), (1, 1, ""), (2, 2, ""),
                                     (3, 1, "exit code 3")]:
            process = self.start(f"exit {code}\n")
            _, errors = process.communicate(timeout=20)
            self.assertEqual(process.returncode, expected, errors)
            self.assertIn(says, errors)
        process = self.start("kill -9 $$\n")
        self.assertIn("signal 9", process.communicate(timeout=20)[1])
        self.assertEqual(process.returncode, 1)


if __name__ == "__main__":
    assert os.stat(HULLSCOPE).st_mode & stat.S_IXUSR
    unittest.main(verbosity=2)
