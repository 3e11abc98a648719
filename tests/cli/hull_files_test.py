"""Hull files made by `membership`: class hulls with proofs; every changed bit of content is refused, and every false
summary or class proof whose digest was recomputed; queries that change between two runs of one job, damaged shards,
a full disk, files of older formats.

usage: hull_files_test.py MEMBERSHIP VERIFY CHECK FLIP_BITS MPIRUN_SCRIPT
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import h5py
import numpy as np

MEMBERSHIP, VERIFY, CHECK, FLIP_BITS, MPIRUN = sys.argv[1:6]
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
SEED = int(os.environ.get("HULLSCOPE_TEST_SEED", "4"))
FLIPS = int(os.environ.get("HULLSCOPE_TEST_FLIPS", "300"))
print("HULLSCOPE_TEST_SEED =", SEED)
digest_of = {}
exec(re.search(r"<!-- digest: begin -->\n```python\n(.*?)```", (SOURCE / "docs/file-format.md").read_text(), re.S)[1], digest_of)


def run(*words, ranks=1, code=0, folder=None):
    command = ([MPIRUN, str(ranks)] if ranks > 1 else []) + [str(w) for w in words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=200)
    assert done.returncode == code, (command, done.returncode, done.stdout, done.stderr)
    return done


def digest(path):
    with h5py.File(path) as file:
        return file.attrs["content_digest"]


class HullFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="hullscope hull files "))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        random = np.random.default_rng(SEED)
        cls.points = random.integers(-4, 5, (60, 3)).astype(np.float32)
        cls.labels = np.array([7, 0, 12])[random.integers(0, 3, 60)]
        cls.queries = np.concatenate([random.integers(-9, 10, (20, 3)) / 2, cls.points[:10]]).astype(np.float32)
        cls.subset = np.flatnonzero(random.random(60) < 0.8)
        for name in ("points", "labels", "queries", "subset"):
            np.save(cls.folder / f"{name}.npy", getattr(cls, name))
        cls.words = ["--points", "points.npy", "--queries", "queries.npy", "--labels", "labels.npy", "--subset", "subset.npy"]
        cls.made = run(MEMBERSHIP, *cls.words, "--output", "classes.h5", folder=cls.folder)

    def copy(self, name, change, new_digest=True):
        """A copy of classes.h5 with `change` made to it, its digest as if it had always been so."""
        path = self.folder / name
        shutil.copy(self.folder / "classes.h5", path)
        with h5py.File(path, "r+") as file:
            change(file)
        if new_digest:
            found = digest_of["content_digest"](path)
            with h5py.File(path, "r+") as file:
                file.attrs.modify("content_digest", found)
        return name

    # --- class hulls

    def test_class_hulls_are_proved(self):
        with h5py.File(self.folder / "classes.h5") as file:
            self.assertEqual(list(file["class"]), [0, 7, 12])
            verdict = file["class_hull/verdict"][...]
        inside, outside = (verdict == 1).sum(), (verdict == 2).sum()
        self.assertTrue(inside > 5 and outside > 5)
        self.assertIn(f"hulls of 3 classes: inside {inside} outside {outside} undecided 0 of 90, all proved: yes\n", self.made.stdout)
        for ranks in (1, 3):
            done = run(VERIFY, "classes.h5", ranks=ranks, folder=self.folder)
            self.assertEqual(done.stdout, "verified 30 of 30, undecided 0\nhulls of 3 classes: verified 90 of 90, undecided 0\n")
        run(CHECK, "classes.h5", folder=self.folder)
        again = run(MEMBERSHIP, *self.words, "--output", "classes.h5", folder=self.folder)  # done already
        self.assertEqual(again.stdout, self.made.stdout)
        run(MEMBERSHIP, *self.words, "--output", "ranks.h5", ranks=3, folder=self.folder)
        self.assertEqual(digest(self.folder / "ranks.h5"), digest(self.folder / "classes.h5"))

    def test_class_hulls_are_those_of_the_subsets(self):
        for column, label in enumerate([0, 7, 12]):
            np.save(self.folder / "one.npy", np.intersect1d(np.flatnonzero(self.labels == label), self.subset))
            run(MEMBERSHIP, *self.words[:4], "--subset", "one.npy", "--output", "one.h5", "--force-new", folder=self.folder)
            with h5py.File(self.folder / "one.h5") as one, h5py.File(self.folder / "classes.h5") as classes:
                for name in ("verdict", "distance_lower", "distance_upper"):
                    np.testing.assert_array_equal(one[name], classes["class_hull/" + name][:, column])
                for name in ("support/offset", "support/index", "support/weight", "direction/query", "direction/vector", "exact/query"):
                    np.testing.assert_array_equal(one[name], classes[f"class_hull/{label}/{name}"])

    def test_limited_time_leaves_classes_undecided(self):
        run(MEMBERSHIP, *self.words, "--output", "limited.h5", "--limit-seconds", "0.001", folder=self.folder)
        done = run(VERIFY, "limited.h5", folder=self.folder)  # some queries are points: never undecided at distance 0
        verified, undecided = map(int, re.search(r"hulls of 3 classes: verified (\d+) of 90, undecided (\d+)", done.stdout).groups())
        self.assertEqual(verified + undecided, 90)  # how many are left depends on the machine

    # --- mutations

    def places(self):
        """Offsets of the bytes that are content: numbers by HDF5's own word, texts where their bytes stand."""
        whole, places = (self.folder / "classes.h5").read_bytes(), []
        with h5py.File(self.folder / "classes.h5") as file:
            objects = [("/", file)]
            file.visititems(lambda name, o: objects.append((name, o)))
            texts = []
            for name, o in objects:
                if name == "run":
                    continue
                texts += [v for k, v in o.attrs.items() if isinstance(v, str) and len(v) > 8]
                if isinstance(o, h5py.Dataset) and o.dtype == object:
                    texts += [v.decode() for v in o[...].ravel() if len(v) > 8]
                elif isinstance(o, h5py.Dataset) and o.id.get_storage_size():
                    places += range(o.id.get_offset(), o.id.get_offset() + o.id.get_storage_size())
            for text in texts:
                at = whole.find(text.encode())
                self.assertGreaterEqual(at, 0, text)
                places += range(at, at + len(text.encode()))
        return places

    def test_every_bit_of_content_counts(self):
        (self.folder / "places").write_text("\n".join(map(str, self.places())))
        done = run(FLIP_BITS, "classes.h5", FLIPS, SEED, "places", folder=self.folder)
        print(done.stdout, end="")

    def test_every_scientific_attribute_counts(self):
        random = np.random.default_rng(SEED)
        attributes = []
        with h5py.File(self.folder / "classes.h5") as file:
            objects = {"/": file}
            file.visititems(lambda name, o: objects.update({name: o}))
            for name, o in objects.items():
                attributes += [(name, a) for a in o.attrs if a not in digest_of["TIES"] - {"content_digest"} and name != "run"]

        def flip(file, name, attribute):
            value = file[name].attrs[attribute]
            if isinstance(value, str):
                if not value:
                    return file[name].attrs.modify(attribute, "x")
                at = random.integers(len(value))
                value = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1:]
            else:
                raw = bytearray(np.asarray(value).tobytes())
                raw[random.integers(len(raw))] ^= 1 << random.integers(8)
                value = np.frombuffer(bytes(raw), np.asarray(value).dtype)[0]
            file[name].attrs.modify(attribute, value)

        chosen = [attributes[i] for i in random.permutation(len(attributes))[:200]]
        chosen += [("/", a) for name, a in attributes if name == "/"]
        names = [self.copy(f"attribute{i}.h5", lambda f: flip(f, *c), False) for i, c in enumerate(chosen)]
        done = run(CHECK, *names, code=1, folder=self.folder)
        for name, which in zip(names, chosen):
            said = [line for line in done.stdout.splitlines() if line.startswith(name)]
            self.assertTrue(said and "whole and valid" not in said[0], (which, said))
            os.remove(self.folder / name)
        print(f"{len(names)} attributes")

    def test_false_summaries_and_class_proofs_are_refused_whatever_the_digest(self):
        def set_item(path, index, value):
            def change(file):
                data = file[path][...]
                data[index] = value(data[index])
                file[path][...] = data
            return change

        def set_attribute(name, value):
            return lambda file: file.attrs.modify(name, value(file.attrs[name]))

        with h5py.File(self.folder / "classes.h5") as file:
            verdict = file["class_hull/verdict"][...]
            q_in, q_out = (tuple(np.argwhere(verdict[:, :1] == v)[0]) for v in (1, 2))
            upper = file["class_hull/distance_upper"][q_out]
            with_direction = next(label for label in (0, 7, 12) if len(file[f"class_hull/{label}/direction/query"]))
        more, less = lambda v: v + type(v)(1), lambda v: v - type(v)(1)
        mutations = {
            "inside": set_attribute("inside", more), "outside": set_attribute("outside", less),
            "undecided": set_attribute("undecided", more), "within_eps": set_attribute("within_eps", more),
            "n_points": set_attribute("n_points", more), "scale": set_attribute("scale", lambda v: v * 1.001),
            "/class_hull/13/": set_item("class", 2, lambda v: v + 1),
            "in the hull of class 0": set_item("class_hull/verdict", q_out, lambda v: 1),
            "in the hull of class 0: ": set_item("class_hull/verdict", q_in, lambda v: 2),
            "distance bounds": set_item("class_hull/distance_upper", q_in, lambda v: 1e-300),
            "by distance_lower": set_item("class_hull/distance_lower", q_out, lambda v: upper),
            "weight": set_item("class_hull/12/support/weight", 0, lambda v: v * (1 + 1e-6)),
            "take part": set_item("class_hull/7/support/index", 0, lambda v: int(np.flatnonzero(self.labels != 7)[0])),
            "separate": set_item(f"class_hull/{with_direction}/direction/vector", 0, lambda v: -v),
            "/class_hull/7/support/offset": set_item("class_hull/7/support/offset", 1, lambda v: v + 10000),
            "class_hull/0/exact": lambda file: file.__delitem__("class_hull/0/exact/query"),
        }
        names = [self.copy(f"false{i}.h5", change) for i, change in enumerate(mutations.values())]
        done = run(VERIFY, *names, code=1, folder=self.folder)
        self.assertNotIn("integrity", done.stderr)
        for name, words in zip(names, mutations):
            said = [line for line in done.stderr.splitlines() if line.startswith(f"hullscope: {name}: refused (mathematics)")]
            self.assertTrue(any(words in line for line in said), (name, words, said))

    # --- data and files that changed

    def test_other_labels_are_refused(self):
        changed = self.labels.copy()
        changed[3] = 12 if changed[3] != 12 else 0
        np.save(self.folder / "other labels.npy", changed)
        done = run(VERIFY, "classes.h5", "--labels", "other labels.npy", code=1, folder=self.folder)
        self.assertIn("refused (integrity): the digest of the labels", done.stderr)

    def test_older_and_newer_formats(self):
        def as_in_1_0(file):  # verdicts by class without proofs, no word on the labels
            file.attrs.modify("format_version", "1.0.0")
            for name in ("labels", "labels_digest"):
                del file.attrs[name]
            for label in ("0", "7", "12"):
                del file["class_hull"][label]
        self.copy("old.h5", as_in_1_0)
        done = run(VERIFY, "old.h5", folder=self.folder)
        self.assertEqual(done.stdout, "verified 30 of 30, undecided 0\n")
        self.assertIn("have no proofs (format 1.0) and are not verified; make the file again", done.stderr)
        run(CHECK, "old.h5", folder=self.folder)
        self.copy("stripped.h5", lambda f: (as_in_1_0(f), f.attrs.modify("format_version", "1.1.0")))
        run(VERIFY, "stripped.h5", code=1, folder=self.folder)
        for version, word in (("2.0.0", "use a newer hullscope"), ("0.9.0", "make the file again")):
            self.copy("other.h5", lambda f: f.attrs.modify("format_version", version))
            done = run(VERIFY, "other.h5", code=2, folder=self.folder)
            self.assertIn(word, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    # --- a job in the making

    def start_and_stop(self, folder):
        """A long run, stopped by TERM once some shards are there. Its words. A run that ends first was too short."""
        random = np.random.default_rng(SEED)
        np.save(folder / "p.npy", random.standard_normal((4000, 10)).astype(np.float32))
        words = [MEMBERSHIP, "--points", "p.npy", "--queries", "q.npy", "--output", "long.h5", "--projection", "--solver", "reference"]
        for queries in (1500, 6000, 24000, 48000):
            np.save(folder / "q.npy", random.standard_normal((queries, 10)).astype(np.float32) * 2)
            program = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while len(list(folder.glob("long.h5.parts/0*.h5"))) < 2 and program.poll() is None:
                time.sleep(0.005)
            program.send_signal(signal.SIGTERM)
            code = program.wait(timeout=150)
            if code == 75:
                self.assertFalse((folder / "long.h5").exists())
                return words
            self.assertEqual(code, 0)
            (folder / "long.h5").unlink()
        self.fail("no run could be stopped before its end")

    def test_queries_that_change_while_a_job_waits_are_refused(self):
        with tempfile.TemporaryDirectory(prefix="hullscope job ") as folder:
            folder = pathlib.Path(folder)
            words = self.start_and_stop(folder)
            shards = sorted(folder.glob("long.h5.parts/0*.h5"))
            before = [(s.name, s.read_bytes()) for s in shards]
            queries = np.load(folder / "q.npy")
            np.save(folder / "q.npy", np.concatenate([queries[:-1], queries[-1:] + 1]))
            done = run(*words, code=2, folder=folder)
            self.assertIn("pieces of an unfinished run on other data", done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
            self.assertEqual([(s.name, s.read_bytes()) for s in shards], before)
            np.save(folder / "q.npy", queries)

            # A shard is damaged: found, made again; the end is that of a run without any of this.
            damaged = bytearray(before[0][1])
            with h5py.File(shards[0]) as file:
                at = file["distance_upper"].id.get_offset()
            damaged[at + 5] ^= 4
            shards[0].write_bytes(damaged)
            run(*words, folder=folder)
            run(*[w if w != "long.h5" else "straight.h5" for w in words], folder=folder)
            self.assertEqual(digest(folder / "long.h5"), digest(folder / "straight.h5"))
            self.assertFalse((folder / "long.h5.parts").exists())

    def test_full_disk(self):
        """--output on a file system of 128 KB, in a mount name space of our own."""
        script = """
            set -eu
            mount -t tmpfs -o size=128k none "$1"
            cd "$2"
            code=0
            "$3" --points points.npy --queries many.npy --output "$1/hull.h5" 2>"$2/said" >/dev/null || code=$?
            ls -A "$1" "$1"/*.parts 2>/dev/null >"$2/left" || true
            exit $code
        """
        np.save(self.folder / "many.npy", np.tile(self.queries, (200, 1)))
        disk = self.folder / "disk"
        disk.mkdir()
        command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if subprocess.run([*command, "mount", "-t", "tmpfs", "none", disk], capture_output=True).returncode != 0:
            self.skipTest("this user may not mount a small file system here")
        done = subprocess.run([*command, "sh", "-c", script, "sh", disk, self.folder, MEMBERSHIP], timeout=200)
        said, left = (self.folder / "said").read_text(), (self.folder / "left").read_text()
        lines = [line for line in said.splitlines() if not line.startswith("[")]
        self.assertEqual(done.returncode, 1, said)
        self.assertEqual(len(lines), 1, said)
        self.assertIn("No space left on device", lines[0])
        self.assertIn("free some space", lines[0])
        self.assertFalse([name for name in left.split("\n") if name == "hull.h5" or name.startswith(".")], left)


unittest.main(argv=sys.argv[:1], verbosity=2)
