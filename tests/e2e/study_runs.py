"""What the tests of whole studies share: running `hullscope run`, and the content digests of an output folder."""
import os
import pathlib
import subprocess

import h5py

HULLSCOPE = os.environ["HULLSCOPE"]
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
SMOKE = SOURCE / "studies" / "smoke.toml"
ALL_STAGES = "train,extract,encode,hull,proximity,reduce"


def command(output, *words, ranks=2, threads=1, study=SMOKE, stages=ALL_STAGES):
    return [HULLSCOPE, "run", str(study), "--output", str(output), "--ranks", str(ranks), "--set",
            f"run.threads={threads}", "--stages", stages, *words]


def run(output, *words, code=0, **layout):
    """Runs the study; returns what it printed."""
    done = subprocess.run(command(output, *words, **layout), text=True, timeout=900, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == code, f"{' '.join(done.args)}\nended with {done.returncode}, not {code}\n{done.stdout}"
    return done.stdout


def artifacts(output):
    """Finished files by name, shards and temporary files not among them."""
    output = pathlib.Path(output)
    return {str(path.relative_to(output)): path for path in sorted(output.rglob("*.h5"))
            if not path.name.startswith(".") and not path.parent.name.endswith(".parts")}


def digests(output):
    found = {}
    for name, path in artifacts(output).items():
        with h5py.File(path) as file:
            digest = file.attrs["content_digest"]
            found[name] = digest.decode() if isinstance(digest, bytes) else str(digest)
    return found


def differences(a, b):
    return sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name))
