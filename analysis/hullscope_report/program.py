"""How the programs beside this package end: done, or with one sentence."""

import importlib.util
import sys

MODULES = ("h5py", "numpy", "pandas", "scipy", "matplotlib")


class ReportError(Exception):
    """One sentence for the user."""


def ended(work, making, modules=MODULES):
    """Runs work() and says the exit code: 0 done, 1 the machine failed, 2 wrong usage or a folder without results.
    making: "the report"; work does its own imports, since modules of Debian packages may not be there."""
    missing = [f"python3-{name}" for name in modules if not importlib.util.find_spec(name)]
    if missing:
        print(f"hullscope: {sys.executable} lacks modules that {making} needs: install the Debian packages {' '.join(missing)} "
              "and use /usr/bin/python3", file=sys.stderr)  # fmt: skip
        return 1
    try:
        work()
    except ReportError as error:
        print(f"hullscope: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"hullscope: {making} could not be written: {error}", file=sys.stderr)
        return 1
    return 0
