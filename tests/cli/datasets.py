#!/usr/bin/python3
"""`hullscope datasets` as a user sees it: list, where, fetch, with a network that answers, lies or is not there.

The network is an HTTP proxy of this test on the loopback device; it serves the files of Debian's package.
    datasets.py PROGRAM
"""
import contextlib
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = sys.argv.pop(1)
PACKAGE = pathlib.Path("/usr/share/datasets/fashion-mnist")
HERE = PACKAGE.is_dir()
MISSING = "Fashion-MNIST is missing: apt-get install dataset-fashion-mnist"


def run(*arguments, **environment):
    base = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy") and k != "HULLSCOPE_DATA"}
    return subprocess.run([PROGRAM, *arguments], env={**base, **environment}, text=True, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=120)


@contextlib.contextmanager
def proxy(answer):
    """A proxy that answers GET of any address with answer(file name): bytes, or None for 404."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = answer(self.path.rsplit("/", 1)[1])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def do_CONNECT(self):  # https is not served
            self.send_error(502)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        yield {"http_proxy": address, "https_proxy": address}
    finally:
        server.shutdown()
        server.server_close()


class Datasets(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hullscope cli "))
        self.addCleanup(shutil.rmtree, self.folder)
        self.cache = {"XDG_CACHE_HOME": str(self.folder / "cache")}

    def assert_one_sentence(self, result, code, *parts):
        self.assertEqual(result.returncode, code, result.stderr)
        errors = [line for line in result.stderr.splitlines() if " info: " not in line]
        self.assertEqual(len(errors), 1, result.stderr)
        for part in parts:
            self.assertIn(part, errors[0])

    def test_list_names_every_set_quickly(self):
        run("list", **self.cache)
        begin = time.monotonic()
        result = run("list", **self.cache)
        self.assertLess(time.monotonic() - begin, 1.0)
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in ("cifar-10", "fashion-mnist", "mnist", "gaussian-classes", "circle", "60000 + 10000", "1 x 28 x 28",
                     "hullscope datasets fetch cifar-10", "per_class_train=5000"):
            self.assertIn(text, result.stdout)

    @unittest.skipUnless(HERE, MISSING)
    def test_where_checks_the_package(self):
        result = run("where", "fashion-mnist", **self.cache)
        self.assertEqual(result.returncode, 0, result.stdout)
        self.assertEqual(result.stdout.count("whole (SHA-256 fits)"), 4)

    def test_where_says_what_is_missing_or_wrong(self):
        (self.folder / "mnist").mkdir()
        (self.folder / "mnist" / "t10k-labels-idx1-ubyte").write_bytes(b"\0\0\10\1\0\0\0\1\5")
        (self.folder / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b\10")
        result = run("where", "mnist", HULLSCOPE_DATA=str(self.folder), **self.cache)
        self.assertEqual(result.returncode, 1)
        self.assertIn("t10k-labels-idx1-ubyte: other bytes: SHA-256", result.stdout)
        self.assertIn("t10k-images-idx3-ubyte.gz: damaged", result.stdout)
        self.assertIn("train-images-idx3-ubyte: missing", result.stdout)
        self.assertIn("to get it: hullscope datasets fetch mnist", result.stdout)

    @unittest.skipUnless(HERE, MISSING)
    def test_fetch_downloads_checks_and_is_found(self):
        with proxy(lambda name: (PACKAGE / name).read_bytes()) as network:
            result = run("fetch", "fashion-mnist", **self.cache, **network)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(result.stdout.count("fetched, whole"), 4)
        target = self.folder / "cache" / "hullscope" / "fashion-mnist"
        self.assertEqual(len(list(target.iterdir())), 4)
        self.assertIn(str(target), run("where", "fashion-mnist", **self.cache).stdout)
        again = run("fetch", "fashion-mnist", **self.cache)  # no network is needed now
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(again.stdout.count("was there, whole"), 4)

    def test_fetch_refuses_wrong_bytes_and_leaves_nothing(self):
        target = self.folder / "a folder"
        with proxy(lambda name: b"<html>please log in</html>") as network:
            result = run("fetch", "fashion-mnist", "--to", str(target), **self.cache, **network)
        self.assert_one_sentence(result, 1, "could not fetch fashion-mnist", "wrong SHA-256", "by hand")
        self.assertEqual(list(target.iterdir()), [])

    def test_fetch_without_a_network_is_one_sentence(self):
        for name in ("mnist", "fashion-mnist", "cifar-10"):
            nowhere = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1"}
            result = run("fetch", name, f"--to={self.folder / name}", **self.cache, **nowhere)
            self.assert_one_sentence(result, 1, "could not fetch " + name, "check the network")
            self.assertEqual(list((self.folder / name).iterdir()), [])

    def test_a_folder_that_cannot_be_made(self):
        (self.folder / "file").write_text("mine")
        result = run("fetch", "mnist", "--to", str(self.folder / "file" / "x"), **self.cache)
        self.assert_one_sentence(result, 1, "no folder can be made")
        self.assertEqual((self.folder / "file").read_text(), "mine")

    def test_wrong_usage(self):
        self.assert_one_sentence(run(), 2, "expected list, where NAME or fetch NAME")
        self.assert_one_sentence(run("fetsch", "mnist"), 2, 'did you mean "fetch"')
        self.assert_one_sentence(run("where"), 2, "the name of one data set")
        self.assert_one_sentence(run("where", "a", "b"), 2, "the name of one data set")
        self.assert_one_sentence(run("where", "mnst"), 2, 'did you mean "mnist"')
        self.assert_one_sentence(run("where", "gaussian?n=5"), 2, "has no files")
        self.assert_one_sentence(run("list", "mnist"), 2, "expected no name")
        self.assert_one_sentence(run("list", "--to", "x"), 2, 'unknown option "--to"')
        self.assert_one_sentence(run("fetch", "mnist", "--into", "x"), 2, 'unknown option "--into"', "--to")
        self.assert_one_sentence(run("fetch", "mnist", "--to"), 2, "--to needs a folder")

    def test_help(self):
        result = run("--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("Usage: hullscope datasets list", result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
