"""What the autoencoder's open choices do to Fig. 4: the grid that benchmarks/sensitivity.py computed for one network of a
study, in DIR/sensitivity.csv."""

import csv
import math

QUANTITIES = {"relative_accuracy": "relative accuracy", "inside": "fraction in the hull"}


def read(folder):
    """The rows of DIR/sensitivity.csv as dicts with numbers; [] without that file."""
    path = folder / "sensitivity.csv"
    if not path.is_file():
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for name in ("d", "trial", "epochs", "rate", "unexplained_variance", "relative_accuracy", "inside"):
            row[name] = float(row[name])
    return rows


def ranges(folder):
    """{(network, "fraction in the hull, d = 16"): (smallest, largest) over the grid}."""
    found = {}
    for row in read(folder):
        for name, words in QUANTITIES.items():
            if math.isfinite(row[name]):
                key = row["network"], f"{words}, d = {int(row['d'])}"
                low, high = found.get(key, (math.inf, -math.inf))
                found[key] = min(low, row[name]), max(high, row[name])
    return found


def settings(folder):
    """In words, how large the grid is; "" without one."""
    rows = read(folder)
    if not rows:
        return ""
    values = {name: sorted({row[name] for row in rows}) for name in ("output", "epochs", "rate", "trial")}
    return (
        f"Grid: output {' or '.join(values['output'])}; {', '.join(f'{e:g}' for e in values['epochs'])} epochs; rate {', '.join(f'{r:g}' for r in values['rate'])}; "
        f"network {', '.join(sorted({row['network'] for row in rows}))}, {len(values['trial'])} trained network{'s' if len(values['trial']) > 1 else ''}, whose autoencoders alone differ."
    )
