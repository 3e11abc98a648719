"""Damaged files: `hullscope check` notices every changed bit of content, and nothing makes it crash or hang.

    store_damage.py STORE_TOOL CHECK [SEED]

1,000 single bits flipped inside data sets and scientific attributes: each noticed. Bits and bytes changed anywhere,
files cut at every kind of place, zero bytes, random bytes, a wrong stage: each noticed, or the content is the same.
"""
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile

import h5py

TOOL, CHECK = sys.argv[1:3]
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])


def content_places(path, whole):
    """Offsets of the bytes that hold content: numbers by HDF5's own word, texts where their bytes stand."""
    places, texts = [], []
    with h5py.File(path) as file:
        objects = [("/", file)]
        file.visititems(lambda name, o: objects.append((name, o)))
        for name, o in objects:
            if name == "run":
                continue
            texts += [v for k, v in o.attrs.items() if isinstance(v, str) and k != "content_digest" and len(v) > 8]
            if isinstance(o, h5py.Dataset) and o.id.get_storage_size() and o.dtype != object:
                places += range(o.id.get_offset(), o.id.get_offset() + o.id.get_storage_size())
    for text in texts:
        at = whole.find(text.encode())
        assert at >= 0, text
        places += range(at, at + len(text.encode()))
    return places


def verdicts(folder, count):
    """Runs check on all files in pieces; the first line about each, by number. At most 4 GB of memory each."""
    said = {}
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    for first in range(0, count, 200):
        files = [folder / f"{i}.h5" for i in range(first, min(first + 200, count))]
        run = subprocess.run([CHECK, *files], capture_output=True, text=True, errors="replace", preexec_fn=limit, timeout=280)
        assert run.returncode in (0, 1) and not run.stderr, (first, run.returncode, run.stderr)
        for line in run.stdout.splitlines():
            if line.startswith(str(folder)):
                said.setdefault(int(pathlib.Path(line.split(".h5")[0]).name), line)
    assert len(said) == count, "a file without a verdict"
    return said


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(os.environ.get("HULLSCOPE_TEST_SEED", "1"))
    print("seed", seed)
    rng = random.Random(seed)
    digest_of = {}
    text = (SOURCE / "docs/file-format.md").read_text(encoding="utf-8")
    exec(text.split("<!-- digest: begin -->\n```python\n")[1].split("```\n<!-- digest: end -->")[0], digest_of)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        good = folder / "good.h5"
        digest = subprocess.run([TOOL, "write", good, "40"], check=True, capture_output=True, text=True).stdout.strip()
        whole = good.read_bytes()
        places = content_places(good, whole)

        damaged = []
        for _ in range(1000):
            at = rng.choice(places)
            damaged.append((at, whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1:]))
        noticed = len(damaged)  # up to here all must be noticed
        for size in sorted({0, 1, 7, 8, 9, 47, 48, 95, 96, 97, len(whole) - 1, *range(512, len(whole), 512)}):
            damaged.append((size, whole[:size]))
        for size in (1, 8, 100, 5000):
            damaged += [(0, bytes(size)), (0, rng.randbytes(size)), (0, whole[:8] + rng.randbytes(size))]
        noticed = len(damaged)
        for _ in range(200):
            at = rng.randrange(len(whole))
            damaged.append((at, whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1:]))
        for _ in range(200):
            changed = bytearray(whole)
            for _ in range(8):
                changed[rng.randrange(len(whole))] = rng.choice((0, 255, rng.randrange(256)))
            damaged.append((-1, bytes(changed)))

        for i, (_, content) in enumerate(damaged):
            (folder / f"{i}.h5").write_bytes(content)
        unnoticed = 0
        for i, line in verdicts(folder, len(damaged)).items():
            if "whole and valid" not in line:
                continue
            assert i >= noticed, f"damage {i} at {damaged[i][0]} was not noticed"
            unnoticed += 1
            assert digest_of["content_digest"](folder / f"{i}.h5") == digest, f"damage {i} at {damaged[i][0]}"
    print(f"{len(damaged) - unnoticed} of {len(damaged)} noticed; the others changed no content")


main()
