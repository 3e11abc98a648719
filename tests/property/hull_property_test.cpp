// Random small cases against exact linear programming (QSopt_ex and a plain rational simplex), Gaussian clouds against
// the closed form of Kabluchko and Zaporozhets, and supports that float and exact arithmetic must agree on.
#include <algorithm>
#include <cmath>
#include <map>

#include "../unit/hull_oracle.hpp"
#include "../unit/hull_support.hpp"

extern "C" {
#include <qsopt_ex/QSopt_ex.h>
}

namespace hullscope::test {
namespace {

/// The feasibility of X^T l = y, sum l = 1, l >= 0 by QSopt_ex, which solves linear programs exactly.
bool inside_by_qsopt(const Matrix<double>& x, const Vector<double>& y) {
  static const bool started = [] {
    QSexactStart();
    return true;
  }();
  EXPECT_TRUE(started);
  const int rows = static_cast<int>(x.cols()) + 1;
  mpq_QSdata* problem = mpq_QScreate_prob("membership", QS_MIN);
  mpq_t value, zero, one;
  mpq_init(value), mpq_init(zero), mpq_init(one);
  mpq_set_ui(one, 1, 1);
  for (int i = 0; i < rows; ++i) {
    mpq_set_d(value, i + 1 == rows ? 1.0 : y[i]);
    mpq_QSnew_row(problem, value, 'E', nullptr);
  }
  std::vector<int> index(static_cast<std::size_t>(rows));
  std::vector<mpq_t> column(static_cast<std::size_t>(rows));
  for (int i = 0; i < rows; ++i) index[static_cast<std::size_t>(i)] = i, mpq_init(column[static_cast<std::size_t>(i)]);
  for (Eigen::Index j = 0; j < x.rows(); ++j) {
    for (int i = 0; i < rows; ++i) mpq_set_d(column[static_cast<std::size_t>(i)], i + 1 == rows ? 1.0 : x(j, i));
    mpq_QSadd_col(problem, rows, index.data(), column.data(), zero, zero, mpq_ILL_MAXDOUBLE, nullptr);
  }
  int status = 0;
  const int failed = QSexact_solver(problem, nullptr, nullptr, nullptr, DUAL_SIMPLEX, &status);
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(status == QS_LP_OPTIMAL || status == QS_LP_INFEASIBLE) << status;
  for (mpq_t& v : column) mpq_clear(v);
  mpq_clear(value), mpq_clear(zero), mpq_clear(one);
  mpq_QSfree_prob(problem);
  return status == QS_LP_OPTIMAL;
}

/// Coordinates drawn from few values, so that many points lie on the boundary, coincide or are dependent.
Matrix<float> lattice(std::int64_t n, std::int64_t d, int values, std::uint64_t item, const std::string& name) {
  RandomStream stream(stream_key(seed(), name), item);
  Matrix<float> x(n, d);
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x.data()[i] = static_cast<float>(stream.below(static_cast<std::uint64_t>(values)));
  return x;
}

TEST(HullProperty, LatticePointsAgreeWithExactLinearProgramming) {
  std::map<Verdict, int> seen;
  for (std::uint64_t round = 0; round < 400; ++round) {
    RandomStream choose(stream_key(seed(), "shapes"), round);
    const std::int64_t d = 1 + static_cast<std::int64_t>(choose.below(6));
    const std::int64_t n = 1 + static_cast<std::int64_t>(choose.below(24));
    const int values = 2 + static_cast<int>(choose.below(3));
    const Matrix<float> x = lattice(n, d, values, round, "lattice points");
    Matrix<double> y = lattice(8, d, values, round, "lattice queries").cast<double>();
    y.bottomRows(4) = (y.bottomRows(4) + y.topRows(4)) / 2;
    y.row(0) = x.row(0).cast<double>();
    const auto answer = ask(x, y);
    for (Eigen::Index q = 0; q < y.rows(); ++q) {
      const bool inside = oracle::inside_exactly(x.cast<double>(), y.row(q).transpose());
      if (round % 4 == 0) {
        EXPECT_EQ(inside_by_qsopt(x.cast<double>(), y.row(q).transpose()), inside)
            << "the oracles differ: seed " << seed() << ", round " << round << ", query " << q;
      }
      const Verdict verdict = answer.proofs[static_cast<std::size_t>(q)].verdict;
      EXPECT_EQ(verdict, inside ? Verdict::inside : Verdict::outside)
          << "seed " << seed() << ", round " << round << ", query " << q << ", d = " << d << ", n = " << n;
      ++seen[verdict];
    }
  }
  EXPECT_GT(seen[Verdict::inside], 50);
  EXPECT_GT(seen[Verdict::outside], 50);
}

// Queries on a facet of random float data, and one unit of rounding to either side of it.
TEST(HullProperty, FacetsOfRandomDataAndOneUlpAside) {
  std::map<Verdict, int> seen;
  for (std::uint64_t round = 0; round < 150; ++round) {
    const std::int64_t d = 2 + static_cast<std::int64_t>(round % 4);
    const Matrix<float> x = gaussian<float>(14, d, seed() * 1000 + round, "facets");
    Matrix<double> y(6, d);
    RandomStream stream(stream_key(seed(), "facet weights"), round);
    for (Eigen::Index q = 0; q < 6; q += 3) {
      // d rows far along a random direction often span a facet; their mean lies on it but for rounding.
      Vector<double> direction(d);
      for (Eigen::Index k = 0; k < d; ++k) direction[k] = stream.normal();
      std::vector<Eigen::Index> order(14);
      for (Eigen::Index i = 0; i < 14; ++i) order[static_cast<std::size_t>(i)] = i;
      const Vector<double> along = x.cast<double>() * direction;
      std::sort(order.begin(), order.end(), [&](Eigen::Index a, Eigen::Index b) { return along[a] > along[b]; });
      y.row(q).setZero();
      for (Eigen::Index i = 0; i < d; ++i)
        y.row(q) += x.row(order[static_cast<std::size_t>(i)]).cast<double>() / static_cast<double>(d);
      y.row(q + 1) = y.row(q), y.row(q + 2) = y.row(q);
      y(q + 1, 0) = std::nextafter(y(q, 0), 10.0);
      y(q + 2, 0) = std::nextafter(y(q, 0), -10.0);
    }
    hull::MembershipOptions options;
    options.projection = round % 2 == 0;
    const auto answer = ask(x, y, options);
    for (Eigen::Index q = 0; q < y.rows(); ++q) {
      const bool inside = oracle::inside_exactly(x.cast<double>(), y.row(q).transpose());
      const Verdict verdict = answer.proofs[static_cast<std::size_t>(q)].verdict;
      EXPECT_EQ(verdict, inside ? Verdict::inside : Verdict::outside)
          << "seed " << seed() << ", round " << round << ", query " << q;
      ++seen[verdict];
    }
  }
  EXPECT_GT(seen[Verdict::inside], 20);
  EXPECT_GT(seen[Verdict::outside], 20);
}

// P(inside) for standard normal points and query, closed form (Kabluchko and Zaporozhets, "Absorption probabilities for
// Gaussian polytopes and regular spherical simplices", Adv. Appl. Prob. 2020). One query a cloud, for the queries of
// one cloud are dependent; Bonferroni over the cells at 0.001 in all: 3.9 sigma. tests/golden/gaussian_hulls.py gives
// the table.
TEST(HullProperty, GaussianCloudsGiveTheClosedForm) {
  struct Cell {
    std::int64_t d, n;
    int clouds;
    double inside;
  };
  const std::vector<Cell> cells = {{2, 10, 4000, .4888},  {3, 10, 4000, .2081},  {4, 100, 2000, .6110},
                                   {5, 100, 2000, .4309}, {5, 1000, 300, .8354}, {7, 250, 600, .3361},
                                   {8, 500, 400, .3504},  {9, 1000, 300, .3661}, {10, 1000, 400, .2629}};
  for (const Cell& cell : cells) {
    int inside = 0;
    for (int c = 0; c < cell.clouds; ++c) {
      const Matrix<float> all = gaussian<float>(cell.n + 1, cell.d, seed() * 1000000 + static_cast<std::uint64_t>(c),
                                                "cloud " + std::to_string(cell.d) + " " + std::to_string(cell.n));
      const Matrix<float> x = all.topRows(cell.n);
      const Matrix<double> y = all.bottomRows(1).cast<double>();
      const hull::Membership membership(PointsView(view(x)), {});
      inside += membership.find({view(y), {}, {}}).proofs.front().verdict == Verdict::inside;
    }
    const double found = static_cast<double>(inside) / cell.clouds;
    const double sigma = std::sqrt(cell.inside * (1 - cell.inside) / cell.clouds);
    EXPECT_NEAR(found, cell.inside, 3.9 * sigma + 5e-5)
        << "d = " << cell.d << ", N = " << cell.n << ", seed " << seed();
  }
}

// Leave-one-out of every point equals the hull of the others copied out.
TEST(HullProperty, LeaveOneOutEqualsTheOthersCopiedOut) {
  const Matrix<float> x = gaussian<float>(60, 3, seed(), "leave one out");
  std::vector<std::int64_t> leave(60);
  for (std::size_t i = 0; i < 60; ++i) leave[i] = static_cast<std::int64_t>(i);
  const Matrix<double> y = x.cast<double>();
  const auto answer = ask(x, y, {}, {}, leave);
  for (Eigen::Index i = 0; i < 60; ++i) {
    Matrix<float> others(59, 3);
    others << x.topRows(i), x.bottomRows(59 - i);
    const Matrix<double> query = y.row(i);
    EXPECT_EQ(answer.proofs[static_cast<std::size_t>(i)].verdict, ask(others, query).proofs.front().verdict) << i;
  }
}

}  // namespace
}  // namespace hullscope::test
