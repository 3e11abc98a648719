// Polytopes whose membership is known in closed form, and queries at their boundaries: on a face, one unit of rounding
// beside it, and 1e-13 to 1e-6 of the scale beside it; and 10,000 random small cases against an exact linear program.
// Every answer is asked for through the public header, of every solver that proves on its own, and re-proved.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <hullscope/base/random.hpp>
#include <hullscope/hull.hpp>
#include <map>
#include <numeric>

#include "../unit/hull_oracle.hpp"

namespace hullscope {
namespace {

using Rational = mpq_class;

std::uint64_t seed() {
  const char* text = std::getenv("HULLSCOPE_TEST_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

/// The solvers that work on all points at once or one query at a time; the tao: types have tests of their own.
std::vector<std::string> solvers() {
  std::vector<std::string> names;
  for (const std::string& name : hull::solver_names())
    if (!name.starts_with("tao:")) names.push_back(name);
  return names;
}

Rational exact(double x) {
  return Rational(x);
}

/// A polytope by its vertices, and the exact answer to "is y in it?".
struct Family {
  std::string name;
  Matrix<double> points;
  std::function<bool(const double*)> inside;
};

/// Known answers, and how they came about.
struct Tally {
  std::map<Verdict, int> seen;
  void expect_both(int least) {
    EXPECT_GE(seen[Verdict::inside], least);
    EXPECT_GE(seen[Verdict::outside], least);
    EXPECT_EQ(seen[Verdict::undecided], 0);
  }
};

void expect_answers(const Family& family, const Matrix<double>& queries, Tally& tally) {
  for (const std::string& solver : solvers())
    for (const bool projection : {false, true}) {
      const TrainingSet training(view(family.points), {.solver = solver, .projection = projection});
      const HullRequest request{.queries = view(queries)};
      const HullAnswer answer = training.find(request);
      ASSERT_EQ(answer.proofs.size(), static_cast<std::size_t>(queries.rows()));
      for (const std::string& sentence : training.false_claims(request, answer))
        ADD_FAILURE() << family.name << ", " << solver << ": " << sentence;
      for (Eigen::Index q = 0; q < queries.rows(); ++q) {
        const Verdict verdict = answer.proofs[static_cast<std::size_t>(q)].verdict;
        const bool inside = family.inside(queries.row(q).data());
        ASSERT_EQ(verdict, inside ? Verdict::inside : Verdict::outside)
            << family.name << ", " << solver << (projection ? " with projection" : "") << ", query " << q << ": "
            << queries.row(q) << ", seed " << seed();
        ++tally.seen[verdict];
      }
    }
}

/// Each row of `on_boundary`, and the row with one coordinate moved: by one unit of rounding, and by 1e-13 ... 1e-6 of
/// the scale, both ways.
Matrix<double> around(const Matrix<double>& on_boundary, double scale, const std::string& name) {
  const std::vector<double> steps = {0, 1e-13, 1e-11, 1e-9, 1e-7, 1e-6};
  Matrix<double> out(on_boundary.rows() * (1 + 2 * static_cast<Eigen::Index>(steps.size())), on_boundary.cols());
  Eigen::Index row = 0;
  for (Eigen::Index q = 0; q < on_boundary.rows(); ++q) {
    RandomStream random(stream_key(seed(), name), static_cast<std::uint64_t>(q));
    out.row(row++) = on_boundary.row(q);
    for (const double step : steps)
      for (const double sign : {-1.0, 1.0}) {
        const auto k = static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(out.cols())));
        out.row(row) = on_boundary.row(q);
        double& x = out(row++, k);
        x = step == 0 ? std::nextafter(x, sign * 1e300) : x + sign * step * scale;
      }
  }
  return out;
}

/// Exact in doubles: the mean of `count` (a power of two) rows, with repeats, of small integers.
Vector<double> mean_of(const Matrix<double>& points, const std::vector<Eigen::Index>& rows, std::size_t count) {
  Vector<double> y = Vector<double>::Zero(points.cols());
  for (std::size_t i = 0; i < count; ++i) y += points.row(rows[i % rows.size()]).transpose();
  return y / static_cast<double>(count);
}

/// Means of random vertices: somewhere in the polytope, on a face of it where they share one.
Matrix<double> means(const Matrix<double>& points, Eigen::Index n, const std::string& name) {
  Matrix<double> y(n, points.cols());
  for (Eigen::Index q = 0; q < n; ++q) {
    RandomStream random(stream_key(seed(), name), static_cast<std::uint64_t>(q));
    std::vector<Eigen::Index> rows;
    const std::uint64_t different = 1 + random.below(static_cast<std::uint64_t>(points.cols()) + 1);
    for (std::uint64_t i = 0; i < different; ++i)
      rows.push_back(static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(points.rows()))));
    y.row(q) = mean_of(points, rows, 8);
  }
  return y;
}

// --- The families -------------------------------------------------------------------------------------------------

Family cube(Eigen::Index d) {
  Family f{"cube " + std::to_string(d), Matrix<double>(Eigen::Index{1} << d, d), {}};
  for (Eigen::Index i = 0; i < f.points.rows(); ++i)
    for (Eigen::Index k = 0; k < d; ++k) f.points(i, k) = (i >> k & 1) != 0 ? 1 : -1;
  f.inside = [d](const double* y) { return std::all_of(y, y + d, [](double x) { return std::fabs(x) <= 1; }); };
  return f;
}

Family cross_polytope(Eigen::Index d) {
  Family f{"cross-polytope " + std::to_string(d), Matrix<double>::Zero(2 * d, d), {}};
  for (Eigen::Index k = 0; k < d; ++k) f.points(2 * k, k) = 1, f.points(2 * k + 1, k) = -1;
  f.inside = [d](const double* y) {
    Rational sum = 0;
    for (Eigen::Index k = 0; k < d; ++k) sum += abs(exact(y[k]));
    return sum <= 1;
  };
  return f;
}

Family simplex(Eigen::Index d) {
  Family f{"simplex " + std::to_string(d), Matrix<double>::Zero(d + 1, d), {}};
  for (Eigen::Index k = 0; k < d; ++k) f.points(k + 1, k) = 1;
  f.inside = [d](const double* y) {
    Rational sum = 0;
    for (Eigen::Index k = 0; k < d; ++k) {
      if (y[k] < 0) return false;
      sum += exact(y[k]);
    }
    return sum <= 1;
  };
  return f;
}

/// All points of {0, ..., side}^d: many of them on faces, most of them no vertices.
Family lattice(Eigen::Index d, int side) {
  const auto n = static_cast<Eigen::Index>(std::lround(std::pow(side + 1, d)));
  Family f{"lattice " + std::to_string(d), Matrix<double>(n, d), {}};
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index k = 0, rest = i; k < d; ++k, rest /= side + 1)
      f.points(i, k) = static_cast<double>(rest % (side + 1));
  f.inside = [d, side](const double* y) {
    return std::all_of(y, y + d, [side](double x) { return x >= 0 && x <= side; });
  };
  return f;
}

/// The permutations of 1, ..., d: a polytope of dimension d - 1. Rado: y is in it iff its d coordinates have the same
/// sum, and its k largest never a larger sum than d, d - 1, ..., d - k + 1.
Family permutohedron(Eigen::Index d) {
  std::vector<int> order(static_cast<std::size_t>(d));
  std::iota(order.begin(), order.end(), 1);
  std::vector<std::vector<int>> all;
  do all.push_back(order);
  while (std::next_permutation(order.begin(), order.end()));
  Family f{"permutohedron " + std::to_string(d), Matrix<double>(static_cast<Eigen::Index>(all.size()), d), {}};
  for (std::size_t i = 0; i < all.size(); ++i)
    for (Eigen::Index k = 0; k < d; ++k)
      f.points(static_cast<Eigen::Index>(i), k) = all[i][static_cast<std::size_t>(k)];
  f.inside = [d](const double* y) {
    std::vector<double> sorted(y, y + d);
    std::sort(sorted.rbegin(), sorted.rend());
    Rational slack = 0;
    for (Eigen::Index k = 0; k < d; ++k) {
      slack += Rational(static_cast<long>(d - k)) - exact(sorted[static_cast<std::size_t>(k)]);
      if (slack < 0) return false;
    }
    return slack == 0;
  };
  return f;
}

/// Points on the moment curve (t, t^2, ..., t^d). Its facets are known (Gale's evenness): the d-sets S of parameters
/// between any two others of which lie an even number of S. A facet's plane has the coefficients of prod_{s in S}
/// (t - s) as its normal, and all points on the side where that product has its sign.
Family cyclic(Eigen::Index d, int n, std::vector<std::vector<Eigen::Index>>* facets) {
  Family f{"cyclic polytope " + std::to_string(d), Matrix<double>(n, d), {}};
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index k = 0; k < d; ++k) f.points(i, k) = std::pow(static_cast<double>(i - n / 2), k + 1);
  std::vector<std::vector<Rational>> planes;  // normal and constant: >= 0 inside
  std::vector<bool> chosen(static_cast<std::size_t>(n));
  std::fill(chosen.begin(), chosen.begin() + d, true);
  do {
    std::vector<Rational> polynomial = {1};  // coefficients, constant first
    std::vector<Eigen::Index> rows;
    for (Eigen::Index s = 0; s < n; ++s) {
      if (!chosen[static_cast<std::size_t>(s)]) continue;
      rows.push_back(s);
      polynomial.insert(polynomial.begin(), 0);
      for (std::size_t k = 0; k + 1 < polynomial.size(); ++k)
        polynomial[k] -= Rational(static_cast<long>(s - n / 2)) * polynomial[k + 1];
    }
    int signs[2] = {0, 0};
    for (Eigen::Index t = 0; t < n; ++t) {
      Rational value = polynomial[0];
      for (Eigen::Index k = 0; k < d; ++k) value += polynomial[static_cast<std::size_t>(k) + 1] * exact(f.points(t, k));
      if (value != 0) ++signs[value > 0 ? 1 : 0];
    }
    if (signs[0] > 0 && signs[1] > 0) continue;  // no facet
    if (signs[0] > 0)
      for (Rational& c : polynomial) c = -c;
    planes.push_back(polynomial);
    if (facets != nullptr) facets->push_back(rows);
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  f.inside = [d, planes](const double* y) {
    return std::all_of(planes.begin(), planes.end(), [&](const std::vector<Rational>& plane) {
      Rational value = plane[0];
      for (Eigen::Index k = 0; k < d; ++k) value += plane[static_cast<std::size_t>(k) + 1] * exact(y[k]);
      return value >= 0;
    });
  };
  return f;
}

// --- The tests ----------------------------------------------------------------------------------------------------

TEST(HullFamilies, Cubes) {
  Tally tally;
  for (Eigen::Index d = 1; d <= 6; ++d) {
    const Family f = cube(d);
    expect_answers(f, around(means(f.points, 12, f.name), 1, f.name + " steps"), tally);
  }
  tally.expect_both(200);
}

TEST(HullFamilies, CrossPolytopes) {
  Tally tally;
  for (const Eigen::Index d : {1, 2, 3, 5, 8, 16}) {
    const Family f = cross_polytope(d);
    expect_answers(f, around(means(f.points, 8, f.name), 1, f.name + " steps"), tally);
  }
  tally.expect_both(200);
}

TEST(HullFamilies, Simplices) {
  Tally tally;
  for (const Eigen::Index d : {1, 2, 4, 7, 12, 24}) {
    const Family f = simplex(d);
    expect_answers(f, around(means(f.points, 8, f.name), 1, f.name + " steps"), tally);
  }
  tally.expect_both(200);
}

TEST(HullFamilies, Lattices) {
  Tally tally;
  for (Eigen::Index d = 1; d <= 4; ++d) {
    const Family f = lattice(d, 4);
    expect_answers(f, around(means(f.points, 10, f.name), 4, f.name + " steps"), tally);
    Matrix<double> face = means(f.points, 10, f.name + " face");
    face.col(0).setConstant(4);
    expect_answers(f, around(face, 4, f.name + " face steps"), tally);
  }
  tally.expect_both(200);
}

TEST(HullFamilies, Permutohedra) {
  Tally tally;
  for (const Eigen::Index d : {2, 3, 4, 5}) {
    const Family f = permutohedron(d);
    Matrix<double> y = means(f.points, 10, f.name);
    expect_answers(f, around(y, 1, f.name + " steps"), tally);
    for (Eigen::Index q = 0; q < y.rows(); ++q) {  // within the flat: what one coordinate gains another loses
      const double step = std::ldexp(1.0, -20 - static_cast<int>(q % 4) * 8);
      y(q, 0) += step;
      y(q, d - 1) -= step;
    }
    expect_answers(f, y, tally);
  }
  tally.expect_both(50);
}

TEST(HullFamilies, CyclicPolytopes) {
  Tally tally;
  for (const Eigen::Index d : {2, 3, 4, 5}) {
    std::vector<std::vector<Eigen::Index>> facets;
    const Family f = cyclic(d, 10, &facets);
    const std::size_t step = std::max<std::size_t>(1, facets.size() / 6);
    Matrix<double> y(0, d);
    for (std::size_t i = 0; i < facets.size(); i += step) {
      y.conservativeResize(y.rows() + 1, d);
      y.row(y.rows() - 1) = mean_of(f.points, facets[i], 8);  // inside the facet, exactly
      ASSERT_TRUE(f.inside(y.row(y.rows() - 1).data()));
    }
    expect_answers(f, around(y, std::pow(5.0, d), f.name + " steps"), tally);
  }
  tally.expect_both(100);
}

/// A D x k matrix of integers with orthogonal columns of length 5^turns: the first k columns of a product of random
/// rotations by the angle of (3, 4, 5).
Matrix<double> rotation(Eigen::Index big, Eigen::Index k, int turns, RandomStream& random) {
  Matrix<double> a = Matrix<double>::Identity(big, k);
  for (int t = 0; t < turns; ++t) {
    const auto i = static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(big)));
    const auto j = (i + 1 + static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(big) - 1))) % big;
    const Eigen::RowVectorXd x = a.row(i), y = a.row(j);
    a *= 5;
    a.row(i) = 3 * x - 4 * y;
    a.row(j) = 4 * x + 3 * y;
  }
  return a;
}

// A flat of dimension k in more coordinates, rotated by exactly representable rotations: in the flat the answers are
// those of the polytope before; beside the flat everything is outside.
TEST(HullFamilies, FlatsInRotatedPosition) {
  Tally tally;
  for (std::uint64_t round = 0; round < 24; ++round) {
    RandomStream random(stream_key(seed(), "flats"), round);
    const auto k = static_cast<Eigen::Index>(1 + random.below(4));
    const auto big = k + 1 + static_cast<Eigen::Index>(random.below(6));
    Family f = round % 3 == 0 ? cube(k) : round % 3 == 1 ? cross_polytope(k) : simplex(k);
    const Matrix<double> a = rotation(big, k, 6, random);
    Matrix<double> flat = means(f.points, 6, "flat queries " + std::to_string(round));
    for (Eigen::Index q = 0; q < flat.rows(); ++q)  // exact still: 20 bits more
      flat(q, q % k) += std::ldexp(static_cast<double>(random.below(3)) - 1, -20);
    Matrix<double> queries = flat * a.transpose();
    const std::function<bool(const double*)> before = f.inside;
    std::vector<bool> known;
    for (Eigen::Index q = 0; q < flat.rows(); ++q) known.push_back(before(flat.row(q).data()));
    // Beside it: along a vector that is orthogonal to the flat, found as an exact difference from the projection.
    Matrix<double> moved(2 * queries.rows(), big);
    for (Eigen::Index q = 0; q < queries.rows(); ++q) {
      moved.row(2 * q) = queries.row(q);
      moved.row(2 * q + 1) = queries.row(q);
      Eigen::Index e = 0;  // a coordinate direction that is not in the flat: |A^T e|^2 < |column|^2
      const double length2 = a.col(0).squaredNorm();
      while (a.row(e).squaredNorm() >= length2) ++e;
      double& x = moved(2 * q + 1, e);
      x = std::nextafter(x, q % 2 == 0 ? 1e300 : -1e300);
    }
    f.name += " in a flat of " + std::to_string(big) + " coordinates, round " + std::to_string(round);
    f.points = (f.points * a.transpose()).eval();
    f.inside = [&](const double* y) {
      const Eigen::Index row = (y - moved.data()) / big;
      return row % 2 == 0 && known[static_cast<std::size_t>(row / 2)];
    };
    expect_answers(f, moved, tally);
  }
  tally.expect_both(100);
}

// --- Random small cases -------------------------------------------------------------------------------------------

const std::vector<std::string> kKinds = {"grid", "cloud", "facet", "duplicates", "low rank", "far", "mixed", "tiny"};

/// Points of one kind, few and in few dimensions; queries in the middle, on faces, beside them, and points themselves.
void make_case(std::uint64_t number, Matrix<double>& points, Matrix<double>& queries) {
  RandomStream random(stream_key(seed(), "small cases"), number);
  const std::string& kind = kKinds[number % kKinds.size()];
  const auto d = static_cast<Eigen::Index>(1 + random.below(5));
  const auto n = static_cast<Eigen::Index>(1 + random.below(14));
  const bool grid = kind == "grid" || kind == "duplicates" || kind == "low rank";
  points.resize(n, d);
  for (double& x : points.reshaped()) x = grid ? static_cast<double>(random.below(4)) : random.normal();
  if (!grid) points = points.cast<float>().cast<double>().eval();
  if (kind == "duplicates")
    for (Eigen::Index i = 1; i < n; ++i)
      if (random.below(2) == 0) points.row(i) = points.row(i - 1);
  if (kind == "low rank" && d > 1) points.col(d - 1) = 2 * points.col(0);
  if (kind == "far") points.array() += 0x1p20;
  if (kind == "mixed")
    for (Eigen::Index k = 0; k < d; ++k) points.col(k) *= std::ldexp(1.0, static_cast<int>(random.below(80)) - 40);
  if (kind == "tiny") points *= 0x1p-100;
  queries.resize(5, d);
  for (Eigen::Index q = 0; q < 5; ++q) {
    const std::uint64_t terms = 1 + random.below(static_cast<std::uint64_t>(d) + 1);
    Vector<double> y = Vector<double>::Zero(d);
    double sum = 0;
    for (std::uint64_t i = 0; i < terms; ++i) {
      const double w = static_cast<double>(1 + random.below(4));
      y += w * points.row(static_cast<Eigen::Index>(random.below(static_cast<std::uint64_t>(n)))).transpose();
      sum += w;
    }
    y /= sum;  // rounded: on a face or beside it by a unit of rounding
    if (q == 3) y = (y + (y - points.row(0).transpose()) * random.normal()).eval();
    if (q == 4) y[0] = std::nextafter(y[0], random.below(2) == 0 ? 1e300 : -1e300);
    queries.row(q) = y.transpose();
  }
}

TEST(HullFamilies, TenThousandSmallCasesAgreeWithExactLinearProgramming) {
  Tally tally;
  for (std::uint64_t number = 0; number < 2000; ++number) {
    Family f{"small case " + std::to_string(number) + " (" + kKinds[number % kKinds.size()] + ")", {}, {}};
    Matrix<double> queries;
    make_case(number, f.points, queries);
    std::vector<bool> known;
    for (Eigen::Index q = 0; q < queries.rows(); ++q)
      known.push_back(oracle::inside_exactly(f.points, queries.row(q).transpose()));
    f.inside = [&](const double* y) { return known[static_cast<std::size_t>((y - queries.data()) / queries.cols())]; };
    expect_answers(f, queries, tally);
    if (HasFatalFailure()) return;
  }
  tally.expect_both(4000);
}

}  // namespace
}  // namespace hullscope
