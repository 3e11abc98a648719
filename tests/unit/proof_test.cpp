// The checker on cases that can be followed by hand, and on the shapes of real data: many points, many coordinates,
// masks, rows left out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/proof/checker.hpp>
#include <hullscope/proof/enclosure.hpp>
#include <hullscope/proof/exact.hpp>

namespace hullscope::proof {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Proof inside(std::vector<std::int64_t> support, std::vector<double> weight) {
  Proof proof;
  proof.verdict = Verdict::inside;
  proof.support = std::move(support);
  proof.weight = std::move(weight);
  return proof;
}

/// The reason of a refusal, "" if proved.
std::string verdict_on(const Matrix<double>& points, const std::vector<double>& y, const Proof& proof,
                       std::vector<std::uint8_t> mask = {}, std::int64_t left_out = -1) {
  const MatrixView<double> query(y.data(), 1, static_cast<Eigen::Index>(y.size()));
  std::vector<std::int64_t> leave_out;
  if (left_out >= 0) leave_out.push_back(left_out);
  const CheckResult result = check({view(points), query, std::move(mask), leave_out}, {proof}).front();
  EXPECT_EQ(result.proved, result.reason.empty());
  return result.reason;
}

/// Honest bounds for a direction and a nearest point.
Proof outside(const Matrix<double>& points, const std::vector<double>& y, std::vector<double> direction,
              std::int64_t nearest, std::int64_t left_out = -1) {
  const double norm = std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
  for (double& r : direction) r /= norm;
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < points.rows(); ++i)
    if (i != left_out) rows.push_back(i);
  Proof proof;
  proof.verdict = Verdict::outside;
  proof.support = {nearest};
  proof.weight = {1};
  proof.direction = direction;
  proof.distance_lower = ExactDirection(direction).distance_lower(view(points), rows, y);
  proof.distance_upper = hull_point_distance(view(points), proof.support, proof.weight, y).upper;
  return proof;
}

Matrix<double> triangle() {
  Matrix<double> x(3, 2);
  x << 0, 0, 4, 0, 0, 4;
  return x;
}

TEST(Proof, TriangleInsideEdgeVertex) {
  const Matrix<double> x = triangle();
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 1, 2}, {0.5, 0.25, 0.25})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {2, 2}, inside({1, 2}, {0.5, 0.5})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {1, 0}, inside({0, 1}, {0.75, 0.25})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {0, 4}, inside({2}, {1})), IsEmpty());
}

TEST(Proof, TriangleFalseInside) {
  const Matrix<double> x = triangle();
  EXPECT_THAT(verdict_on(x, {2, 2}, inside({0, 1, 2}, {1e-9, 0.5, 0.5})), HasSubstr("not above 0"));
  EXPECT_THAT(verdict_on(x, {3, 3}, inside({0, 1, 2}, {0.1, 0.45, 0.45})), HasSubstr("not above 0"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 1}, {0.5, 0.5})), HasSubstr("no affine combination"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 1, 2}, {0.5 + 1e-8, 0.25, 0.25})), HasSubstr("exact barycentric"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 2, 1}, {0.5, 0.25, 0.25})), HasSubstr("ascend"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 1, 3}, {0.5, 0.25, 0.25})), HasSubstr("not one of the 3 points"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({}, {})), HasSubstr("empty"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 1, 2}, {0.5, 0.25, 0.25}), {1, 1, 0}), HasSubstr("take part"));
  EXPECT_THAT(verdict_on(x, {1, 1}, inside({0, 1, 2}, {0.5, 0.25, 0.25}), {}, 1), HasSubstr("take part"));
  Proof bounded = inside({0, 1, 2}, {0.5, 0.25, 0.25});
  bounded.distance_upper = 1e-12;
  EXPECT_THAT(verdict_on(x, {1, 1}, bounded), HasSubstr("bounds"));
}

TEST(Proof, OneUlpInAndOut) {
  const Matrix<double> x = triangle();
  const double beyond = std::nextafter(2.0, 3.0), within = std::nextafter(2.0, 1.0);
  EXPECT_THAT(verdict_on(x, {2, beyond}, outside(x, {2, beyond}, {-1, -1}, 1)), IsEmpty());
  EXPECT_THAT(verdict_on(x, {2, beyond}, inside({1, 2}, {0.5, 0.5})), HasSubstr("no affine combination"));
  EXPECT_THAT(verdict_on(x, {2, beyond}, inside({0, 1, 2}, {1e-17, 0.5, 0.5})), HasSubstr("not above 0"));
  const double l0 = (2 - within) / 4;
  EXPECT_THAT(verdict_on(x, {2, within}, inside({0, 1, 2}, {l0, 0.5, within / 4})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {2, within}, outside(x, {2, within}, {-1, -1}, 1)), HasSubstr("does not separate"));
}

TEST(Proof, OutsideBoundsAreThoseOfTheGeometry) {
  const Matrix<double> x = triangle();
  const std::vector<double> y = {3, 3};  // at sqrt(2) from the edge's middle, which is no point of its own
  Proof proof = outside(x, y, {-1, -1}, 1);
  EXPECT_NEAR(proof.distance_lower, std::sqrt(2.0), 1e-15);
  EXPECT_THAT(verdict_on(x, y, proof), IsEmpty());
  proof.support = {1, 2};
  proof.weight = {0.5, 0.5};
  proof.distance_upper = std::nextafter(std::sqrt(2.0), 2.0);
  EXPECT_THAT(verdict_on(x, y, proof), IsEmpty());
  Proof changed = proof;
  changed.distance_lower = std::nextafter(proof.distance_lower, 2.0);
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("does not separate"));
  changed = proof;
  changed.distance_upper = std::nextafter(std::nextafter(proof.distance_upper, 0.0), 0.0);
  EXPECT_FALSE(verdict_on(x, y, changed).empty());
  changed = proof;
  changed.distance_upper = 1.5;
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("is not the distance"));
  changed = proof;
  changed.weight = {0.25, 0.25};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("sum to 0.5"));
  changed = proof;
  changed.direction = {-0.6, -0.6};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("norm"));
  changed = proof;
  changed.direction = {0.6, -0.8};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("does not separate"));
  changed = proof;
  changed.distance_lower = 0;
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("distance_lower is 0"));
  changed = proof;
  changed.exact_direction = {"-1", "-1"};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("two directions"));
  changed.direction.clear();
  EXPECT_THAT(verdict_on(x, y, changed), IsEmpty());
  changed.exact_direction = {"-1", "-1.5"};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("integer"));
  changed.exact_direction = {"0", "0"};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("zero"));
}

TEST(Proof, UndecidedIsAnIntervalAndNothingElse) {
  const Matrix<double> x = triangle();
  const std::vector<double> y = {1, 2};
  Proof proof;
  proof.support = {0};
  proof.weight = {1};
  proof.distance_upper = std::nextafter(std::sqrt(5.0), 3.0);
  EXPECT_THAT(verdict_on(x, y, proof), IsEmpty());
  Proof changed = proof;
  changed.distance_lower = 1e-300;
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("distance_lower"));
  changed = proof;
  changed.direction = {1, 0};
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("direction"));
  changed = proof;
  changed.distance_upper = 2.2;
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("hull point is at distance"));
  changed = proof;
  changed.verdict = static_cast<Verdict>(3);
  EXPECT_THAT(verdict_on(x, y, changed), HasSubstr("not 0, 1 or 2"));
  EXPECT_THAT(verdict_on(x, {0, 0}, Proof{Verdict::undecided, 0, 0, {0}, {1}, {}, {}}), HasSubstr("upper is 0"));
}

TEST(Proof, EveryFaceOfTheCube) {
  Matrix<double> x(8, 3);
  for (int i = 0; i < 8; ++i) x.row(i) << (i & 1), (i >> 1 & 1), (i >> 2 & 1);
  // Vertex, middle of an edge, of a facet's diagonal, of the cube's diagonal.
  EXPECT_THAT(verdict_on(x, {1, 0, 1}, inside({5}, {1})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {1, 0, 0.5}, inside({1, 5}, {0.5, 0.5})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {1, 0.5, 0.5}, inside({1, 7}, {0.5, 0.5})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {0.5, 0.5, 0.5}, inside({0, 7}, {0.5, 0.5})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {1, 0.5, 0.5}, inside({1, 3, 5, 7}, {0.25, 0.25, 0.25, 0.25})), HasSubstr("dependent"));
  const std::vector<double> corner(3, std::nextafter(1.0, 2.0));
  EXPECT_THAT(verdict_on(x, corner, outside(x, corner, {-1, -1, -1}, 7)), IsEmpty());
  // A vertex is not in the hull of the others.
  EXPECT_THAT(verdict_on(x, {1, 1, 1}, outside(x, {1, 1, 1}, {-1, -1, -1}, 3, 7), {}, 7), IsEmpty());
  EXPECT_THAT(verdict_on(x, {1, 1, 1}, outside(x, {1, 1, 1}, {-1, -1, -1}, 3, 7)), HasSubstr("does not separate"));
}

TEST(Proof, VerticesOfTheCyclicPolytope) {
  // (t, t^2, t^3, t^4): every point is a vertex. The polynomial -((s - t)^2) touches the curve in t alone.
  Matrix<double> x(9, 4);
  for (int i = 0; i < 9; ++i) x.row(i) << i, i * i, i * i * i, i * i * i * i;
  for (std::int64_t i = 0; i < 9; ++i) {
    const double t = static_cast<double>(i);
    const std::vector<double> y = {t, t * t, t * t * t, t * t * t * t};
    const std::int64_t other = i == 0 ? 1 : 0;
    EXPECT_THAT(verdict_on(x, y, outside(x, y, {-2 * t, 1, 0, 0}, other, i), {}, i), IsEmpty());
    EXPECT_THAT(verdict_on(x, y, inside({i}, {1})), IsEmpty());
    EXPECT_THAT(verdict_on(x, y, inside({i}, {1}), {}, i), HasSubstr("take part"));
  }
}

TEST(Proof, OnePointOneCoordinate) {
  Matrix<double> x(1, 1);
  x << -3;
  EXPECT_THAT(verdict_on(x, {-3}, inside({0}, {1})), IsEmpty());
  EXPECT_THAT(verdict_on(x, {-3}, inside({0}, {1 - 1e-9})), HasSubstr("exact barycentric"));
  EXPECT_THAT(verdict_on(x, {std::nextafter(-3.0, 0.0)}, inside({0}, {1})), HasSubstr("no affine combination"));
  EXPECT_THAT(verdict_on(x, {2}, outside(x, {2}, {-1}, 0)), IsEmpty());
  EXPECT_THAT(verdict_on(x, {2}, outside(x, {2}, {1}, 0)), HasSubstr("does not separate"));
}

TEST(Proof, ExtremeScales) {
  for (const double scale : {1e-300, 0x1p-1060, 1e-30, 1e30, 1e300}) {
    const Matrix<double> x = triangle() * scale;
    EXPECT_THAT(verdict_on(x, {scale, scale}, inside({0, 1, 2}, {0.5, 0.25, 0.25})), IsEmpty()) << scale;
    EXPECT_THAT(verdict_on(x, {2 * scale, 2 * scale}, inside({1, 2}, {0.5, 0.5})), IsEmpty()) << scale;
    const std::vector<double> y = {2 * scale, std::nextafter(2 * scale, kInfinity)};
    EXPECT_THAT(verdict_on(x, y, outside(x, y, {-1, -1}, 1)), IsEmpty()) << scale;
    EXPECT_FALSE(verdict_on(x, y, inside({1, 2}, {0.5, 0.5})).empty()) << scale;
    // The query is far larger, or far smaller, than all points.
    const std::vector<double> far = {-1e305, 0};
    EXPECT_THAT(verdict_on(x, far, outside(x, far, {1, 0}, 0)), IsEmpty()) << scale;
    const std::vector<double> near = {-0x1p-1074, 0};
    EXPECT_THAT(verdict_on(x, near, outside(x, near, {1, 0}, 0)), IsEmpty()) << scale;
  }
}

// The exact weight of the second point is 2^-1075, half the least double: the least double stands for it.
TEST(Proof, WeightsBelowTheLeastDouble) {
  const Matrix<double> points{{0}, {2}};
  Proof proof;
  proof.verdict = Verdict::inside;
  proof.support = {0, 1};
  proof.weight = {1, 0x1p-1074};
  EXPECT_THAT(verdict_on(points, {0x1p-1074}, proof), IsEmpty());
  proof.weight = {1, 0x1p-1072};
  EXPECT_THAT(verdict_on(points, {0x1p-1074}, proof), HasSubstr("weight"));
  proof.weight = {1, 0};
  EXPECT_THAT(verdict_on(points, {0x1p-1074}, proof), HasSubstr("not above 0"));
}

TEST(Proof, CoordinatesOfTheRealKind) {
  // Dead, constant, repeated, proportional and affinely dependent coordinates: fewer rows than d + 1 suffice.
  Matrix<double> x(3, 7);
  x << 0, 0, 5, 0, 0, 3, 1,  //
      4, 0, 5, 0, 4, 3, 5,   //
      0, 0, 5, 4, -4, 3, -3;
  const std::vector<double> y = {1, 0, 5, 1, 0, 3, 1};
  EXPECT_THAT(verdict_on(x, y, inside({0, 1, 2}, {0.5, 0.25, 0.25})), IsEmpty());
  const std::vector<std::int64_t> all = {0, 1, 2};
  EXPECT_FALSE(enclosed_barycentric(view(x), all, y).proved) << "column 4 is a difference: only rationals see that";
  const Matrix<double> plain = x.leftCols(4);
  EXPECT_TRUE(enclosed_barycentric(view(plain), all, std::span(y).first(4)).proved);
  std::vector<double> off = y;
  off[2] = std::nextafter(5.0, 6.0);
  EXPECT_THAT(verdict_on(x, off, inside({0, 1, 2}, {0.5, 0.25, 0.25})), HasSubstr("no affine combination"));
}

// ------------------------------------------------------------------------------------------ many points, many rows

Matrix<float> cloud(std::int64_t n, std::int64_t d, std::uint64_t key) {
  Matrix<float> x(n, d);
  for (std::int64_t i = 0; i < n; ++i) {
    RandomStream random(key, static_cast<std::uint64_t>(i));
    for (std::int64_t k = 0; k < d; ++k) x(i, k) = static_cast<float>(random.normal());
  }
  return x;
}

TEST(Proof, ManyQueriesAcrossBlocksAndGroups) {
  const Matrix<float> x = cloud(1301, 17, 5);  // six blocks of points, the last one short
  std::vector<double> direction(17);
  Matrix<double> y(520, 17);  // two groups of directions
  std::vector<Proof> proofs;
  const Matrix<double> points = x.cast<double>();
  for (Eigen::Index q = 0; q < y.rows(); ++q) {
    RandomStream random(77, static_cast<std::uint64_t>(q));
    for (Eigen::Index k = 0; k < 17; ++k) y(q, k) = random.normal();
    y.row(q) *= 50 / y.row(q).norm();
    for (Eigen::Index k = 0; k < 17; ++k) direction[static_cast<std::size_t>(k)] = -y(q, k);
    proofs.push_back(outside(points, {y.row(q).begin(), y.row(q).end()}, direction, q % 1301));
  }
  const Checker checker((view(x)));
  for (const CheckResult& result : checker.check(view(y), proofs)) EXPECT_TRUE(result.proved) << result.reason;
  // A lower bound that is one ulp too large is seen, for the right query only.
  for (const std::size_t wrong : {0UL, 511UL, 512UL, 519UL}) {
    std::vector<Proof> changed = proofs;
    changed[wrong].distance_lower = std::nextafter(changed[wrong].distance_lower, kInfinity);
    const auto results = checker.check(view(y), changed);
    for (std::size_t q = 0; q < results.size(); ++q) EXPECT_EQ(results[q].proved, q != wrong) << q;
  }
  // In pieces, from any first query.
  const std::vector<Proof> tail(proofs.begin() + 510, proofs.end());
  for (const CheckResult& result : checker.check(view(y), tail, 510)) EXPECT_TRUE(result.proved) << result.reason;
  EXPECT_FALSE(checker.check(view(y), tail, 509).front().proved);
}

TEST(Proof, OnePointInTheWayIsFoundWhereverItIs) {
  for (const std::int64_t blocker : {0, 255, 256, 511, 512, 1279, 1280, 1300}) {
    Matrix<float> x = cloud(1301, 6, 9);
    const std::vector<double> y = {30, 0, 0, 0, 0, 0};
    x.row(blocker).setZero();
    x(blocker, 0) = 31;
    const Matrix<double> points = x.cast<double>();
    const std::int64_t nearest = blocker == 0 ? 1 : 0;
    const Proof proof = outside(points, y, {-1, 0, 0, 0, 0, 0}, nearest, blocker);
    ASSERT_GT(proof.distance_lower, 20);
    const std::string reason = verdict_on(points, y, proof);
    EXPECT_THAT(reason, HasSubstr("from point " + std::to_string(blocker) + " ")) << blocker;
    EXPECT_THAT(verdict_on(points, y, proof, {}, blocker), IsEmpty()) << blocker;
    std::vector<std::uint8_t> mask(1301, 1);
    mask[static_cast<std::size_t>(blocker)] = 0;
    EXPECT_THAT(verdict_on(points, y, proof, mask), IsEmpty()) << blocker;
  }
}

TEST(Proof, SimplexInManyCoordinates) {
  for (const std::int64_t d : {8, 16, 40, 120}) {
    const Matrix<float> x = cloud(d + 1, d, 3);
    Matrix<double> y(1, d);
    const Matrix<double> points = x.cast<double>();
    // A combination with dyadic weights, rounded to float: near to it, so that all coordinates stay positive.
    y.row(0) = points.colwise().mean().cast<float>().cast<double>();
    std::vector<std::int64_t> support(static_cast<std::size_t>(d + 1));
    std::iota(support.begin(), support.end(), 0);
    const std::span<const double> target(y.data(), static_cast<std::size_t>(d));
    const EnclosedBarycentric enclosed = enclosed_barycentric(view(x), support, target);
    ASSERT_TRUE(enclosed.proved) << d;
    const Barycentric exact = exact_barycentric(view(x), support, target);
    ASSERT_EQ(exact.status, Solvability::unique) << d;
    for (std::size_t i = 0; i < support.size(); ++i) {
      EXPECT_LE(std::fabs(exact.weight[i] - enclosed.weight[i]), enclosed.radius[i] + 0x1p-53 * exact.weight[i]);
      EXPECT_LE(enclosed.radius[i], 0x1p-50 * exact.weight[i]);
    }
    EXPECT_THAT(verdict_on(points, {target.begin(), target.end()}, inside(support, exact.weight)), IsEmpty());
    std::vector<double> changed = exact.weight;
    changed.back() *= 1 + 0x1p-29;
    EXPECT_FALSE(verdict_on(points, {target.begin(), target.end()}, inside(support, changed)).empty());
  }
}

TEST(Proof, DependentRowsInManyCoordinates) {
  Matrix<double> x = cloud(30, 40, 3).cast<double>();
  x.row(29) = (x.row(3) + x.row(4) + x.row(5) + x.row(6)) / 4;  // not exactly: rounded
  x = (x * 64).array().round();
  x.row(29) = (x.row(3) + x.row(4)) - x.row(5);
  std::vector<std::int64_t> support(30);
  std::iota(support.begin(), support.end(), 0);
  std::vector<double> y(40);
  for (std::size_t k = 0; k < 40; ++k) y[k] = x(0, static_cast<Eigen::Index>(k));
  EXPECT_EQ(exact_barycentric(view(x), support, y).status, Solvability::dependent);
  support.pop_back();
  const Barycentric vertex = exact_barycentric(view(x), support, y);
  ASSERT_EQ(vertex.status, Solvability::unique);
  EXPECT_EQ(vertex.weight[0], 1);
  EXPECT_EQ(vertex.sign[1], 0);
  y[7] += 1;
  EXPECT_EQ(exact_barycentric(view(x), support, y).status, Solvability::inconsistent);
}

TEST(Proof, IntegerDirectionsOfManyDigits) {
  // A query 2^-52 beside the line through both points: its normal has more bits than doubles give a unit vector.
  Matrix<double> x(2, 2);
  x << 0, 0, 0x1p53 - 1, 0x1p53 - 3;
  const std::vector<double> y = {1, 1 - 0x1p-52};
  const std::vector<std::int64_t> both = {0, 1};
  EXPECT_EQ(exact_barycentric(view(x), both, y).status, Solvability::inconsistent);
  Proof proof;
  proof.verdict = Verdict::outside;
  proof.support = {0};
  proof.weight = {1};
  proof.distance_upper = hull_point_distance(view(x), proof.support, proof.weight, y).upper;
  proof.exact_direction = {"-9007199254740989", "9007199254740991"};
  EXPECT_EQ(ExactDirection(proof.exact_direction).distance_lower(view(x), both, y), 0);
  EXPECT_THAT(verdict_on(x, y, proof), HasSubstr("does not separate"));
  proof.exact_direction = {"9007199254740989", "-9007199254740991"};
  proof.distance_lower = ExactDirection(proof.exact_direction).distance_lower(view(x), both, y);
  EXPECT_GT(proof.distance_lower, 0);
  EXPECT_LT(proof.distance_lower, 0x1p-53);
  EXPECT_THAT(verdict_on(x, y, proof), IsEmpty());
  proof.distance_lower = std::nextafter(proof.distance_lower, 1.0);
  EXPECT_THAT(verdict_on(x, y, proof), HasSubstr("does not separate"));
}

TEST(Proof, RefusesWhatDoesNotFit) {
  Matrix<double> x = triangle();
  const Matrix<double> y = Matrix<double>::Zero(1, 3), fits = Matrix<double>::Zero(1, 2);
  const std::vector<Proof> one(1), two(2);
  EXPECT_THROW(check({view(x), view(y), {}, {}}, one), UsageError);
  EXPECT_THROW(check({view(x), view(fits), {}, {}}, two), UsageError);
  EXPECT_THROW(check({view(x), view(fits), {1, 1}, {}}, one), UsageError);
  EXPECT_THROW(check({view(x), view(fits), {}, {0, 1}}, one), UsageError);
  EXPECT_TRUE(check({view(x), view(fits), {}, {}}, {}).empty());
  x(1, 1) = std::nan("");
  EXPECT_THROW(check({view(x), view(fits), {}, {}}, one), UsageError);
  EXPECT_THROW(ExactDirection(std::vector<std::string>{"1", "1e5"}), UsageError);
}

TEST(ExactDirection, UnitAndBounds) {
  const ExactDirection r(std::vector<std::string>{"3", "-4", "0"});
  EXPECT_EQ(r.unit(), (std::vector<double>{0.6, -0.8, 0}));
  Matrix<double> x(2, 3);
  x << 1, 0, 0, 2, 0, 9;
  const std::vector<double> y = {0, 0, 0};
  EXPECT_EQ(r.side(view(x), 0, y), 1);
  // 0.6 and 1.2 as doubles are just below 3/5 and 6/5.
  EXPECT_TRUE(r.separates(view(x), 0, y, 0.6));
  EXPECT_FALSE(r.separates(view(x), 0, y, std::nextafter(0.6, 1.0)));
  EXPECT_EQ(r.distance_lower(view(x), std::vector<std::int64_t>{0, 1}, y), 0.6);
  EXPECT_EQ(r.distance_lower(view(x), std::vector<std::int64_t>{1}, y), 1.2);
}

}  // namespace
}  // namespace hullscope::proof
