// Pricing below one pass over the points gives the bits of pricing as it is defined.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <hullscope/hull/detail/frame.hpp>
#include <hullscope/hull/detail/local_pricing.hpp>
#include <hullscope/hull/detail/plain_pricing.hpp>
#include <limits>
#include <thread>

#include "hull_support.hpp"

namespace hullscope::test {
namespace {

using hull::detail::Ask;
using hull::detail::Cells;
using hull::detail::Frame;
using hull::detail::LocalPricing;
using hull::detail::PlainPricing;
using hull::detail::PreparedPoints;
using hull::detail::Priced;
using hull::detail::PricedRow;

/// Directions towards the centre, random ones and coordinate axes, with cuts from hopeless to everything.
struct Batch {
  Matrix<double> y, u;
  std::vector<Ask> asks;
  Batch(const Matrix<double>& queries, const Frame& frame, std::int64_t n, std::uint64_t item) {
    RandomStream random(stream_key(seed(), "hull/pricing"), item);
    const std::int64_t m = queries.rows(), d = queries.cols();
    y = queries;
    u.resize(m, d);
    for (std::int64_t j = 0; j < m; ++j) {
      for (std::int64_t k = 0; k < d; ++k)
        u(j, k) = j % 3 == 0   ? (frame.centre[static_cast<std::size_t>(k)] - y(j, k)) / frame.unit + 1e-9
                  : j % 3 == 1 ? random.normal()
                               : (k == j % d ? 1.0 : 0.0);
      double length = u.row(j).stableNorm();
      if (!(length > 0) || !std::isfinite(length)) u.row(j).setOnes(), length = std::sqrt(static_cast<double>(d));
      u.row(j) /= length;
    }
    for (std::int64_t j = 0; j < m; ++j) {
      Ask& ask = asks.emplace_back();
      ask.y = y.row(j).data();
      ask.direction = u.row(j).data();
      ask.left_out = j % 4 == 0 ? static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(n))) : -1;
      ask.wanted = static_cast<std::int32_t>(j % 5 == 0 ? 0 : random.below(40));
      const double cuts[] = {0, frame.unit * random.normal(), 1e6 * frame.unit, -1e6 * frame.unit};
      ask.cut = cuts[j % 4];
    }
  }
};

template <class Scalar>
void expect_same(const Matrix<Scalar>& points, const Matrix<double>& queries, const std::vector<std::uint8_t>& mask,
                 const std::string& name) {
  const PreparedPoints prepared{PointsView(view(points))};
  const Frame frame = hull::detail::make_frame(PointsView(view(points)));
  const PlainPricing plain(prepared);
  const LocalPricing local(PointsView(view(points)), frame);
  Batch batch(queries, frame, points.rows(), static_cast<std::uint64_t>(points.size()));
  const std::vector<Priced> expected = plain.price(batch.asks, mask), found = local.price(batch.asks, mask);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t j = 0; j < found.size(); ++j) {
    SCOPED_TRACE(name + ", ask " + std::to_string(j) + ", seed " + std::to_string(seed()));
    EXPECT_EQ(found[j].lower, expected[j].lower);
    ASSERT_EQ(found[j].lowest.size(), expected[j].lowest.size());
    for (std::size_t i = 0; i < found[j].lowest.size(); ++i) {
      EXPECT_EQ(found[j].lowest[i].row, expected[j].lowest[i].row);
      EXPECT_EQ(found[j].lowest[i].value, expected[j].lowest[i].value);
    }
  }
  // One ask alone says what it says in a batch; and near rows do not depend on their company either.
  for (Ask& ask : batch.asks) ask.wanted = 9;
  const auto together = local.nearest(batch.asks, mask);
  for (std::size_t j = 0; j < batch.asks.size(); j += 7) {
    const std::vector<Ask> one = {batch.asks[j]};
    EXPECT_EQ(local.nearest(one, mask).front(), together[j]) << name;
    if (points.cols() <= hull::detail::PointIndex::kBoxDimensions && queries.cwiseAbs().maxCoeff() < 1e3 * frame.unit) {
      EXPECT_EQ(plain.nearest(one, mask).front(), together[j]) << name << ", query " << j;
    }
  }
}

template <class Scalar>
void every_kind(std::int64_t n, std::int64_t d) {
  const std::string name = std::to_string(n) + " x " + std::to_string(d);
  Matrix<Scalar> x = gaussian<Scalar>(n, d, seed(), name);
  for (std::int64_t k = 0; k < d; ++k) x.col(k) *= static_cast<Scalar>(1.0 / static_cast<double>(1 + k));
  const Matrix<double> y = gaussian<double>(29, d, seed(), name + " queries");
  expect_same<Scalar>(x, y, {}, name);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(n), 0);
  for (std::size_t i = 0; i < mask.size(); i += 3) mask[i] = 1;
  expect_same<Scalar>(x, y, mask, name + ", masked");
}

TEST(HullPricing, EqualsItsDefinition) {
  for (const std::int64_t n : {1, 2, 63, 64, 65, 130, 1500})
    for (const std::int64_t d : {1, 2, 5, 20, 21, 40}) every_kind<float>(n, d);
  every_kind<double>(700, 7);
  every_kind<float>(400, 200);
  every_kind<float>(300, 230);
  every_kind<double>(90, 300);
}

TEST(HullPricing, EqualsItsDefinitionWhereRowsLieInCells) {
  for (const std::int64_t d : {2, 12, 40}) every_kind<float>(Cells::kFewestRows + 700, d);
}

/// Every row is in one cell, and the rows of several cells are priced as those of each, taken together.
template <class Scalar>
void expect_partition(Matrix<Scalar> x, const std::string& name) {
  SCOPED_TRACE(name + ", seed " + std::to_string(seed()));
  const std::int64_t n = x.rows(), d = x.cols();
  const Frame frame = hull::detail::make_frame(PointsView(view(x)));
  const LocalPricing local(PointsView(view(x)), frame);
  const Matrix<double> y = gaussian<double>(6, d, seed(), name + " queries") * static_cast<double>(frame.unit);
  Batch batch(y, frame, n, static_cast<std::uint64_t>(d));
  for (Ask& ask : batch.asks) {
    const hull::detail::CellSet around = local.neighbourhood(ask.y);
    EXPECT_EQ(std::popcount(around), Cells::kAround);
    ask.left_out = -1, ask.cut = std::numeric_limits<double>::infinity(), ask.wanted = static_cast<std::int32_t>(n);
    std::vector<std::int64_t> rows;
    std::vector<PricedRow> expected;
    double lower = ask.cut;
    for (int c = 0; c < Cells::kCells; ++c) {
      ask.cells = hull::detail::CellSet{1} << c;
      const Priced of_cell = local.price({&ask, 1}, {}).front();
      for (const PricedRow& row : of_cell.lowest) rows.push_back(row.row);
      if ((around & ask.cells) == 0) continue;
      expected.insert(expected.end(), of_cell.lowest.begin(), of_cell.lowest.end());
      lower = std::min(lower, of_cell.lower);
    }
    std::sort(rows.begin(), rows.end());
    ASSERT_EQ(std::ssize(rows), n);
    for (std::int64_t i = 0; i < n; ++i) ASSERT_EQ(rows[static_cast<std::size_t>(i)], i);
    std::sort(expected.begin(), expected.end());
    ask.cells = around;
    ask.wanted = 50;
    expected.resize(std::min<std::size_t>(expected.size(), 50));
    const Priced found = local.price({&ask, 1}, {}).front();
    ASSERT_EQ(found.lowest.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(found.lowest[i].row, expected[i].row);
    EXPECT_EQ(found.lower, lower);
  }
  // Directions over cells and over all rows, in one batch or alone.
  for (std::size_t j = 0; j < batch.asks.size(); ++j)
    batch.asks[j].cells = j % 2 == 0 ? local.neighbourhood(batch.asks[j].y) : hull::detail::kAllCells;
  const std::vector<Priced> together = local.price(batch.asks, {});
  const auto near = local.nearest(batch.asks, {});
  for (std::size_t j = 0; j < batch.asks.size(); ++j) {
    const Priced alone = local.price({&batch.asks[j], 1}, {}).front();
    EXPECT_EQ(alone.lower, together[j].lower);
    ASSERT_EQ(alone.lowest.size(), together[j].lowest.size());
    for (std::size_t i = 0; i < alone.lowest.size(); ++i) EXPECT_EQ(alone.lowest[i].row, together[j].lowest[i].row);
    EXPECT_EQ(local.nearest({&batch.asks[j], 1}, {}).front(), near[j]);
  }
}

TEST(HullPricing, CellsAreAPartition) {
  const std::int64_t n = Cells::kFewestRows + 77;
  for (const std::int64_t d : {1, 9, 30, 260}) {
    const Matrix<float> x = gaussian<float>(n, d, seed(), "cells");
    expect_partition<float>(x, std::to_string(d) + " coordinates");
    expect_partition<float>(x * 1e30F, std::to_string(d) + " coordinates, huge");
    Matrix<float> repeated = x;
    for (std::int64_t i = 0; i < n; ++i) repeated.row(i) = x.row(i % 3);
    expect_partition<float>(repeated, std::to_string(d) + " coordinates, three points");
    Matrix<float> outlier = x;
    outlier.row(0).setConstant(1e25F);
    expect_partition<float>(outlier, std::to_string(d) + " coordinates, an outlier");
  }
  expect_partition<double>(gaussian<double>(n, 6, seed(), "cells") * 1e250, "1e250");
}

TEST(HullPricing, AwkwardPoints) {
  for (const std::int64_t d : {3, 25, 210}) {
    Matrix<float> x = gaussian<float>(500, d, seed(), "awkward");
    const Matrix<double> y = gaussian<double>(16, d, seed(), "awkward queries");
    const std::string name = "awkward " + std::to_string(d);
    Matrix<float> far = x;
    far.array() += 1e6F;
    expect_same<float>(far, (y.array() + 1e6).matrix(), {}, name + " far from the origin");
    expect_same<float>(x * 1e-30F, y * 1e-30, {}, name + " tiny");
    expect_same<float>(x * 1e30F, y * 1e30, {}, name + " huge");
    expect_same<float>(x, y * 1e12, {}, name + " far queries");
    Matrix<float> outlier = x;
    outlier.row(7).array() = 1e20F;
    expect_same<float>(outlier, y, {}, name + " outlier");
    Matrix<float> dead = x;
    dead.col(0).setConstant(3);
    dead.col(d - 1) = dead.col(1);
    for (std::int64_t i = 0; i < 250; ++i) dead.row(i) = dead.row(499 - i);
    expect_same<float>(dead, y, {}, name + " dead coordinates and duplicates");
    expect_same<float>(Matrix<float>::Constant(200, d, 2.5F), y, {}, name + " one point many times");
    expect_same<double>(x.cast<double>() * 1e200, y * 1e200, {}, name + " 1e200");
  }
}

}  // namespace
}  // namespace hullscope::test
