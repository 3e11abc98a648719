// Statistics against scipy, statsmodels and numpy (tests/golden/statistics.json, made by make_statistics.py beside it),
// and on what those refuse: no data, one value, infinities.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <hullscope/base/random.hpp>
#include <hullscope/statistics/bins.hpp>
#include <hullscope/statistics/dimension.hpp>
#include <hullscope/statistics/histogram.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/intervals.hpp>
#include <hullscope/statistics/logit.hpp>
#include <hullscope/statistics/two_sample.hpp>

#include "statistics_golden.hpp"

namespace hullscope::statistics {

TEST(Bins, AsSeabornAndNumpyMakeThem) {
  for (const json& c : golden()["bins"]) {
    const auto distance = doubles(c["distance"]);
    const auto correct = c["correct"].get<Flags>();
    const int bins = c["bins"];
    const auto paper = paper_bins(distance, correct, bins), quantiles = quantile_bins(distance, correct, bins);
    for (std::size_t k = 0; k < paper.size(); ++k) {
      const std::string what = "bin " + std::to_string(k);
      expect_near(paper[k].centre, c["paper"]["centre"][k], 1e-14, what);
      expect_near(paper[k].accuracy, c["paper"]["accuracy"][k], 1e-14, what);
      expect_near(paper[k].mean_distance, c["paper"]["mean_distance"][k], 1e-13, what);
      EXPECT_EQ(paper[k].count, c["paper"]["count"][k]) << what;
      expect_near(quantiles[k].mean_distance, c["quantile"]["mean_distance"][k], 1e-13, what);
      expect_near(quantiles[k].accuracy, c["quantile"]["accuracy"][k], 1e-14, what);
      expect_near(quantiles[k].centre, c["quantile"]["median"][k], 1e-14, what);
      EXPECT_EQ(quantiles[k].count, c["quantile"]["count"][k]) << what;
    }
  }
}

TEST(Bins, TenBinsHoldMoreAtTheEnds) {
  std::vector<double> distance(11000);
  std::iota(distance.begin(), distance.end(), 0.0);
  const auto bins = paper_bins(distance, Flags(distance.size(), 1), 10);
  EXPECT_NEAR(static_cast<double>(bins.front().count) / 11000, 0.136, 0.001);
  EXPECT_NEAR(static_cast<double>(bins[5].count) / 11000, 0.0909, 0.001);
}

TEST(Bins, FewerPointsThanBinsAndNone) {
  const std::vector<double> three = {3, 1, 2};
  const auto bins = quantile_bins(three, Flags{1, 0, 1}, 10);
  EXPECT_EQ(std::accumulate(bins.begin(), bins.end(), 0L, [](long s, const Bin& b) { return s + b.count; }), 3);
  for (const auto& some : {paper_bins({}, {}, 10), quantile_bins({}, {}, 10)}) {
    ASSERT_EQ(some.size(), 10u);
    for (const Bin& bin : some) {
      EXPECT_EQ(bin.count, 0);
      EXPECT_TRUE(std::isnan(bin.accuracy) && std::isnan(bin.mean_distance) && std::isnan(bin.centre));
    }
  }
}

TEST(Histogram, AsNumpyMakesIt) {
  for (const json& c : golden()["bins"]) {
    const auto found = histogram(doubles(c["distance"]), c["correct"].get<Flags>(), 3 * c["bins"].get<int>());
    const auto edges = doubles(c["histogram"]["edges"]);
    ASSERT_EQ(found.edges.size(), edges.size());
    for (std::size_t k = 0; k < edges.size(); ++k) EXPECT_NEAR(found.edges[k], edges[k], 1e-14 * edges.back());
    EXPECT_EQ(found.counts[0], c["histogram"]["wrong"].get<std::vector<std::int64_t>>());
    EXPECT_EQ(found.counts[1], c["histogram"]["right"].get<std::vector<std::int64_t>>());
  }
}

TEST(Histogram, EqualValuesHugeValuesAndNone) {
  EXPECT_EQ(histogram({}, {}, 3).counts[0], std::vector<std::int64_t>(3, 0));
  const std::vector<double> equal = {2, 2}, huge = {1e300, 1e300};
  const auto two = histogram(equal, Flags{1, 0}, 4);
  EXPECT_EQ(two.edges.front(), 1.5);
  EXPECT_EQ(two.edges.back(), 2.5);
  for (const auto& made : {two, histogram(huge, Flags{1, 1}, 4)}) {
    std::int64_t total = 0;
    for (const auto& counts : made.counts) total += std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
    EXPECT_EQ(total, 2);
    for (std::size_t k = 1; k < made.edges.size(); ++k) EXPECT_LT(made.edges[k - 1], made.edges[k]);
  }
}

TEST(Logit, AsStatsmodelsFitsIt) {
  for (const json& c : golden()["logit"]) {
    const Logit found = fit_logit(doubles(c["distance"]), doubles(c["in_hull"]), c["correct"].get<Flags>());
    ASSERT_EQ(found.status, LogitStatus::kOk);
    EXPECT_EQ(found.used, static_cast<std::int64_t>(c["distance"].size()));
    expect_close(found.log_likelihood, c["log_likelihood"], 1e-12, "log likelihood");
    for (const bool raw : {false, true}) {
      const json& expected = c[raw ? "raw" : "standardised"];
      for (std::size_t k = 0; k < kTerms; ++k) {
        const std::string what = std::string(raw ? "raw" : "standardised") + " term " + std::to_string(k);
        const Coefficient& b = (raw ? found.raw : found.standardised)[k];
        const double tolerance = raw ? 1e-6 : 1e-9;  // statsmodels inverts the badly scaled information of raw columns
        expect_close(b.value, expected["value"][k], tolerance, what);
        expect_close(b.standard_error, expected["standard_error"][k], tolerance, what);
        expect_close(b.z, expected["z"][k], tolerance, what);
        expect_close(b.p, expected["p"][k], 1e-5, what);
      }
    }
    for (std::size_t k = 0; k < kRestrictions; ++k) {
      expect_near(found.tests[k].statistic, c["tests"][k]["statistic"], 1e-8, "likelihood ratio");
      expect_near(found.tests[k].p, c["tests"][k]["p"], 1e-8, "its p");
    }
  }
}

TEST(Logit, SeparationAsLinearProgramsSeeIt) {
  int number_of_case = 0;
  for (const json& c : golden()["separation"]) {
    const Logit found = fit_logit(doubles(c["distance"]), doubles(c["in_hull"]), c["correct"].get<Flags>());
    EXPECT_EQ(status_name(found.status), c["status"].get<std::string>()) << "case " << number_of_case << ": " << c;
    const bool fitted = found.status == LogitStatus::kOk;
    for (std::size_t k = 0; k < kTerms; ++k) EXPECT_TRUE(!fitted || std::isfinite(found.raw[k].z)) << c;
    if (!fitted && found.status != LogitStatus::kConstantInHull) {
      EXPECT_TRUE(std::isnan(found.raw[0].value) && std::isnan(found.tests[0].p));
    }
    ++number_of_case;
  }
  EXPECT_GT(number_of_case, 300);
}

TEST(Logit, RawAndStandardisedAreOneModel) {
  const json& c = golden()["logit"][0];
  const auto distance = doubles(c["distance"]);
  const Logit a = fit_logit(distance, doubles(c["in_hull"]), c["correct"].get<Flags>());
  auto moved = distance;
  for (double& d : moved) d = 1e30 * d;
  const Logit b = fit_logit(moved, doubles(c["in_hull"]), c["correct"].get<Flags>());
  EXPECT_NEAR(a.raw[kInteraction].z, a.standardised[kInteraction].z, 1e-10);
  for (std::size_t k = 0; k < kTerms; ++k) EXPECT_NEAR(a.raw[k].z, b.raw[k].z, 1e-8);
}

TEST(Logit, ConstantInHullLeavesTheDistance) {
  const json& c = golden()["logit"][0];
  const Logit found =
      fit_logit(doubles(c["distance"]), std::vector<double>(c["distance"].size(), 1.0), c["correct"].get<Flags>());
  EXPECT_EQ(found.status, LogitStatus::kConstantInHull);
  EXPECT_TRUE(std::isfinite(found.raw[kDistance].z));
  EXPECT_TRUE(std::isnan(found.raw[kInHull].z) && std::isnan(found.raw[kInteraction].value));
  EXPECT_TRUE(std::isnan(found.tests[kNoInHullTerms].p));
}

TEST(Logit, LeavesOutUndecidedAndInfinite) {
  const json& c = golden()["logit"][0];
  auto distance = doubles(c["distance"]), in_hull = doubles(c["in_hull"]);
  auto correct = c["correct"].get<Flags>();
  const Logit without = fit_logit(distance, in_hull, correct);
  for (const auto& [d, h] : {std::pair{1.0, kNaN}, {kInfinity, 1.0}})
    distance.push_back(d), in_hull.push_back(h), correct.push_back(0);
  const Logit with = fit_logit(distance, in_hull, correct);
  EXPECT_EQ(with.used, without.used);
  EXPECT_EQ(with.raw[kInHull].z, without.raw[kInHull].z);
  EXPECT_EQ(fit_logit({}, {}, {}).status, LogitStatus::kOneOutcome);
}

TEST(TwoSamples, AsScipySeesThem) {
  for (const json& c : golden()["two_samples"]["cases"]) {
    const auto a = doubles(c["a"]), b = doubles(c["b"]);
    const KolmogorovSmirnov ks = kolmogorov_smirnov(a, b);
    expect_near(ks.statistic, c["statistic"], 1e-14, "KS");
    expect_near(ks.p, c["p"], 1e-12, "its p");
    std::vector<double> score = a;
    score.insert(score.end(), b.begin(), b.end());
    Flags positive(score.size(), 0);
    std::fill(positive.begin() + static_cast<std::ptrdiff_t>(a.size()), positive.end(), 1);
    expect_near(auroc(score, positive), c["auroc_of_b"], 1e-13, "AUROC");
  }
  const json& grid = golden()["two_samples"]["kolmogorov"];
  for (std::size_t k = 0; k < grid["x"].size(); ++k)
    expect_near(kolmogorov_survival(grid["x"][k]), grid["survival"][k], 1e-14, "Q(" + grid["x"][k].dump() + ")");
}

TEST(TwoSamples, EmptyEqualAndInfinite) {
  const std::vector<double> some = {1, 2, kInfinity};
  EXPECT_TRUE(std::isnan(kolmogorov_smirnov({}, some).p));
  EXPECT_EQ(kolmogorov_smirnov(some, some).statistic, 0);
  EXPECT_EQ(kolmogorov_smirnov(some, some).p, 1);
  EXPECT_TRUE(std::isnan(auroc(some, Flags{1, 1, 1})));
  EXPECT_TRUE(std::isnan(auroc({}, {})));
  EXPECT_EQ(auroc(some, Flags{0, 0, 1}), 1);
  EXPECT_EQ(auroc(std::vector<double>{5, 5, 5}, Flags{0, 1, 1}), 0.5);
}

TEST(Intervals, AsScipyAndAnotherPhiloxMakeThem) {
  for (const json& c : golden()["intervals"]) {
    const auto values = doubles(c["values"]);
    expect_near(mean(values), c["mean"], 1e-14, "mean");
    expect_near(standard_deviation(values), c["standard_deviation"], 1e-13, "standard deviation");
    const Interval t = student_t_interval(values);
    expect_near(t.lower, c["student_t"][0], 1e-12, "t, lower");
    expect_near(t.upper, c["student_t"][1], 1e-12, "t, upper");
    const Interval b = bootstrap_interval(values, c["resamples"], stream_key(2022, c["stream"].get<std::string>()));
    expect_near(b.lower, c["bootstrap"][0], 1e-13, "bootstrap, lower");
    expect_near(b.upper, c["bootstrap"][1], 1e-13, "bootstrap, upper");
  }
}

TEST(Intervals, TooFewValues) {
  for (const std::vector<double>& values : {std::vector<double>{}, {1.0}, {1.0, kNaN}}) {
    EXPECT_TRUE(std::isnan(student_t_interval(values).lower));
    EXPECT_TRUE(std::isnan(bootstrap_interval(values, 100, 1).upper));
  }
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
  EXPECT_EQ(quantile(std::vector<double>{1, kInfinity, kInfinity}, 0.75), kInfinity);
}

TEST(IntrinsicDimension, AsTheRuleSays) {
  for (const json& c : golden()["dimension"]) {
    const auto grid = c["dimensions"].get<std::vector<std::int64_t>>();
    const auto values = doubles(c["relative_accuracy"]);
    EXPECT_EQ(intrinsic_dimension(grid, values, c["threshold"]), c["dimension"].get<std::int64_t>()) << c;
    expect_near(interpolated_log2_dimension(grid, values, c["threshold"]), c["log2"], 1e-12, c.dump());
  }
  const std::vector<std::int64_t> grid = {2, 4};
  EXPECT_EQ(intrinsic_dimension(grid, std::vector<double>{kNaN, 1.0}, 0.99), -1);
  EXPECT_TRUE(std::isnan(interpolated_log2_dimension(grid, std::vector<double>{1.0, kNaN}, 0.99)));
  EXPECT_EQ(intrinsic_dimension({}, {}, 0.99), -1);
}

TEST(HullFraction, CountsWhatIsProved) {
  const Flags verdict = {1, 1, 2, 2, 0, 2};
  const std::vector<double> upper = {0, 0, 1e-7, 0.5, kInfinity, 2e-6};
  const HullFraction found = hull_fraction(verdict, upper, 1e-6, 2.0);
  EXPECT_DOUBLE_EQ(found.inside, 2.0 / 5);
  EXPECT_DOUBLE_EQ(found.within_eps, 4.0 / 5);
  EXPECT_EQ(found.undecided, 1);
  EXPECT_TRUE(std::isnan(hull_fraction(Flags{0}, std::vector<double>{1}, 1, 1).inside));
  const auto regressor = in_hull(verdict);
  EXPECT_EQ(regressor[0], 1);
  EXPECT_EQ(regressor[2], 0);
  EXPECT_TRUE(std::isnan(regressor[4]));
}

}  // namespace hullscope::statistics
