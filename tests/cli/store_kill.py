"""SIGKILL while files are written: under the final name there is always a whole file, and no shard is ever torn.

    store_kill.py STORE_TOOL CHECK [SEED]
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

TOOL = sys.argv[1]
SOURCE = pathlib.Path(os.environ["HULLSCOPE_SOURCE_DIR"])
KILLS = {1: 20, 3: 6}  # ranks: how often


def kill_one(folder, ranks, rng):
    """Kills one writing process at random, and with it the job."""
    command = [TOOL] if ranks == 1 else [SOURCE / "tests/mpirun.sh", str(ranks), TOOL]
    with open(folder / "err", "w") as err:
        run = subprocess.Popen([*command, "again", folder], stdout=subprocess.PIPE, stderr=err, start_new_session=True)
        try:
            assert run.stdout.readline() == b"ready\n", (folder / "err").read_text()
            time.sleep(rng.uniform(0, 0.7))
            if ranks == 1:
                victim = run.pid
            else:
                children = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
                victim = int(rng.choice(children))
            os.kill(victim, signal.SIGKILL)
            run.wait(timeout=60)
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()


def main():
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    keys, shards, in_the_middle = {}, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for ranks, times in KILLS.items():
            for _ in range(times):
                kill_one(folder, ranks, rng)
                in_the_middle += any(folder.glob(".a.h5.tmp-*"))
                said = subprocess.run([TOOL, "look", folder], check=True, capture_output=True, text=True).stdout.split()
                assert said[0] in ("none", "odd", "even") and said[2] == "0", said
                assert keys.get("odd") is None and keys.get("even") is None or said[0] != "none", "a file was lost"
                keys[said[0]] = keys.get(said[0], 0) + 1
                shards = max(shards, int(said[1]))
        for _ in range(20):  # mpirun may end before its last rank does
            subprocess.run([TOOL, "write", folder / "a.h5", "5"], check=True, capture_output=True)
            left = [p.name for p in folder.iterdir() if p.name.startswith(".")]
            if not left:
                break
            time.sleep(0.5)
        assert not left, f"temporaries of dead writers stay: {left}"
    print(f"{sum(KILLS.values())} kills, {in_the_middle} with a file in the making; found {keys}, up to {shards} shards")
    assert in_the_middle >= 4 and shards >= 1, "the kills came too early to prove anything"


main()
