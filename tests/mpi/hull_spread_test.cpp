// Points spread by rows over ranks, some of them without any, or prepared by the ranks of a node together: numbers,
// pricing and answers are those of one process that holds all rows, to the bit.
#include <hullscope/hull/detail/exact_decision.hpp>
#include <hullscope/hull/detail/group_chain.hpp>
#include <hullscope/hull/detail/local_pricing.hpp>
#include <hullscope/hull/detail/plain_pricing.hpp>
#include <hullscope/hull/detail/rank.hpp>
#include <hullscope/hull/detail/row_group.hpp>
#include <hullscope/hull/node.hpp>
#include <hullscope/hull/spread.hpp>
#include <hullscope/parallel/comm.hpp>

#include <hullscope/base/error.hpp>

#include "../unit/hull_oracle.hpp"
#include "../unit/hull_support.hpp"

namespace hullscope::test {
namespace {

using namespace hull::detail;
using parallel::Comm;

template <class Scalar>
PointsView block_of(const Matrix<Scalar>& x, const Comm& comm, std::int64_t* first = nullptr) {
  const auto [begin, end] = hull::spread_block(x.rows(), comm.rank(), comm.size());
  if (first != nullptr) *first = begin;
  return MatrixView<Scalar>(x.data() + begin * x.cols(), end - begin, x.cols());
}

TEST(Spread, BlocksAreWholeTilesAndAllRows) {
  for (const std::int64_t total : {0, 1, 1023, 1024, 1025, 5000, 1024 * 7})
    for (const int ranks : {1, 2, 3, 5, 8}) {
      std::int64_t next = 0;
      for (int r = 0; r < ranks; ++r) {
        const auto [first, last] = hull::spread_block(total, r, ranks);
        EXPECT_EQ(first, next);
        EXPECT_TRUE(first % 1024 == 0 || first == total);
        next = last;
      }
      EXPECT_EQ(next, total) << ranks << " ranks";
    }
}

// 2,600 rows are three tiles: on five ranks two hold nothing.
template <class Scalar>
void expect_equal_numbers(std::int64_t n, std::int64_t d, double scale, double offset) {
  const Comm world = Comm::world();
  Matrix<Scalar> x = gaussian<Scalar>(n, d, seed(), "numbers");
  x.array() = x.array() * static_cast<Scalar>(scale) + static_cast<Scalar>(offset);
  const PointsView own = block_of(x, world);
  const GroupChain chain(world, rows(own), n);
  const Frame spread = make_frame(own, chain), whole = make_frame(view(x));
  EXPECT_EQ(spread.centre, whole.centre);
  EXPECT_EQ(spread.scale, whole.scale);
  EXPECT_EQ(spread.unit, whole.unit);
  EXPECT_EQ(spread.radius, whole.radius);
  EXPECT_EQ(spread.raw_radius, whole.raw_radius);
  const auto begin = whole.norm.begin() + chain.first();
  EXPECT_EQ(spread.norm, std::vector<double>(begin, begin + rows(own)));
  const PointIndex::Axes shared = PointIndex::axes(own, spread, false, chain),
                         alone = PointIndex::axes(view(x), whole, false);
  EXPECT_EQ(shared.basis, alone.basis);
  EXPECT_EQ(shared.cells.count(), alone.cells.count());
  const Matrix<float> samples = gaussian<float>(20, d, seed(), "samples");
  for (Eigen::Index i = 0; i < samples.rows(); ++i)
    EXPECT_EQ(shared.cells.around(samples.row(i).data()), alone.cells.around(samples.row(i).data()));
  EXPECT_EQ(numerical_rank(own, spread.unit, 0x1p-20, &chain), numerical_rank(view(x), whole.unit, 0x1p-20));
}

TEST(Spread, NumbersAreThoseOfAllRows) {
  expect_equal_numbers<float>(2600, 5, 1, 0);
  expect_equal_numbers<float>(1, 3, 1, 7);
  expect_equal_numbers<double>(1500, 30, 1e-30, 0);
  expect_equal_numbers<float>(2049, 3, 1e30, 0);
  expect_equal_numbers<float>(2100, 270, 1, 0);
  expect_equal_numbers<float>(9000, 9, 1, 0);
  expect_equal_numbers<float>(9000, 30, 1, 2);
}

void expect_equal(const std::vector<PricedRow>& a, const std::vector<PricedRow>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].row, b[i].row) << i;
    EXPECT_EQ(a[i].value, b[i].value) << i;
  }
}

/// Rank r asks r + 1 times, while the others answer; the answers are those of one pricing over all rows.
void expect_equal_pricing(std::int64_t n, std::int64_t d) {
  const Comm world = Comm::world();
  Matrix<float> x = gaussian<float>(n, d, seed(), "pricing");
  x.bottomRows(300) = x.topRows(300);  // ties go to the lower row, wherever it is
  std::int64_t first = 0;
  const PointsView own = block_of(x, world, &first);
  const GroupChain chain(world, rows(own), n);
  const PreparedPoints points{PointsView(view(x))};
  const PlainPricing expected(points);
  const LocalPricing alone(view(x), points.frame());
  const Frame frame = make_frame(own, chain);
  const LocalPricing local(own, frame, PointIndex::axes(own, frame, false, chain));
  RowGroup group(world, local, first, n);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(n), 1);
  for (std::int64_t i = 0; i < n; i += 3) mask[static_cast<std::size_t>(i)] = 0;
  group.register_mask(mask);
  EXPECT_EQ(group.scale(), local.scale());
  EXPECT_EQ(group.centre(), local.centre());
  for (int repeat = 0; repeat <= world.rank(); ++repeat) {
    const Matrix<double> y = gaussian<double>(4, d, seed() + 10 * static_cast<std::uint64_t>(world.rank()), "asks");
    Matrix<double> u = gaussian<double>(4, d, seed() + static_cast<std::uint64_t>(repeat), "directions");
    u.rowwise().normalize();
    std::vector<Ask> asks(4);
    for (std::size_t i = 0; i < asks.size(); ++i) {
      asks[i].y = y.row(static_cast<Eigen::Index>(i)).data();
      asks[i].direction = u.row(static_cast<Eigen::Index>(i)).data();
      asks[i].left_out = i == 1 ? 1500 : -1;
      asks[i].cut = i == 2 ? 1e9 : -0.1;
      asks[i].wanted = static_cast<std::int32_t>(10 * i);
    }
    std::vector<Ask> nearby = asks;
    for (Ask& ask : nearby) {
      ask.cells = group.neighbourhood(ask.y);
      ask.wanted = 20;
      EXPECT_EQ(ask.cells, alone.neighbourhood(ask.y));
    }
    const std::vector<Priced> here = group.price(nearby, {}), there = alone.price(nearby, {});
    for (std::size_t i = 0; i < nearby.size(); ++i) {
      expect_equal(here[i].lowest, there[i].lowest);
      EXPECT_EQ(here[i].lower, there[i].lower);
    }
    EXPECT_EQ(group.nearest(nearby, {}), alone.nearest(nearby, {}));
    for (const Mask taken : {Mask{}, Mask(mask)}) {
      const std::vector<Priced> a = group.price(asks, taken), b = expected.price(asks, taken);
      for (std::size_t i = 0; i < asks.size(); ++i) {
        expect_equal(a[i].lowest, b[i].lowest);
        EXPECT_EQ(a[i].lower, b[i].lower);
      }
      for (Ask& ask : asks) ask.wanted = std::max(1, ask.wanted);
      EXPECT_EQ(group.nearest(asks, taken), alone.nearest(asks, taken));
    }
    const std::vector<std::int64_t> wanted = {n - 1, 0, 1024, 1023, 0, 2048};
    if (repeat == 1) group.fetch(wanted);
    Matrix<double> got(6, d);
    group.rows(wanted, got.data());
    for (Eigen::Index i = 0; i < 6; ++i)
      EXPECT_EQ(got.row(i), x.row(wanted[static_cast<std::size_t>(i)]).cast<double>()) << i;
  }
  group.finish();
}

TEST(Spread, PricingIsThatOfAllRowsInFewDimensions) {
  expect_equal_pricing(2600, 4);
  expect_equal_pricing(9000, 7);
}
TEST(Spread, PricingIsThatOfAllRowsInManyDimensions) {
  expect_equal_pricing(2600, 40);
  expect_equal_pricing(9000, 40);
}

/// The answers that this rank gave, checked against all points.
void expect_proved(const Matrix<float>& x, const Matrix<double>& y, const hull::MembershipAnswer& answer,
                   const std::vector<std::uint8_t>& mask = {}) {
  const auto results = proof::check({view(x), view(y), mask, {}}, answer.proofs);
  for (std::size_t q = 0; q < results.size(); ++q) EXPECT_TRUE(results[q].proved) << q << ": " << results[q].reason;
}

void expect_same(const hull::MembershipAnswer& a, const hull::MembershipAnswer& b) {
  ASSERT_EQ(a.proofs.size(), b.proofs.size());
  for (std::size_t q = 0; q < a.proofs.size(); ++q) {
    SCOPED_TRACE("query " + std::to_string(q) + ", seed " + std::to_string(seed()));
    const proof::Proof &one = a.proofs[q], &other = b.proofs[q];
    EXPECT_EQ(one.verdict, other.verdict);
    EXPECT_EQ(one.support, other.support);
    EXPECT_EQ(one.weight, other.weight);
    EXPECT_EQ(one.direction, other.direction);
    EXPECT_EQ(one.exact_direction, other.exact_direction);
    EXPECT_EQ(one.distance_lower, other.distance_lower);
    EXPECT_EQ(one.distance_upper, other.distance_upper);
    EXPECT_EQ(a.statistics[q].passes, b.statistics[q].passes);
    EXPECT_EQ(a.statistics[q].exact_steps, b.statistics[q].exact_steps);
  }
}

/// Every rank has queries of its own, and another number of them; its answers are those of a process with all points.
template <class Scalar>
void expect_answers_of_one(std::int64_t n, std::int64_t d, const std::string& kind) {
  SCOPED_TRACE(kind + ", d = " + std::to_string(d));
  const Comm world = Comm::world();
  Matrix<Scalar> x = gaussian<Scalar>(n, d, seed(), "points");
  Matrix<double> y =
      gaussian<double>(5 + world.rank(), d, seed() + static_cast<std::uint64_t>(world.rank()), "queries");
  if (kind == "lattice") {  // boundary points, duplicates and dead coordinates: exact arithmetic decides
    x = (x * 2).array().round().matrix();
    y = (y * 1.5).array().round().matrix();
    x.col(d - 1).setConstant(1);
    y.col(d - 1).setConstant(1);
  }
  y.row(0) = x.row(n - 1).template cast<double>();
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(n), 1);
  for (std::size_t i = 0; i < mask.size(); i += 2) mask[i] = 0;
  for (const bool projection : {false, true}) {
    hull::MembershipOptions options;
    options.projection = projection;
    const hull::Membership alone(PointsView(view(x)), options);
    const hull::Membership spread = hull::make_spread_membership({world, block_of(x, world), n}, options, {mask});
    const hull::Membership node = hull::make_node_membership(world, view(x), options);
    EXPECT_FALSE(spread.together());
    EXPECT_EQ(spread.scale(), alone.scale());
    EXPECT_EQ(spread.numerical_rank(), alone.numerical_rank());
    std::vector<std::int64_t> left_out(static_cast<std::size_t>(y.rows()), -1);
    left_out[0] = n - 1;
    expect_same(spread.find({view(y), {}, {}}), alone.find({view(y), {}, {}}));
    expect_same(node.find({view(y), {}, {}}), alone.find({view(y), {}, {}}));
    if (n > 1) {
      expect_same(spread.find({view(y), mask, {}}), alone.find({view(y), mask, {}}));
      expect_same(node.find({view(y), mask, {}}), alone.find({view(y), mask, {}}));
      expect_same(spread.find({view(y), {}, left_out}), alone.find({view(y), {}, left_out}));
    }
    spread.finish();
  }
}

TEST(Spread, TheReferenceSolverIsRefused) {
  const Comm world = Comm::world();
  const Matrix<float> x = gaussian<float>(10, 2, seed(), "refused");
  hull::MembershipOptions options;
  options.solver = "reference";
  EXPECT_THROW(hull::make_spread_membership({world, block_of(x, world), x.rows()}, options, {}), UsageError);
}

TEST(Spread, AnswersAreThoseOfOneProcess) {
  expect_answers_of_one<float>(2600, 3, "facets");
  expect_answers_of_one<double>(2600, 7, "boxes");
  expect_answers_of_one<float>(2600, 20, "panels");
  expect_answers_of_one<float>(2600, 60, "Gram");
  expect_answers_of_one<float>(9000, 7, "boxes in cells");
  expect_answers_of_one<float>(9000, 20, "panels in cells");
  expect_answers_of_one<double>(9000, 50, "Gram in cells");
  expect_answers_of_one<float>(1100, 300, "wide rows");
  expect_answers_of_one<float>(2600, 4, "lattice");
  expect_answers_of_one<float>(1030, 6, "lattice");
  expect_answers_of_one<float>(1, 6, "one point");
}

/// Boundary points of a lattice: floating point cannot decide them.
TEST(Spread, ExactDecisionsAgreeWithTheOracle) {
  RandomStream random(stream_key(seed(), "exact"), 0);
  for (int i = 0; i < 60; ++i) {
    const std::int64_t n = 1 + static_cast<std::int64_t>(random.below(9)),
                       d = 1 + static_cast<std::int64_t>(random.below(4));
    Matrix<double> x(n, d);
    Vector<double> y(d);
    for (double& v : x.reshaped()) v = static_cast<double>(random.below(4));
    for (double& v : y) v = static_cast<double>(random.below(4));
    const PreparedPoints points{PointsView(view(x))};
    const PlainPricing pricing(points);
    ExactQuery exact;
    exact.query = {y.data(), {}, -1};
    exact.settled = [](double lower, double upper) { return upper - lower <= 1e-6 * upper; };
    exact.out_of_time = [] { return false; };
    std::int32_t steps = 0;
    const proof::Proof proof = exact_decision(pricing, exact, steps);
    EXPECT_EQ(proof.verdict == Verdict::inside, oracle::inside_exactly(x, y)) << "case " << i << ", seed " << seed();
    if (proof.verdict == Verdict::outside) {
      EXPECT_TRUE(unseparated_rows(pricing, exact.query, proof, 1).empty());
      proof::Proof bolder = proof;
      bolder.distance_lower *= 1.001;
      EXPECT_FALSE(unseparated_rows(pricing, exact.query, bolder, 1).empty()) << "case " << i;
    }
  }
}

#ifdef HULLSCOPE_TEST_TAO
TEST(Spread, TaoOfAllRanksGivesTheAnswersOfOne) {
  const Comm world = Comm::world();
  Matrix<float> x = gaussian<float>(2600, 4, seed(), "tao points");
  Matrix<double> y = gaussian<double>(6, 4, seed(), "tao queries");
  y.row(5) = x.row(100).cast<double>();
  for (const std::string solver : {"tao:hullscope", "tao:blmvm"})
    for (const bool projection : {false, true}) {
      hull::MembershipOptions options;
      options.solver = solver;
      options.projection = projection;
      const hull::Membership spread = hull::make_spread_membership({world, block_of(x, world), x.rows()}, options, {});
      EXPECT_TRUE(spread.together());
      const auto together = spread.find({view(y), {}, {}});
      spread.finish();
      if (!world.root()) continue;
      expect_proved(x, y, together);
      const auto alone = ask(x, y, options);
      EXPECT_EQ(verdicts(together), verdicts(alone));
      if (solver != "tao:hullscope") continue;
      for (std::size_t q = 0; q < alone.proofs.size(); ++q) {
        EXPECT_EQ(together.proofs[q].support, alone.proofs[q].support) << q;
        EXPECT_EQ(together.proofs[q].weight, alone.proofs[q].weight) << q;
        EXPECT_EQ(together.proofs[q].direction, alone.proofs[q].direction) << q;
        EXPECT_EQ(together.proofs[q].distance_lower, alone.proofs[q].distance_lower) << q;
        EXPECT_EQ(together.proofs[q].distance_upper, alone.proofs[q].distance_upper) << q;
        EXPECT_EQ(together.statistics[q].solver_reason, alone.statistics[q].solver_reason) << q;
        EXPECT_EQ(together.statistics[q].passes, alone.statistics[q].passes) << q;
      }
    }
}
#endif

}  // namespace
}  // namespace hullscope::test
