// Firth's logit, the pooled logit and the in-hull effect against tests/golden/statistics.json (scipy, statsmodels).
#include <gtest/gtest.h>

#include <hullscope/statistics/firth.hpp>
#include <hullscope/statistics/in_hull_effect.hpp>
#include <hullscope/statistics/pooled_logit.hpp>

#include "statistics_golden.hpp"

namespace hullscope::statistics {

TEST(Firth, AsAGeneralMinimiserFindsIt) {
  for (const json& c : golden()["firth"]) {
    const auto found = fit_firth_logit(doubles(c["distance"]), doubles(c["in_hull"]), c["correct"].get<Flags>());
    ASSERT_EQ(found.status, LogitStatus::kOk);
    for (std::size_t k = 0; k < kTerms; ++k) {
      expect_near(found.coefficient[k].value, c["value"][k], 1e-6, "value");
      expect_near(found.coefficient[k].standard_error, c["standard_error"][k], 1e-6, "standard error");
    }
  }
}

TEST(Firth, ExistsWhereMaximumLikelihoodDoesNot) {
  const json& c = golden()["firth"][1];
  const auto distance = doubles(c["distance"]), in_hull = doubles(c["in_hull"]);
  const auto correct = c["correct"].get<Flags>();
  EXPECT_EQ(fit_logit(distance, in_hull, correct).status, LogitStatus::kSeparation);
  EXPECT_TRUE(std::isfinite(fit_firth_logit(distance, in_hull, correct).coefficient[kDistance].z));
}

// A 2 x 2 table without other terms: the penalised estimate is the log odds ratio with 1/2 added to each cell.
TEST(Firth, OfATableAddsHalfToEachCell) {
  Matrix<double> design(12, 2);
  Flags outcome;
  for (int i = 0; i < 12; ++i) design.row(i) << 1, i < 5 ? 0 : 1;
  for (int i = 0; i < 12; ++i) outcome.push_back(i < 2 || (i >= 5 && i < 12));  // 2 of 5, 7 of 7
  const auto fit = fit_firth(design, outcome);
  ASSERT_TRUE(fit.converged);
  EXPECT_NEAR(fit.coefficient[0], std::log(2.5 / 3.5), 1e-9);
  EXPECT_NEAR(fit.coefficient[0] + fit.coefficient[1], std::log(7.5 / 0.5), 1e-9);
}

TEST(Firth, SaysWhatItCannotFit) {
  const std::vector<double> d = {1, 2, 3, 4}, in = {0, 1, 0, 1}, same = {1, 1, 1, 1};
  EXPECT_EQ(fit_firth_logit(d, in, Flags{1, 1, 1, 1}).status, LogitStatus::kOneOutcome);
  EXPECT_EQ(fit_firth_logit(d, same, Flags{1, 0, 1, 0}).status, LogitStatus::kConstantInHull);
  EXPECT_EQ(fit_firth_logit(same, in, Flags{1, 0, 0, 1}).status, LogitStatus::kCollinear);
  EXPECT_EQ(fit_firth_logit({}, {}, {}).status, LogitStatus::kOneOutcome);
  EXPECT_TRUE(std::isnan(fit_firth_logit(same, in, Flags{1, 0, 0, 1}).coefficient[kInHull].value));
}

std::vector<PooledTrial> pooled_trials(const json& c) {
  std::vector<PooledTrial> trials;
  for (const json& t : c["trials"])
    trials.push_back({doubles(t["distance"]), doubles(t["in_hull"]), t["correct"].get<Flags>(),
                      t["id"].get<std::vector<std::int64_t>>()});
  return trials;
}

TEST(PooledLogit, AsStatsmodelsClustersIt) {
  for (const json& c : golden()["pooled_logit"]) {
    const auto found = fit_pooled_logit(pooled_trials(c));
    ASSERT_EQ(found.status, LogitStatus::kOk);
    EXPECT_EQ(found.trials, static_cast<int>(c["trials"].size()));
    EXPECT_EQ(found.clusters, static_cast<std::int64_t>(c["trials"][0]["id"].size()));
    for (std::size_t k = 0; k < kPooledTerms; ++k) {
      expect_near(found.term[k].value, c["value"][k], 1e-8, "value");
      expect_near(found.term[k].standard_error, c["standard_error"][k], 1e-8, "standard error");
      expect_near(found.term[k].z, c["z"][k], 1e-8, "z");
      expect_near(found.term[k].p, c["p"][k], 1e-8, "p");
    }
  }
}

TEST(PooledLogit, LeavesOutTrialsWithoutAnEstimateAndCountsThem) {
  auto trials = pooled_trials(golden()["pooled_logit"][0]);
  const auto without = fit_pooled_logit(trials);
  PooledTrial all_right = trials[0];
  std::fill(all_right.correct.begin(), all_right.correct.end(), std::uint8_t{1});
  trials.push_back(all_right);
  trials[0].distance.push_back(kInfinity), trials[0].in_hull.push_back(1), trials[0].correct.push_back(0);
  trials[0].id.push_back(999);
  const auto with = fit_pooled_logit(trials);
  EXPECT_EQ(with.trials, 3);
  EXPECT_EQ(with.term[kPooledInHull].z, without.term[kPooledInHull].z);
  EXPECT_EQ(fit_pooled_logit({}).status, LogitStatus::kOneOutcome);
  for (auto& t : trials) std::fill(t.in_hull.begin(), t.in_hull.end(), 1.0);
  EXPECT_EQ(fit_pooled_logit(trials).status, LogitStatus::kConstantInHull);
}

TEST(InHullEffect, AsNumpySays) {
  for (const json& c : golden()["in_hull_effect"]) {
    const auto distance = doubles(c["distance"]), in_hull = doubles(c["in_hull"]);
    const auto correct = c["correct"].get<Flags>();
    const auto effect = [&](DistanceCurve curve, const std::vector<std::vector<double>>& covariates) {
      return in_hull_effect(distance, in_hull, correct, curve, covariates);
    };
    expect_near(effect(DistanceCurve::linear, {}), c["linear"], 1e-6, "linear");
    expect_near(effect(DistanceCurve::spline, {}), c["spline"], 1e-6, "spline");
    expect_near(effect(DistanceCurve::spline, {doubles(c["covariate"])}), c["spline_covariate"], 1e-6, "covariate");
  }
  const std::vector<double> d = {1, 2, 3}, one = {1, 1, 1};
  EXPECT_TRUE(std::isnan(in_hull_effect(d, one, Flags{0, 1, 0}, DistanceCurve::spline)));
  EXPECT_TRUE(std::isnan(in_hull_effect({}, {}, {}, DistanceCurve::linear)));
}

}  // namespace hullscope::statistics
