// The search against ten lines of plain double loops, on random and awkward point sets.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/proximity/nearest.hpp>
#include <hullscope/proximity/unit.hpp>

namespace hullscope::proximity {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const std::vector<Measure> kPaper = {Measure::kEuclidean, Measure::kEuclideanTrueClass, Measure::kCosine};
const std::vector<Measure> kAll = {Measure::kEuclidean, Measure::kEuclideanTrueClass, Measure::kCosine,
                                   Measure::kEuclideanPredictedClass, Measure::kEuclideanOtherClass};

struct Case {
  Matrix<float> points, queries;
  std::vector<std::int64_t> ids, labels, query_labels, predicted;
  QueryClasses classes() const { return {query_labels, predicted}; }
  bool takes_part(Measure measure, std::size_t query, std::size_t row) const {
    if (measure == Measure::kEuclideanTrueClass) return labels[row] == query_labels[query];
    if (measure == Measure::kEuclideanPredictedClass) return labels[row] == predicted[query];
    return measure != Measure::kEuclideanOtherClass || labels[row] != predicted[query];
  }
};

// Eight partial sums by k mod 8, as linalg/fixed_order.hpp states; written apart from it.
template <class Term>
double eight_sums(std::int64_t d, Term term) {
  std::vector<double> s(8, 0.0);
  for (std::int64_t k = 0; k < d; ++k) s[static_cast<std::size_t>(k % 8)] += term(k);
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

double plain_distance(Measure measure, const float* a, const float* b, std::int64_t d) {
  const auto norm = [d](const float* v) {
    return std::sqrt(eight_sums(d, [&](std::int64_t k) { return static_cast<double>(v[k]) * v[k]; }));
  };
  if (measure != Measure::kCosine)
    return std::sqrt(eight_sums(d, [&](std::int64_t k) {
      const double t = static_cast<double>(a[k]) - b[k];
      return t * t;
    }));
  const double na = norm(a), nb = norm(b);
  if (na == 0 || nb == 0) return 1;
  return eight_sums(d,
                    [&](std::int64_t k) {
                      const double t = a[k] / na - b[k] / nb;
                      return t * t;
                    }) /
         2;
}

void expect_as_plain_loops(const Case& c, int threads = 1) {
  const NearestSearch search(view(c.points), c.ids, c.labels);
  const auto answers = search.find(view(c.queries), c.classes(), kAll, threads);
  const std::int64_t n = c.points.rows(), m = c.queries.rows(), d = c.points.cols();
  for (std::size_t k = 0; k < kAll.size(); ++k)
    for (std::int64_t q = 0; q < m; ++q) {
      double best = kInfinity;
      std::int64_t id = -1;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto row = static_cast<std::size_t>(i);
        if (!c.takes_part(kAll[k], static_cast<std::size_t>(q), row)) continue;
        const double distance = plain_distance(kAll[k], c.queries.data() + q * d, c.points.data() + i * d, d);
        if (distance < best || (distance == best && (id < 0 || c.ids[row] < id))) best = distance, id = c.ids[row];
      }
      const auto at = static_cast<std::size_t>(q);
      ASSERT_EQ(answers[k].distance[at], best) << measure_name(kAll[k]) << ", query " << q;
      ASSERT_EQ(answers[k].nearest[at], id) << measure_name(kAll[k]) << ", query " << q;
    }
}

std::uint64_t seed() {
  const char* text = std::getenv("HULLSCOPE_TEST_SEED");
  return text ? std::stoull(text) : 20220708;
}

Case make_case(std::uint64_t item, std::int64_t n, std::int64_t m, std::int64_t d, std::int64_t classes,
               double (*value)(RandomStream&)) {
  RandomStream random(stream_key(seed(), "proximity-test"), item);
  Case c;
  std::vector<std::int64_t> ids(static_cast<std::size_t>(n)), labels(ids.size());
  std::iota(ids.begin(), ids.end(), 100);
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(ids[i - 1], ids[random.below(i)]);
  for (auto& label : labels) label = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes)));
  for (const std::int64_t row : order_by_class(ids, labels)) {
    c.ids.push_back(ids[static_cast<std::size_t>(row)]);
    c.labels.push_back(labels[static_cast<std::size_t>(row)]);
  }
  c.points.resize(n, d), c.queries.resize(m, d);
  for (float* v = c.points.data(); v < c.points.data() + n * d; ++v) *v = static_cast<float>(value(random));
  for (float* v = c.queries.data(); v < c.queries.data() + m * d; ++v) *v = static_cast<float>(value(random));
  for (auto* labels_of : {&c.query_labels, &c.predicted})
    for (std::int64_t q = 0; q < m; ++q)
      labels_of->push_back(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(classes))));
  return c;
}

double normal(RandomStream& r) {
  return r.normal();
}
double small_integer(RandomStream& r) {
  return static_cast<double>(r.below(3));
}  // many ties and duplicates
double mostly_zero(RandomStream& r) {
  return r.below(4) ? 0.0 : static_cast<double>(r.below(256));
}
double positive(RandomStream& r) {
  return std::max(0.0, r.normal());
}
double far_away(RandomStream& r) {
  return 4096 + r.normal();
}
double any_size(RandomStream& r) {
  return r.normal() * std::pow(10.0, static_cast<double>(r.below(75)) - 37);
}

}  // namespace

TEST(Proximity, RandomCasesAgreeWithPlainLoops) {
  std::printf("seed %llu (HULLSCOPE_TEST_SEED sets another)\n", static_cast<unsigned long long>(seed()));
  std::uint64_t item = 0;
  for (const auto value : {normal, small_integer, mostly_zero, positive, far_away, any_size})
    for (const std::int64_t d : {1, 2, 3, 16, 33, 130})
      for (const std::int64_t n : {1, 2, 17, 300, 1024, 2500}) {
        SCOPED_TRACE("case " + std::to_string(item) + ": d " + std::to_string(d) + ", N " + std::to_string(n));
        expect_as_plain_loops(make_case(item++, n, 23, d, 4, value));
        if (HasFatalFailure()) return;
      }
}

TEST(Proximity, ThreadsAndTilesChangeNothing) {
  const Case c = make_case(1000, 3000, 700, 20, 10, small_integer);
  const NearestSearch search(view(c.points), c.ids, c.labels);
  const auto one = search.find(view(c.queries), c.classes(), kAll, 1);
  for (const int threads : {2, 3, 7}) {
    const auto many = search.find(view(c.queries), c.classes(), kAll, threads);
    for (std::size_t k = 0; k < kAll.size(); ++k) {
      EXPECT_EQ(one[k].distance, many[k].distance);
      EXPECT_EQ(one[k].nearest, many[k].nearest);
    }
  }
  for (const std::int64_t q : {0, 255, 256, 699}) {  // one query alone
    const Matrix<float> alone = c.queries.row(q);
    const auto answer = search.find(view(alone),
                                    {std::span(c.query_labels).subspan(static_cast<std::size_t>(q), 1),
                                     std::span(c.predicted).subspan(static_cast<std::size_t>(q), 1)},
                                    kAll);
    for (std::size_t k = 0; k < kAll.size(); ++k) {
      EXPECT_EQ(answer[k].distance[0], one[k].distance[static_cast<std::size_t>(q)]);
      EXPECT_EQ(answer[k].nearest[0], one[k].nearest[static_cast<std::size_t>(q)]);
    }
  }
}

TEST(Proximity, ScalesFromTinyToHuge) {
  for (const float point_scale : {1e-30f, 1e-38f, 1.0f, 1e30f, 1e38f})
    for (const float query_scale : {1e-44f, 1e-30f, 1.0f, 1e30f, 1e38f}) {
      SCOPED_TRACE(std::to_string(std::log10(point_scale)) + " " + std::to_string(std::log10(query_scale)));
      Case c = make_case(2000, 200, 10, 5, 3, normal);
      c.points *= point_scale, c.queries *= query_scale;
      c.points = c.points.cwiseMax(-3e38f).cwiseMin(3e38f), c.queries = c.queries.cwiseMax(-3e38f).cwiseMin(3e38f);
      expect_as_plain_loops(c);
      if (HasFatalFailure()) return;
    }
}

TEST(Proximity, OneHugePointAmongTiny) {
  Case c = make_case(2100, 1500, 40, 8, 3, normal);
  c.points *= 1e-20f;
  c.points.row(700).setConstant(1e25f);
  c.queries *= 1e-20f;
  expect_as_plain_loops(c);
}

TEST(Proximity, AllPointsEqual) {
  Case c = make_case(2200, 2000, 5, 7, 2, normal);
  for (Eigen::Index i = 1; i < c.points.rows(); ++i) c.points.row(i) = c.points.row(0);
  expect_as_plain_loops(c);
  const NearestSearch search(view(c.points), c.ids, c.labels);
  EXPECT_EQ(search.find(view(c.queries), c.classes(), kAll)[0].nearest[0], 100);  // the smallest id
}

TEST(Proximity, QueriesThatArePointsHaveDistanceZero) {
  Case c = make_case(2300, 900, 0, 12, 3, positive);
  c.queries = c.points, c.query_labels = c.labels;
  const NearestSearch search(view(c.points), c.ids, c.labels);
  const auto answers = search.find(view(c.queries), c.classes(), kPaper);
  for (const Neighbours& answer : answers) {
    EXPECT_EQ(answer.nearest, c.ids);
    for (const double distance : answer.distance) EXPECT_EQ(distance, 0);
  }
}

TEST(Proximity, ZeroVectorsHaveCosineDistanceOne) {
  Case c = make_case(2400, 6, 3, 3, 2, normal);
  c.points = c.points.cwiseAbs(), c.queries = -c.queries.cwiseAbs();  // every cosine is negative
  c.points.row(4).setZero();
  c.queries.row(1).setZero();
  expect_as_plain_loops(c);
  const NearestSearch search(view(c.points), c.ids, c.labels);
  const auto cosine = search.find(view(c.queries), c.classes(), kAll)[2];
  EXPECT_EQ(cosine.distance, std::vector<double>(3, 1.0));
  EXPECT_EQ(cosine.nearest, (std::vector<std::int64_t>{c.ids[4], 100, c.ids[4]}));
  EXPECT_EQ(count_zero_rows(view(c.points)), 1);
}

TEST(Proximity, EmptyClassesPointsAndQueries) {
  Case c = make_case(2500, 50, 4, 3, 2, normal);
  c.query_labels = {0, 7, 1, -3}, c.predicted = {1, -9, 0, 7};
  expect_as_plain_loops(c);
  const NearestSearch search(view(c.points), c.ids, c.labels);
  const auto by_class = search.find(view(c.queries), c.classes(), kAll)[1];
  EXPECT_EQ(by_class.distance[1], kInfinity);
  EXPECT_EQ(by_class.nearest[3], -1);

  const Case no_queries = make_case(2501, 50, 0, 3, 2, normal);
  expect_as_plain_loops(no_queries);
  const Case no_points = make_case(2502, 0, 3, 3, 2, normal);
  expect_as_plain_loops(no_points);
}

TEST(Proximity, RefusesWhatIsNotANumberAndOtherDimensions) {
  Case c = make_case(2600, 20, 5, 4, 2, normal);
  const NearestSearch search(view(c.points), c.ids, c.labels);
  c.queries(3, 2) = std::numeric_limits<float>::quiet_NaN();
  try {
    search.find(view(c.queries), c.classes(), kAll);
    FAIL() << "accepted NaN";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("queries (row 3, column 2)"), std::string::npos) << error.what();
  }
  const Matrix<float> narrow = Matrix<float>::Zero(2, 3);
  EXPECT_THROW(search.find(view(narrow), {std::span(c.query_labels).first(2), std::span(c.predicted).first(2)}, kAll),
               UsageError);
  c.points(7, 1) = std::numeric_limits<float>::infinity();
  EXPECT_THROW(NearestSearch(view(c.points), c.ids, c.labels), DataError);
}

TEST(Proximity, LeaveOneOut) {
  for (const auto value : {normal, small_integer}) {
    const Case c = make_case(2700, 1300, 0, 6, 3, value);
    const NearestSearch search(view(c.points), c.ids, c.labels);
    std::vector<std::int64_t> rows = {0, 1, 500, 1023, 1024, 1299};
    for (const std::int64_t k : {1, 2, 20, 1299, 1310}) {
      const auto distances = search.leave_one_out(rows, k, 2);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        std::vector<double> all;
        for (std::int64_t i = 0; i < 1300; ++i)
          if (i != rows[r])
            all.push_back(
                plain_distance(Measure::kEuclidean, c.points.data() + rows[r] * 6, c.points.data() + i * 6, 6));
        std::sort(all.begin(), all.end());
        all.resize(static_cast<std::size_t>(k), kInfinity);
        for (std::int64_t j = 0; j < k; ++j)
          ASSERT_EQ(distances(static_cast<Eigen::Index>(r), j), all[static_cast<std::size_t>(j)]) << k << " " << j;
      }
    }
  }
  const Case one = make_case(2701, 1, 0, 2, 1, normal);
  const std::vector<std::int64_t> row = {0};
  EXPECT_EQ(NearestSearch(view(one.points), one.ids, one.labels).leave_one_out(row, 1)(0, 0), kInfinity);
}

TEST(Proximity, KthDirectionAgreesWithPlainLoops) {
  for (const auto value : {normal, small_integer, mostly_zero, any_size}) {
    Case c = make_case(2750, 2100, 300, 5, 3, value);
    c.points.row(3).setZero(), c.queries.row(7).setZero();
    const NearestSearch search(view(c.points), c.ids, c.labels);
    for (const std::int64_t k : {1, 50, 2100, 2101}) {
      const auto found = search.kth_direction(view(c.queries), k, 2);
      for (std::int64_t q = 0; q < 300; q += 7) {
        std::vector<double> all;
        for (std::int64_t i = 0; i < 2100; ++i)
          all.push_back(plain_distance(Measure::kCosine, c.queries.data() + q * 5, c.points.data() + i * 5, 5));
        std::sort(all.begin(), all.end());
        const double expected = k > 2100 ? kInfinity : std::sqrt(2 * all[static_cast<std::size_t>(k - 1)]);
        ASSERT_EQ(found[static_cast<std::size_t>(q)], expected) << k << " " << q;
      }
    }
  }
}

TEST(Proximity, SampleDependsOnIdsAlone) {
  std::vector<std::int64_t> ids(1000), shuffled;
  std::iota(ids.begin(), ids.end(), 0);
  shuffled.assign(ids.rbegin(), ids.rend());
  const auto rows = sample_rows(ids, 100, 42), others = sample_rows(shuffled, 100, 42);
  ASSERT_EQ(rows.size(), 100u);
  for (std::size_t i = 0; i < 100; ++i)
    EXPECT_EQ(ids[static_cast<std::size_t>(rows[i])], shuffled[static_cast<std::size_t>(others[i])]);
  EXPECT_NE(rows, sample_rows(ids, 100, 43));
  EXPECT_EQ(sample_rows(ids, 5000, 42), ids);
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_TRUE(std::isnan(median({})));
}

TEST(Proximity, MeasureNames) {
  for (const Measure measure : kAll) EXPECT_EQ(parse_measure(measure_name(measure)), measure);
  EXPECT_THROW(parse_measure("cosin"), UsageError);
}

}  // namespace hullscope::proximity
