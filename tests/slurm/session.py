#!/usr/bin/python3
"""Types the session of docs/slurm.md on the test cluster and prints it with what came back, so that the document's text can
be renewed (no test: times and ids differ from run to run).

    HULLSCOPE=build/release/bin/hullscope HULLSCOPE_SOURCE_DIR=$PWD tests/slurm/session.py
"""
import pathlib
import re

from cluster import Cluster
from study_runs import HULLSCOPE, SOURCE

PROGRAM = pathlib.Path(HULLSCOPE).resolve()


def blocks():
    """(the words before it, [command, printed text] ...) of each console block."""
    text = (SOURCE / "docs" / "slurm.md").read_text()
    text = text[text.index("## From login to report"):text.index("## What happens when")]
    for words, block in re.findall(r"([^`]*(?:`[^`]+`[^`]*)*)```console\n(.*?)```", text, re.S):
        yield words, [part.split("\n", 1) for part in re.split(r"^\$ ", block, flags=re.M)[1:]]


class Session:
    def __init__(self, cluster):
        self.cluster = cluster
        self.home = cluster.work / "home" / "ada"
        self.home.mkdir(parents=True)
        self.environment = {"HOME": str(self.home), "PATH": f"{PROGRAM.parent}:{cluster.environment['PATH']}"}

    def type(self, command):
        """What it prints, with the names that the document has."""
        if " cancel " in command:
            self.cluster.wait(300, "extract runs", lambda: "extract RUNNING" in self.queue())
        command = command.replace("/opt/hullscope", str(PROGRAM.parent.parent))
        return self.cluster.run("bash", "-c", command, env=self.environment, cwd=self.home, timeout=120).replace(
            str(self.home), "/home/ada")

    def wait(self, words):
        """For the moment that the document's words speak of."""
        if "While they run" in words:
            self.cluster.wait(300, "extract runs", lambda: "extract RUNNING" in self.queue())
        if "in the end" in words:
            self.cluster.wait(600, "the jobs have ended", lambda: not self.queue())

    def queue(self):
        return self.cluster.run("squeue", "-h", "-o", "%j %T")


def main():
    with Cluster() as cluster:
        session = Session(cluster)
        for words, commands in blocks():
            session.wait(words)
            print("```console")
            for command, text in commands:
                if command.startswith("cat "):  # the file is what the document shows
                    path = pathlib.Path(command[4:].replace("~", str(session.home)))
                    path.parent.mkdir(parents=True)
                    path.write_text(text)
                print(f"$ {command}\n{session.type(command)}", end="", flush=True)
            print("```\n")


if __name__ == "__main__":
    main()
