"""Rows of the long table of results.h5, for the report."""

import numpy as np
import pandas as pd

COLUMNS = ("network", "trial", "space", "dimension", "measure", "statistic", "value", "lower", "upper", "p", "n", "trials", "n_wrong",
           "uses_label", "method", "status")  # fmt: skip


def long_table(results):
    """A data frame, empty for results of an older hullscope."""
    if "/table/statistic" not in results:
        return pd.DataFrame(columns=COLUMNS)
    size = len(results["/table/statistic"])
    return pd.DataFrame({name: results[f"/table/{name}"] if f"/table/{name}" in results else np.full(size, np.nan) for name in COLUMNS})


def over_trials(table, statistic=None, **wanted):
    """Rows that span the trials."""
    rows = table[table.trial == -1]
    if statistic is not None:
        rows = rows[rows.statistic == statistic]
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    return rows


def of_trials(table, statistic, **wanted):
    rows = table[(table.trial >= 0) & (table.statistic == statistic)]
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    return rows
