"""Every value that the paper plots, read from the coordinates of its vector figures: paper.json."""

import functools
import json
import pathlib

from .program import ReportError

VERSION = 1  # raised when what stands in paper.json, or how, changes its meaning


@functools.cache
def paper_reference():
    path = pathlib.Path(__file__).parent / "paper.json"
    try:
        reference = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}, the paper's values, cannot be read ({error}); install hullscope again") from error
    version = reference.get("version") if isinstance(reference, dict) else None
    if version != VERSION:
        raise ReportError(f"{path} holds the paper's values in version {version}, this hullscope reads version {VERSION}; install the two together")
    return reference


def paper_networks():
    """Rows of the paper's Fig. 4 (means of ten trials) by (data set, network) in our names: ("mnist", "mlp-256")."""
    return {
        (row["dataset"].lower(), f"{row['architecture'].lower()}-{row['size']}"): row for row in paper_reference()["fig4"]
    }


def paper_values(results):
    """Rows of the paper's Fig. 4 for this study's networks, by network name; {} where nothing is comparable."""
    known = paper_networks()
    return {name: known[results.data_set, name] for name in results.networks if (results.data_set, name) in known}
