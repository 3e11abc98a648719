// Facets: every proof passes the checker and says what exact arithmetic says; what facets cannot serve is refused.
#include <algorithm>
#include <cmath>
#include <hullscope/hull/detail/facets.hpp>
#include <hullscope/hull/detail/plain_pricing.hpp>
#include <hullscope/hull/detail/solver.hpp>
#include <map>

#include "hull_oracle.hpp"
#include "hull_support.hpp"

namespace hullscope::test {
namespace {

using hull::detail::Facets;

/// Verdicts of all queries; each proof must pass the checker.
template <class Scalar>
std::vector<Verdict> find_all(const Facets& facets, const Matrix<Scalar>& points, const Matrix<double>& queries) {
  std::vector<proof::Proof> proofs;
  for (Eigen::Index q = 0; q < queries.rows(); ++q) proofs.push_back(facets.find(queries.row(q).data()));
  const proof::Checker checker{PointsView(view(points))};
  std::vector<Verdict> verdicts;
  for (std::size_t q = 0; q < proofs.size(); ++q) {
    verdicts.push_back(proofs[q].verdict);
    if (proofs[q].verdict == Verdict::undecided) continue;
    const auto result = checker.check(view(queries), {proofs[q]}, static_cast<std::int64_t>(q)).front();
    EXPECT_TRUE(result.proved) << "query " << q << ": " << result.reason;
  }
  return verdicts;
}

/// How many were left undecided; all others must agree with the rational simplex.
template <class Scalar>
int expect_exact(const Matrix<Scalar>& points, const Matrix<double>& queries, const std::string& name) {
  const auto facets = Facets::make(view(points));
  EXPECT_NE(facets, nullptr) << name;
  if (facets == nullptr) return -1;
  const std::vector<Verdict> found = find_all(*facets, points, queries);
  int undecided = 0;
  for (std::size_t q = 0; q < found.size(); ++q) {
    if (found[q] == Verdict::undecided) {
      ++undecided;
      continue;
    }
    const bool inside =
        oracle::inside_exactly(points.template cast<double>(), queries.row(static_cast<Eigen::Index>(q)).transpose());
    EXPECT_EQ(found[q], inside ? Verdict::inside : Verdict::outside) << name << ", seed " << seed() << ", query " << q;
  }
  return undecided;
}

Matrix<float> lattice(std::int64_t n, std::int64_t d, int values, std::uint64_t item) {
  RandomStream stream(stream_key(seed(), "facets lattice"), item);
  Matrix<float> x(n, d);
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x.data()[i] = static_cast<float>(stream.below(static_cast<std::uint64_t>(values)));
  return x;
}

TEST(Facets, DecideGaussianCloudsInEveryDimension) {
  for (std::int64_t d = 1; d <= hull::detail::kMostFacetDimensions; ++d) {
    const Matrix<float> x = gaussian<float>(300, d, seed(), "facets points");
    const Matrix<double> y = gaussian<float>(40, d, seed(), "facets queries").cast<double>() * 1.5;
    EXPECT_EQ(expect_exact(x, y, "d = " + std::to_string(d)), 0);
  }
}

TEST(Facets, HoldAtAllScalesAndFarFromTheOrigin) {
  const Matrix<double> x = gaussian<double>(300, 3, seed(), "facets scaled points");
  const Matrix<double> y = gaussian<double>(20, 3, seed(), "facets scaled queries") * 2;
  const std::vector<Verdict> expected = find_all(*Facets::make(view(x)), x, y);
  EXPECT_EQ(std::count(expected.begin(), expected.end(), Verdict::undecided), 0);
  for (const double factor : {0x1p-800, 1e-30, 1e30, 0x1p800}) {
    const Matrix<double> scaled = x * factor, queries = y * factor;
    const auto facets = Facets::make(view(scaled));
    ASSERT_NE(facets, nullptr) << factor;
    EXPECT_EQ(find_all(*facets, scaled, queries), expected) << factor;
  }
  const Matrix<double> moved = x.array() + 1e9, queries = y.array() + 1e9;
  EXPECT_EQ(expect_exact(moved, queries, "moved"), 0);
}

// Ties everywhere: queries on facets, ridges and vertices, repeated points, facets of many coplanar points.
TEST(Facets, LatticesAreRightWhereTheyAreDecided) {
  std::map<Verdict, int> seen;
  for (std::uint64_t round = 0; round < 6; ++round) {
    const std::int64_t d = 2 + static_cast<std::int64_t>(round % 3);
    const Matrix<float> x = lattice(400, d, 3 + static_cast<int>(round), round);
    Matrix<double> y = lattice(30, d, 4 + static_cast<int>(round), round + 100).cast<double>();
    y.bottomRows(15).array() += 0.375;
    const int undecided = expect_exact(x, y, "lattice " + std::to_string(round));
    seen[Verdict::undecided] += undecided;
    seen[Verdict::inside] += 30 - undecided;
  }
  EXPECT_GT(seen[Verdict::inside], 60);
  EXPECT_GT(seen[Verdict::undecided], 0);  // boundary points: left to exact arithmetic
}

// Every point is a vertex, so the anchor lies on the boundary and has depth 0 in its own facets.
TEST(Facets, AnAnchorOnTheBoundaryIsNoHindrance) {
  Matrix<float> x = gaussian<float>(400, 3, seed(), "facets sphere");
  x = x.rowwise().normalized().eval();
  Matrix<double> y = x.topRows(40).cast<double>();
  for (Eigen::Index q = 0; q < y.rows(); ++q) y.row(q) *= 0.9 + 0.005 * static_cast<double>(q);
  const int undecided = expect_exact(x, y, "sphere");
  EXPECT_LE(undecided, 4);  // y on the ray from the anchor through itself, or equal to a vertex
}

// Just beyond and just within the facets, where rounding decides: never wrong, and decided from 1e-13 of the scale on.
TEST(Facets, QueriesWithinAHairOfTheBoundary) {
  const Matrix<double> x = gaussian<double>(300, 3, seed(), "facets hair");
  const auto facets = Facets::make(view(x));
  ASSERT_NE(facets, nullptr);
  const Matrix<double> far = gaussian<double>(10, 3, seed(), "facets hair queries") * 100;
  for (const double step : {1e-6, 1e-10, 1e-13, 1e-15, 1e-16, 0.0}) {
    Matrix<double> y(2 * far.rows(), 3);
    for (Eigen::Index q = 0; q < far.rows(); ++q) {
      const proof::Proof proof = facets->find(far.row(q).data());
      ASSERT_EQ(proof.verdict, Verdict::outside);
      Vector<double> boundary = Vector<double>::Zero(3);
      double total = 0;
      for (std::size_t i = 0; i < proof.support.size(); ++i) {
        boundary += proof.weight[i] * x.row(proof.support[i]).transpose();
        total += proof.weight[i];
      }
      boundary /= total;
      for (Eigen::Index k = 0; k < 3; ++k) {
        const double r = proof.direction[static_cast<std::size_t>(k)];
        y(2 * q, k) = boundary(k) - step * r;
        y(2 * q + 1, k) = boundary(k) + step * r;
      }
    }
    const int undecided = expect_exact(x, y, "step " + std::to_string(step));
    EXPECT_TRUE(undecided == 0 || step < 1e-13) << undecided << " undecided at step " << step;
  }
}

TEST(Facets, RefuseWhatTheyCannotServe) {
  const auto made = [](const Matrix<double>& x) { return Facets::make(view(x)) != nullptr; };
  EXPECT_FALSE(made(gaussian<double>(Facets::kLeastPoints - 1, 2, seed(), "few"))) << "too few points";
  EXPECT_FALSE(made(gaussian<double>(1000, 5, seed(), "many dimensions")));
  Matrix<double> flat = gaussian<double>(500, 4, seed(), "flat");
  flat.col(2).setConstant(0.3);
  EXPECT_FALSE(made(flat)) << "a constant coordinate";
  EXPECT_FALSE(made(Matrix<double>::Constant(500, 1, 7.0))) << "one point, 500 times";
  EXPECT_FALSE(made(Matrix<double>::Constant(500, 3, 7.0)));
  Matrix<double> moment(2000, 4);  // cyclic polytope: n (n - 3) / 2 facets
  for (Eigen::Index i = 0; i < moment.rows(); ++i)
    for (Eigen::Index k = 0; k < 4; ++k)
      moment(i, k) = std::pow(static_cast<double>(i - 1000) / 1000, static_cast<double>(k + 1));
  EXPECT_FALSE(made(moment)) << "too many facets";
  Matrix<double> wide = gaussian<double>(500, 2, seed(), "wide");
  wide(0, 0) = 1e308, wide(1, 0) = -1e308;
  EXPECT_FALSE(made(wide)) << "differences overflow";
}

TEST(Facets, FarQueriesAreProvedOrLeftAlone) {
  const Matrix<double> x = gaussian<double>(300, 2, seed(), "facets far");
  const auto facets = Facets::make(view(x));
  ASSERT_NE(facets, nullptr);
  Matrix<double> y(3, 2);
  y << 1e30, -1e30, 1e308, 1e308, -1e-300, 1e299;
  const std::vector<Verdict> found = find_all(*facets, x, y);
  EXPECT_EQ(found[0], Verdict::outside);
  for (const Verdict verdict : found) EXPECT_NE(verdict, Verdict::inside);
}

/// A solver that must not be asked, or that notes what it is asked.
class Noting final : public hull::detail::Solver {
 public:
  explicit Noting(std::vector<double>& asked) : asked_(asked) {}
  std::vector<hull::detail::Candidate> find(const hull::detail::QueryBlock& block) const override {
    for (std::int64_t q = 0; q < block.size(); ++q) asked_.push_back(block.query(q)[0]);
    std::vector<hull::detail::Candidate> found(static_cast<std::size_t>(block.size()));
    for (auto& candidate : found) candidate.statistics.passes = 7;
    return found;
  }

 private:
  std::vector<double>& asked_;
};

// Points 0..299 on a line: inside and clear outside are answered; the ends (boundary) and near-outside go on, in order.
TEST(FacetSolver, HandsOnWhatFacetsDoNotSettle) {
  Matrix<double> x(300, 1);
  for (Eigen::Index i = 0; i < 300; ++i) x(i, 0) = static_cast<double>(i);
  Matrix<double> y(5, 1);
  y << 0, 20.5, 299, 400, 299.5;
  const hull::detail::PreparedPoints points{PointsView(view(x))};
  const hull::detail::PlainPricing pricing(points);
  for (const bool projection : {false, true}) {
    std::vector<double> asked;
    const hull::detail::SolverContext context{pricing, {projection, 1.0}, [] { return false; }, [] {}};
    const auto solver = make_facet_solver(context, points.points(), std::make_unique<Noting>(asked));
    hull::MembershipRequest request{view(y), {}, {}};
    const auto found = solver->find({request});
    EXPECT_EQ(asked, (std::vector<double>{0, 299}));  // on a line the bounds meet, so projection is settled, too
    EXPECT_EQ(found[0].statistics.passes, 7);
    EXPECT_TRUE(found[1].proved && found[3].proved && found[4].proved);
    EXPECT_FALSE(found[0].proved || found[2].proved);
    EXPECT_EQ(found[3].proof.verdict, Verdict::outside);
    EXPECT_NEAR(found[3].proof.distance_lower, 101, 1e-9);
    asked.clear();
    request.leave_out.assign(5, -1);
    solver->find({request});
    EXPECT_EQ(asked.size(), 5U) << "other hulls than that of all points go to the engine";
  }
}

}  // namespace
}  // namespace hullscope::test
