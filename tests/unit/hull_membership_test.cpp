// Hull membership on cases small enough to check by hand, and on every awkward shape of data.
#include <algorithm>
#include <cmath>
#include <hullscope/base/error.hpp>
#include <limits>
#include <thread>

#include "hull_oracle.hpp"
#include "hull_support.hpp"

namespace hullscope::test {
namespace {

using hull::MembershipOptions;

constexpr Verdict kIn = Verdict::inside, kOut = Verdict::outside;

/// The answer must be the oracle's for every query.
template <class Scalar>
void expect_oracle(const Matrix<Scalar>& points, const Matrix<double>& queries, const std::string& what) {
  SCOPED_TRACE(what);
  for (const bool projection : {false, true}) {
    MembershipOptions options;
    options.projection = projection;
    const auto answer = ask(points, queries, options);
    for (std::int64_t q = 0; q < queries.rows(); ++q) {
      const bool inside = oracle::inside_exactly(points.template cast<double>(), queries.row(q).transpose());
      EXPECT_EQ(answer.proofs[static_cast<std::size_t>(q)].verdict, inside ? kIn : kOut) << "query " << q;
    }
  }
}

Matrix<float> cube(int d) {
  Matrix<float> x(1 << d, d);
  for (int i = 0; i < x.rows(); ++i)
    for (int k = 0; k < d; ++k) x(i, k) = (i >> k & 1) != 0 ? 1.0F : -1.0F;
  return x;
}

TEST(HullMembership, Triangle) {
  Matrix<float> x(3, 2);
  x << 0, 0, 4, 0, 0, 4;
  Matrix<double> y(8, 2);
  y << 1, 1,                         // inside
      2, 2,                          // on the long edge
      0, 0,                          // a corner
      3, 0,                          // on a side
      -1, 2,                         // outside, distance 1
      5, 5,                          // outside, nearest (2, 2)
      0, std::nextafter(0.0, -1.0),  // the smallest step out
      2, std::nextafter(2.0, 3.0);
  MembershipOptions options;
  options.projection = true;
  const auto answer = ask(x, y, options);
  EXPECT_EQ(verdicts(answer), (std::vector<Verdict>{kIn, kIn, kIn, kIn, kOut, kOut, kOut, kOut}));
  EXPECT_EQ(answer.proofs[0].support, (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_NEAR(answer.proofs[0].weight[0], 0.5, 1e-15);
  EXPECT_EQ(answer.proofs[1].support, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(answer.proofs[2].support, (std::vector<std::int64_t>{0}));
  EXPECT_NEAR(answer.proofs[4].distance_upper, 1, 1e-12);
  EXPECT_NEAR(answer.proofs[4].distance_lower, 1, 2e-6);
  EXPECT_NEAR(answer.proofs[5].distance_upper, std::sqrt(18.0), 1e-5);
  EXPECT_NEAR(answer.proofs[7].distance_lower, (std::nextafter(2.0, 3.0) - 2) / std::sqrt(2.0), 1e-18);
}

TEST(HullMembership, CubeVerticesEdgesFacesAndOneUlp) {
  for (int d : {1, 2, 3, 5, 7}) {
    std::vector<std::vector<double>> list;
    const float out = std::nextafter(1.0F, 2.0F), in = std::nextafter(1.0F, 0.0F);
    for (double first : {1.0, static_cast<double>(out), static_cast<double>(in), std::nextafter(1.0, 2.0), 0.0, -1.0})
      for (double rest : {1.0, 0.0, 0.3, static_cast<double>(in)}) {
        std::vector<double> point(static_cast<std::size_t>(d), rest);
        point[0] = first;
        list.push_back(point);
      }
    Matrix<double> y(static_cast<Eigen::Index>(list.size()), d);
    for (Eigen::Index q = 0; q < y.rows(); ++q)
      for (int k = 0; k < d; ++k) y(q, k) = list[static_cast<std::size_t>(q)][static_cast<std::size_t>(k)];
    const auto answer = ask(cube(d), y);
    for (Eigen::Index q = 0; q < y.rows(); ++q)
      EXPECT_EQ(answer.proofs[static_cast<std::size_t>(q)].verdict, y.row(q).cwiseAbs().maxCoeff() <= 1 ? kIn : kOut)
          << "d = " << d << ", query " << y.row(q);
  }
}

TEST(HullMembership, CrossPolytope) {
  for (int d : {2, 3, 6, 10}) {
    Matrix<float> x = Matrix<float>::Zero(2 * d, d);
    for (int k = 0; k < d; ++k) x(2 * k, k) = 1, x(2 * k + 1, k) = -1;
    Matrix<double> y = Matrix<double>::Zero(6, d);
    y.row(0).setConstant(1.0 / d);  // the centre of a facet, rounded
    y.row(1).setConstant(std::nextafter(1.0 / d, 2.0));
    y.row(2).setConstant(std::nextafter(1.0 / d, 0.0));
    y(3, 0) = y(3, 1) = 0.5;
    y(4, 0) = 0.5, y(4, 1) = std::nextafter(-0.5, -1.0);
    y(5, 0) = 1;
    expect_oracle(x, y, "d = " + std::to_string(d));
  }
}

TEST(HullMembership, CyclicPolytope) {
  for (int d : {2, 4, 6}) {
    const int n = d + 8;
    Matrix<double> x(n, d);
    for (int i = 0; i < n; ++i)
      for (int k = 0; k < d; ++k) x(i, k) = std::pow(i - 5.0, k + 1);
    Matrix<double> y(n + 3, d);
    y.topRows(n) = x;
    y.row(n) = (x.row(0) + x.row(1)) / 2;  // an edge of the boundary
    y.row(n + 1) = x.colwise().sum() / 16;
    y.row(n + 2) = x.row(2) * (1 + 0x1p-50);
    expect_oracle(x, y, "d = " + std::to_string(d));
  }
}

TEST(HullMembership, SimplexAndFewerPointsThanDimensions) {
  for (int d : {1, 2, 5, 12, 40}) {
    const Matrix<float> x = gaussian<float>(std::max(1, d / 2), d, seed(), "few");
    Matrix<double> y(5, d);
    y.row(0) = x.row(0).cast<double>();            // a point of the set
    y.row(1) = x.cast<double>().colwise().mean();  // rounded: hardly ever in the flat
    y.row(2) = x.row(x.rows() - 1).cast<double>() * 0.5 + x.row(0).cast<double>() * 0.5;
    y.row(3).setZero();
    y.row(4) = x.row(0).cast<double>() * (1 + 0x1p-30);
    expect_oracle(x, y, "d = " + std::to_string(d));
  }
}

TEST(HullMembership, OnePointAllEqualAndDuplicates) {
  Matrix<float> one(1, 3);
  one << 1, 2, 3;
  Matrix<double> y(3, 3);
  y << 1, 2, 3, 1, 2, 3 + 1e-15, 0, 0, 0;
  EXPECT_EQ(verdicts(ask(one, y)), (std::vector<Verdict>{kIn, kOut, kOut}));
  Matrix<float> equal(200, 3);
  equal.rowwise() = one.row(0);
  EXPECT_EQ(verdicts(ask(equal, y)), (std::vector<Verdict>{kIn, kOut, kOut}));
  Matrix<float> zeros = Matrix<float>::Zero(5, 2);
  Matrix<double> near(3, 2);
  near << 0, 0, 1e-300, 0, 0, -5e-324;
  EXPECT_EQ(verdicts(ask(zeros, near)), (std::vector<Verdict>{kIn, kOut, kOut}));

  Matrix<float> twice(40, 4);
  twice.topRows(20) = gaussian<float>(20, 4, seed(), "twice");
  twice.bottomRows(20) = twice.topRows(20);
  Matrix<double> queries(30, 4);
  queries.topRows(20) = twice.topRows(20).cast<double>();
  queries.bottomRows(10) = gaussian<double>(10, 4, seed(), "twice queries");
  expect_oracle(twice, queries, "duplicates");
}

// Pitfall 5 of the notes: dead, constant, repeated and proportional coordinates, as ReLU codes have them.
TEST(HullMembership, DependentCoordinates) {
  const Matrix<float> base = gaussian<float>(60, 3, seed(), "dependent");
  Matrix<float> x(60, 8);
  Matrix<double> y(20, 8);
  const Matrix<float> ask_base = gaussian<float>(20, 3, seed(), "dependent queries");
  auto fill = [](const auto& from, auto& to) {
    for (Eigen::Index i = 0; i < from.rows(); ++i)
      to.row(i) << from(i, 0), 0, from(i, 1), 7.5F, from(i, 1), from(i, 2), 4 * from(i, 0), -from(i, 2);
  };
  fill(base, x);
  fill(ask_base, y);
  y(19, 3) = 7.5 + 0x1p-40;  // leaves the flat
  expect_oracle(x, y, "dependent coordinates");
  const auto flat = ask(base, ask_base.cast<double>().eval());
  const auto answer = ask(x, y);
  for (std::size_t q = 0; q < 19; ++q) EXPECT_EQ(answer.proofs[q].verdict, flat.proofs[q].verdict) << q;
}

// 4-d data in 6 float32 coordinates: rounding noise spans all six, exactly.
TEST(HullMembership, RankByRoundingNoise) {
  const Matrix<double> low = gaussian<double>(60, 4, seed(), "noise"), mix = gaussian<double>(4, 6, seed(), "mix");
  const Matrix<float> x = (low * mix).cast<float>();
  const Matrix<double> low_y = gaussian<double>(40, 4, seed(), "noise queries") * 0.5;
  const Matrix<double> y = (low_y * mix).cast<float>().cast<double>();
  expect_oracle(x, y, "rounding noise");
}

TEST(HullMembership, ScalesAndFarFromTheOrigin) {
  const Matrix<float> x = gaussian<float>(50, 4, seed(), "scales");
  const Matrix<double> y = gaussian<float>(25, 4, seed(), "scale queries").cast<double>();
  const auto plain = verdicts(ask(x, y));
  EXPECT_GT(std::count(plain.begin(), plain.end(), kIn), 3);
  EXPECT_GT(std::count(plain.begin(), plain.end(), kOut), 3);
  for (int power : {-100, -40, 40, 100}) {  // exact in float32
    const float factor = std::ldexp(1.0F, power);
    EXPECT_EQ(verdicts(ask(Matrix<float>(x * factor), Matrix<double>(y * static_cast<double>(factor)))), plain)
        << "2^" << power;
  }
  for (int power : {-900, -500, 500, 900}) {
    const double factor = std::ldexp(1.0, power);
    EXPECT_EQ(verdicts(ask(Matrix<double>(x.cast<double>() * factor), Matrix<double>(y * factor))), plain)
        << "2^" << power;
  }
  for (double scale : {1e-30, 1e30}) {
    const Matrix<float> scaled = (x.cast<double>() * scale).cast<float>();
    expect_oracle(scaled, Matrix<double>((y * scale).cast<float>().cast<double>()), "scale " + std::to_string(scale));
  }
  for (float shift : {1e3F, 1e6F}) {
    const Matrix<float> far = x.array() + shift;
    expect_oracle(far, Matrix<double>(Matrix<float>(y.cast<float>().array() + shift).cast<double>()),
                  "shift " + std::to_string(shift));
  }
  const Matrix<double> far = x.cast<double>().array() + 1e12;
  expect_oracle(far, Matrix<double>(y.array() + 1e12), "float64, shift 1e12");
}

TEST(HullMembership, WildExponentsAndSubnormals) {
  Matrix<double> x(6, 3);
  x << 1e-300, 0, 0, 1e300, 1, 5e-324, 0, -1e200, 1, 3, 4, -1e-200, -1e300, 2, 0, 1, 1e200, 0;
  Matrix<double> y(4, 3);
  y << 0, 0, 0, 1, 1, 0.1, 1e-300, 0, 0, 2, 2, 5e-324;
  expect_oracle(x, y, "exponents");
  Matrix<float> small(4, 2);
  small << 0, 0, 1e-45F, 0, 0, 1e-45F, 4e-45F, 4e-45F;
  Matrix<double> queries(3, 2);
  queries << 1e-46, 1e-46, 1e-45, 1e-45, -1e-46, 0;
  expect_oracle(small, queries, "subnormal");
}

TEST(HullMembership, MasksAndLeaveOneOut) {
  Matrix<float> x(6, 2);
  x << 0, 0, 4, 0, 0, 4, 4, 4, 0, 0, 2, 2;  // rows 0 and 4 are equal
  const Matrix<double> y = x.cast<double>();
  // Each corner without itself is outside of the rest, but for the doubled one; the centre is inside of the corners.
  EXPECT_EQ(verdicts(ask(x, y, {}, {}, {0, 1, 2, 3, 4, 5})), (std::vector<Verdict>{kIn, kOut, kOut, kOut, kIn, kIn}));
  EXPECT_EQ(verdicts(ask(x, y, {}, {}, {-1, -1, -1, -1, -1, -1})), std::vector<Verdict>(6, kIn));
  EXPECT_EQ(verdicts(ask(x, y, {}, {1, 1, 1, 0, 1, 0}, {})), (std::vector<Verdict>{kIn, kIn, kIn, kOut, kIn, kIn}));
  EXPECT_EQ(verdicts(ask(x, y, {}, {0, 0, 0, 1, 1, 0}, {-1, -1, -1, -1, -1, 4})),
            (std::vector<Verdict>{kIn, kOut, kOut, kIn, kIn, kOut}));
  // A masked hull is the hull of the rows copied out.
  const Matrix<float> cloud = gaussian<float>(300, 5, seed(), "mask");
  std::vector<std::uint8_t> mask(300);
  Matrix<float> part(100, 5);
  for (int i = 0, k = 0; i < 300; ++i)
    if (i % 3 == 1) mask[static_cast<std::size_t>(i)] = 1, part.row(k++) = cloud.row(i);
  const Matrix<double> queries = gaussian<double>(50, 5, seed(), "mask queries") * 0.7;
  EXPECT_EQ(verdicts(ask(cloud, queries, {}, mask)), verdicts(ask(part, queries)));
}

TEST(HullMembership, ProjectionAgreesWithPlainWolfe) {
  for (int d : {1, 2, 4, 9, 20}) {
    const Matrix<float> x = gaussian<float>(150, d, seed(), "wolfe");
    const Matrix<double> y = gaussian<double>(30, d, seed(), "wolfe queries") * 1.5;
    MembershipOptions options;
    options.projection = true;
    const auto answer = ask(x, y, options);
    for (Eigen::Index q = 0; q < y.rows(); ++q) {
      const proof::Proof& p = answer.proofs[static_cast<std::size_t>(q)];
      const double distance = oracle::distance(x.cast<double>(), y.row(q).transpose());
      if (p.verdict == kIn) {
        EXPECT_LT(distance, 1e-7) << "d = " << d << ", query " << q;
        continue;
      }
      EXPECT_LE(p.distance_lower, distance * (1 + 1e-9)) << "d = " << d << ", query " << q;
      EXPECT_GE(p.distance_upper, distance * (1 - 1e-9)) << "d = " << d << ", query " << q;
      EXPECT_LE(p.distance_upper - p.distance_lower, 1e-6 * p.distance_upper) << "d = " << d << ", query " << q;
    }
  }
}

// Without projection an outside query is still told apart from one within eps.
TEST(HullMembership, SideOfEpsIsAlwaysKnown) {
  Matrix<float> x(4, 2);
  x << 0, 0, 1, 0, 0, 1, 1, 1;
  Matrix<double> y(4, 2);
  y << 0.5, -1e-9, 0.5, -1e-3, -1e-8, -1e-8, 1 + 1e-6, 0.25;
  const hull::Membership membership(PointsView(view(x)), {});
  const double eps = 0x1p-20 * membership.scale();
  EXPECT_NEAR(membership.scale(), std::sqrt(0.5), 1e-12);
  for (const proof::Proof& p : membership.find({view(y), {}, {}}).proofs) {
    EXPECT_EQ(p.verdict, kOut);
    EXPECT_TRUE(p.distance_lower > eps || p.distance_upper <= eps) << p.distance_lower << " " << p.distance_upper;
  }
}

TEST(HullMembership, SameAnswerAloneInABatchAndInThreads) {
  const Matrix<float> x = gaussian<float>(2000, 6, seed(), "alone");
  const Matrix<double> y = gaussian<double>(40, 6, seed(), "alone queries");
  const hull::Membership membership(PointsView(view(x)), {});
  const auto together = membership.find({view(y), {}, {}});
  std::vector<hull::MembershipAnswer> answers(2);
  std::vector<std::thread> threads;
  for (auto& answer : answers) threads.emplace_back([&] { answer = membership.find({view(y), {}, {}}); });
  for (std::thread& t : threads) t.join();
  for (Eigen::Index q = 0; q < y.rows(); ++q) {
    const Matrix<double> row = y.row(q);
    const proof::Proof alone = membership.find({view(row), {}, {}}).proofs.front();
    for (const hull::MembershipAnswer* answer :
         std::vector<const hull::MembershipAnswer*>{&together, &answers[0], &answers[1]}) {
      const proof::Proof& p = answer->proofs[static_cast<std::size_t>(q)];
      EXPECT_EQ(p.support, alone.support);
      EXPECT_EQ(p.weight, alone.weight);
      EXPECT_EQ(p.direction, alone.direction);
      EXPECT_EQ(p.distance_lower, alone.distance_lower);
      EXPECT_EQ(p.distance_upper, alone.distance_upper);
    }
  }
}

TEST(HullMembership, TimeLimitLeavesProvedIntervals) {
  const Matrix<float> x = gaussian<float>(100, 5, seed(), "limit");
  const Matrix<double> y = gaussian<double>(10, 5, seed(), "limit queries");
  MembershipOptions options;
  options.limit_seconds = 1e-9;
  const auto answer = ask(x, y, options);
  for (std::size_t q = 0; q < 10; ++q) {
    EXPECT_EQ(answer.proofs[q].verdict, Verdict::undecided);
    EXPECT_GE(answer.proofs[q].distance_upper,
              oracle::distance(x.cast<double>(), y.row(static_cast<Eigen::Index>(q)).transpose()));
  }
}

TEST(HullMembership, WideData) {  // more coordinates than the centred copy may take: rows are read where they lie
  const Matrix<float> x = gaussian<float>(3000, 6000, seed(), "wide");
  Matrix<double> y(4, 6000);
  y.row(0) = x.row(17).cast<double>();
  y.row(1) = x.row(17).cast<double>() * 1.001;
  y.row(2) = 0.5 * x.row(3).cast<double>() + 0.5 * x.row(2999).cast<double>();
  y.row(3).setConstant(1);
  EXPECT_EQ(verdicts(ask(x, y)), (std::vector<Verdict>{kIn, kOut, kIn, kOut}));
  EXPECT_EQ(verdicts(ask(x, y, {}, {}, {17, -1, 3, -1})), (std::vector<Verdict>{kOut, kOut, kOut, kOut}));
}

TEST(HullMembership, NumericalRank) {
  const Matrix<float> x = gaussian<float>(500, 7, seed(), "rank");
  EXPECT_EQ(hull::Membership(PointsView(view(x)), {}).numerical_rank(), 7);
  Matrix<float> flat = x;
  flat.col(3) = 2 * flat.col(1);
  flat.col(5).setConstant(3);
  EXPECT_EQ(hull::Membership(PointsView(view(flat)), {}).numerical_rank(), 5);
  Matrix<float> seldom = x;  // one row spans a dimension; what is below 2^-20 of the largest does not count
  seldom.col(2).setZero();
  seldom(123, 2) = 0.125F;
  EXPECT_EQ(hull::Membership(PointsView(view(seldom)), {}).numerical_rank(), 7);
  seldom(123, 2) = 1e-6F;
  EXPECT_EQ(hull::Membership(PointsView(view(seldom)), {}).numerical_rank(), 6);
  const Matrix<float> one = x.topRows(1);
  EXPECT_EQ(hull::Membership(PointsView(view(one)), {}).numerical_rank(), 0);
}

template <class E, class F>
void expect_error(F&& call, const std::string& part) {
  try {
    call();
    ADD_FAILURE() << "no error; expected one with: " << part;
  } catch (const E& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_EQ(e.exit_code(), kExitUsage);
  }
}

TEST(HullMembership, BadInputIsRefusedWithASentence) {
  Matrix<float> x = gaussian<float>(10, 3, seed(), "bad");
  Matrix<double> y = Matrix<double>::Zero(2, 3), wide = Matrix<double>::Zero(2, 4);
  expect_error<UsageError>([&] { ask(x, wide); }, "The queries have 4 coordinates, the points 3");
  expect_error<UsageError>([&] { ask(x, y, {.solver = "refrence"}); }, "did you mean \"reference\"");
  expect_error<UsageError>([&] { ask(x, y, {.solver = "tao:nosuch"}); }, "expected one of batched, reference");
  expect_error<UsageError>([&] { ask(x, y, {}, {1, 0}); }, "The mask has 2 entries");
  expect_error<UsageError>([&] { ask(x, y, {}, std::vector<std::uint8_t>(10, 0)); }, "no point at all");
  expect_error<UsageError>([&] { ask(x, y, {}, {}, {3}); }, "left-out rows has 1 entries");
  expect_error<UsageError>([&] { ask(x, y, {}, {}, {3, 10}); }, "Row 10 is to be left out");
  expect_error<UsageError>([&] { ask(Matrix<float>(x.topRows(1)), y, {}, {}, {-1, 0}); }, "leaves no point at all");
  expect_error<UsageError>([&] { ask(Matrix<float>(0, 3), y); }, "hull of no points");
  y(1, 2) = std::numeric_limits<double>::quiet_NaN();
  expect_error<DataError>([&] { ask(x, y); }, "row 1, coordinate 2");
  x(4, 1) = std::numeric_limits<float>::infinity();
  expect_error<DataError>([&] { ask(x, y); }, "row 4, coordinate 1");
  EXPECT_TRUE(ask(gaussian<float>(4, 2, 1, "none"), Matrix<double>(0, 2)).proofs.empty());
}

}  // namespace
}  // namespace hullscope::test
