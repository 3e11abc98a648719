"""Any hullscope file as pandas data frames: one row per combination of its named axes.

    frames("results.h5")["/hull/inside"]          # columns network, trial, bottleneck, inside
    frames("codes.h5")["/test/code"]              # columns sample, bottleneck, code
"""

import h5py
import numpy as np
import pandas as pd


def axes_of(dataset):
    """The named axes of a data set: {name: coordinate values}, from its dimension scales."""
    axes = {}
    for number, dimension in enumerate(dataset.dims):
        if len(dimension):
            scale = dimension[0]
            axes[scale.name.split("/")[-1]] = text(scale[()])
        else:
            axes[f"axis_{number}"] = np.arange(dataset.shape[number])
    return axes


def text(values):
    """Byte strings as str; anything else as it is."""
    if isinstance(values, bytes):
        return values.decode()
    if isinstance(values, np.ndarray) and values.dtype.kind in "SO":
        return np.array([v.decode() if isinstance(v, bytes) else v for v in values.ravel()], object).reshape(values.shape)
    return values


def frame(dataset):
    """One data set in long form: a column for each axis and one, named like the data set, for the values."""
    name = dataset.name.split("/")[-1]
    values = text(dataset[()])
    if dataset.shape == ():
        return pd.DataFrame({name: [values]})
    index = pd.MultiIndex.from_product(axes_of(dataset).values(), names=axes_of(dataset).keys())
    return pd.Series(values.ravel(), index=index, name=name).reset_index()


def frames(path):
    """{path of the data set: data frame} of all data sets of a file that are not scales themselves."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and not h5py.h5ds.is_scale(item.id):
            found["/" + name] = frame(item)

    with h5py.File(path) as file:
        file.visititems(visit)
    return found
