// The batched engine against the reference, and against itself: alone, permuted, in threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

#include "hull_support.hpp"

extern "C" {  // of OpenBLAS
int openblas_get_num_threads();
void openblas_set_num_threads(int);
}

namespace hullscope::test {
namespace {

using proof::Proof;

struct Case {
  std::string name;
  Matrix<float> points;
  Matrix<double> queries;
};

// Gaussian clouds with queries deep inside, shallow, far outside, on points and between them.
Case cloud(std::int64_t n, std::int64_t d, std::int64_t m) {
  Case c{std::to_string(n) + " x " + std::to_string(d), {}, {}};
  c.points = gaussian<float>(n, d, seed(), c.name);
  c.queries = gaussian<double>(m, d, seed(), c.name + " queries");
  for (std::int64_t q = 0; q < m; ++q) {
    if (q % 4 == 1) c.queries.row(q) *= 0.3;
    if (q % 4 == 2) c.queries.row(q) = c.points.row(q % n).cast<double>();
    if (q % 8 == 3) c.queries.row(q) *= 20;
    if (q % 8 == 7)
      c.queries.row(q) = 0.5 * (c.points.row(q % n).cast<double>() + c.points.row((q * 7) % n).cast<double>());
  }
  return c;
}

std::vector<Case> cases() {
  std::vector<Case> all = {cloud(1, 3, 8),     cloud(2, 60, 8),    cloud(5, 9, 16),
                           cloud(70, 1, 16),   cloud(400, 4, 40),  cloud(1500, 13, 60),
                           cloud(900, 24, 40), cloud(600, 60, 32), cloud(150, 300, 16)};
  Case awkward = cloud(300, 6, 24);
  awkward.name = "dead, equal and proportional coordinates, duplicates";
  awkward.points.col(3) = 2 * awkward.points.col(1);
  awkward.queries.col(3) = 2 * awkward.queries.col(1);
  awkward.points.col(4).setConstant(7);
  awkward.queries.col(4).setConstant(7);
  awkward.points.bottomRows(100) = awkward.points.topRows(100);
  all.push_back(awkward);
  for (const double scale : {1e-30, 1e30}) {
    Case scaled = cloud(200, 5, 16);
    scaled.name += " times " + std::to_string(scale);
    scaled.points *= static_cast<float>(scale);
    scaled.queries = (scaled.queries.cast<float>() * static_cast<float>(scale)).cast<double>();
    all.push_back(scaled);
  }
  return all;
}

hull::MembershipOptions options(const std::string& solver, bool projection) {
  hull::MembershipOptions result;
  result.solver = solver;
  result.projection = projection;
  return result;
}

void expect_equal(const Proof& a, const Proof& b) {
  EXPECT_EQ(a.verdict, b.verdict);
  EXPECT_EQ(a.distance_lower, b.distance_lower);
  EXPECT_EQ(a.distance_upper, b.distance_upper);
  EXPECT_EQ(a.support, b.support);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.direction, b.direction);
  EXPECT_EQ(a.exact_direction, b.exact_direction);
}

TEST(HullBatched, AgreesWithTheReference) {
  for (const Case& c : cases())
    for (const bool projection : {false, true}) {
      const hull::MembershipAnswer expected = ask(c.points, c.queries, options("reference", projection));
      const hull::MembershipAnswer found = ask(c.points, c.queries, options("batched", projection));
      for (std::size_t q = 0; q < found.proofs.size(); ++q) {
        SCOPED_TRACE(c.name + ", query " + std::to_string(q) + ", seed " + std::to_string(seed()));
        const Proof &a = expected.proofs[q], &b = found.proofs[q];
        ASSERT_EQ(a.verdict, b.verdict);
        EXPECT_LE(b.distance_lower, a.distance_upper);
        EXPECT_LE(a.distance_lower, b.distance_upper);
        if (!projection || a.verdict != Verdict::outside) continue;
        EXPECT_NEAR(a.distance_upper, b.distance_upper, 2.1e-6 * a.distance_upper);
      }
    }
}

// Where rows lie in cells, so that queries look around themselves before they look at everything.
TEST(HullBatched, AgreesWithTheReferenceAboutManyPoints) {
  for (const std::int64_t d : {5, 16, 64}) {
    Case c = cloud(9000, d, 24);
    c.points.topRows(10).setConstant(40);  // a cell far off, of duplicates
    std::vector<std::int64_t> left_out;
    for (std::int64_t q = 0; q < c.queries.rows(); ++q) left_out.push_back(q % 4 == 2 ? q : -1);
    const auto reference = ask(c.points, c.queries, options("reference", true), {}, left_out);
    const auto found = ask(c.points, c.queries, options("batched", true), {}, left_out);
    EXPECT_EQ(verdicts(found), verdicts(reference)) << c.name;
    EXPECT_EQ(verdicts(ask(c.points, c.queries, options("batched", false), {}, left_out)), verdicts(reference));
    for (std::size_t q = 0; q < found.proofs.size(); ++q)
      EXPECT_NEAR(found.proofs[q].distance_upper, reference.proofs[q].distance_upper,
                  2.1e-6 * reference.proofs[q].distance_upper)
          << c.name << ", query " << q << ", seed " << seed();
    for (const std::int64_t q : {2, 6, 11}) {
      Matrix<double> one = c.queries.row(q);
      const auto alone = ask(c.points, one, options("batched", true), {}, {left_out[static_cast<std::size_t>(q)]});
      expect_equal(alone.proofs.front(), found.proofs[static_cast<std::size_t>(q)]);
    }
  }
}

TEST(HullBatched, MasksAndLeftOutRows) {
  const Case c = cloud(500, 7, 40);
  const Case wide = cloud(300, 52, 24);
  for (const Case* each : {&c, &wide}) {
    std::vector<std::uint8_t> mask(static_cast<std::size_t>(each->points.rows()));
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 != 0;
    std::vector<std::int64_t> left_out;
    for (std::int64_t q = 0; q < each->queries.rows(); ++q) left_out.push_back(q % 2 == 0 ? q : -1);
    EXPECT_EQ(verdicts(ask(each->points, each->queries, options("batched", true), mask, left_out)),
              verdicts(ask(each->points, each->queries, options("reference", true), mask, left_out)));
  }
}

// A query's answer depends on nothing but the points and the query: that is why ranks and threads do not matter.
TEST(HullBatched, SameBitsAloneReversedAndInThreads) {
  for (const Case& c : {cloud(800, 6, 230), cloud(700, 17, 210), cloud(500, 64, 70)})
    for (const bool projection : {false, true}) {
      const hull::Membership membership(PointsView(view(c.points)), options("batched", projection));
      const auto find = [&](const Matrix<double>& queries) { return membership.find({view(queries), {}, {}}).proofs; };
      const std::vector<Proof> together = find(c.queries);
      const std::vector<Proof> reversed = find(c.queries.colwise().reverse());
      std::vector<Proof> alone(together.size());
      std::vector<std::thread> threads;
      for (std::size_t t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
          for (std::size_t q = t; q < alone.size(); q += 9)
            alone[q] = find(c.queries.row(static_cast<Eigen::Index>(q))).front();
        });
      for (std::thread& t : threads) t.join();
      for (std::size_t q = 0; q < together.size(); ++q) {
        SCOPED_TRACE(c.name + ", query " + std::to_string(q));
        expect_equal(together[q], reversed[together.size() - 1 - q]);
        if (q % 9 < 3) expect_equal(together[q], alone[q]);
      }
    }
}

// Most of the points are ruled out by bounds; what was computed is told.
TEST(HullBatched, CountsTheProductsThatItComputes) {
  const Case c = cloud(20000, 6, 100);  // up to 4 dimensions facets answer without a product
  const hull::MembershipAnswer answer = ask(c.points, c.queries, options("batched", false));
  double products = 0, passes = 0;
  for (const hull::QueryStatistics& s : answer.statistics) products += s.products, passes += s.passes;
  EXPECT_GT(passes, 0);
  EXPECT_GT(products, 0);
  EXPECT_LT(products, 0.5 * passes * static_cast<double>(c.points.size()));
}

// A program's own setting of OpenBLAS is as it was, and is not at work inside.
TEST(HullBatched, OneBlasThreadInside) {
  const int before = openblas_get_num_threads();
  openblas_set_num_threads(2);
  const int set = openblas_get_num_threads();  // 1 on a machine of one core
  const Case c = cloud(400, 24, 10);
  hull::MembershipOptions wanted;
  int largest = 0;
  wanted.heartbeat = [&] { largest = std::max(largest, openblas_get_num_threads()); };
  const hull::Membership membership(PointsView(view(c.points)), wanted);
  EXPECT_EQ(openblas_get_num_threads(), set);
  membership.find({view(c.queries), {}, {}});
  EXPECT_EQ(openblas_get_num_threads(), set);
  EXPECT_EQ(largest, 1);
  openblas_set_num_threads(before);
}

}  // namespace
}  // namespace hullscope::test
