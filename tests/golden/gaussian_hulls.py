"""P(y in conv(x_1, ..., x_N)) for independent standard normal points and query in d dimensions, in closed form.

y is in the hull unless it is a vertex of the hull of all n = N + 1 points, and the expected number of vertices is
2 sum_{m = d, d-2, ... >= 1} C(n, m) m beta_m gamma_{m,n}: gamma_{m,n} the external angle of the regular simplex with n
vertices at a face with m, beta_m the internal angle of the regular simplex with m vertices at a vertex (Affentranger,
Schneider, "Random projections of regular simplices", Discrete Comput. Geom. 1992; the angles as integrals: Kabluchko,
Zaporozhets, "Absorption probabilities for Gaussian polytopes and regular spherical simplices", Adv. Appl. Prob. 2020).
"""
from math import comb

import numpy as np
from scipy.integrate import trapezoid
from scipy.special import erf, erfi

X = np.linspace(-12, 12, 400001)


def external(m, n):
    return np.sqrt(m / np.pi) * trapezoid(np.exp(-m * X * X) * ((1 + erf(X)) / 2) ** (n - m), X)


def internal(m):
    return trapezoid((0.5 + 0.5j * erfi(X / np.sqrt(2 * m))) ** (m - 1) * np.exp(-X * X / 2), X).real / np.sqrt(2 * np.pi)


def inside(d, points):
    n = points + 1
    return 1 - 2 * sum(comb(n, m) * m * internal(m) * external(m, n) for m in range(d, 0, -2)) / n


if __name__ == "__main__":
    for d, points in [(2, 10), (3, 10), (4, 100), (5, 100), (5, 1000), (7, 250), (8, 500), (9, 1000), (10, 1000)]:
        print(f"d = {d:2}, N = {points:4}: {inside(d, points):.4f}")
