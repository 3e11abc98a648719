// Scores of right and wrong answers, their resamples, out-of-fold scores, trends, and dimensions by neighbours: against
// scikit-learn, scipy, numpy and enumeration (tests/golden), and on what those refuse.
#include <algorithm>
#include <numeric>

#include <hullscope/base/random.hpp>
#include <hullscope/statistics/cross_fit.hpp>
#include <hullscope/statistics/crossed_bootstrap.hpp>
#include <hullscope/statistics/logistic.hpp>
#include <hullscope/statistics/neighbour_dimension.hpp>
#include <hullscope/statistics/ranking.hpp>
#include <hullscope/statistics/spline.hpp>
#include <hullscope/statistics/trend.hpp>
#include <hullscope/statistics/two_sample.hpp>

#include "statistics_golden.hpp"

namespace hullscope::statistics {

using Weights = std::vector<std::int32_t>;

Matrix<double> matrix(const json& rows) {
  Matrix<double> m(static_cast<Eigen::Index>(rows.size()), static_cast<Eigen::Index>(rows[0].size()));
  for (Eigen::Index i = 0; i < m.rows(); ++i)
    for (Eigen::Index j = 0; j < m.cols(); ++j)
      m(i, j) = number(rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)]);
  return m;
}

TEST(Ranking, AsScikitLearnAndAllOrdersOfTiesSay) {
  for (const json& c : golden()["ranking"]) {
    const Ranking ranking(doubles(c["score"]), c["wrong"].get<Flags>());
    const auto in_hull = doubles(c["in_hull"]);
    const auto weight = c["weight"].get<Weights>();
    for (const bool weighted : {false, true}) {
      const json& expected = c[weighted ? "weighted" : "plain"];
      const Weights drawn = weighted ? weight : Weights(weight.size(), 1);
      const auto found = weighted ? ranking.judge(weight) : ranking.judge();
      expect_near(found.auroc, expected["auroc"], 1e-13, "auroc");
      expect_near(found.fpr95, expected["fpr95"], 1e-13, "fpr95");
      if (!expected.contains("aurc")) continue;
      expect_near(found.aurc, expected["aurc"], 1e-13, "aurc");
      expect_near(found.e_aurc, expected["e_aurc"], 1e-13, "e_aurc");
      expect_near(ranking.matched_accuracy_gain(in_hull, drawn), expected["matched"], 1e-13, "matched");
    }
  }
}

TEST(Ranking, AgreesWithTheMannWhitneyOnManyPoints) {
  RandomStream random(5, 1);
  std::vector<double> score;
  Flags wrong;
  for (int i = 0; i < 2000; ++i) {
    wrong.push_back(random.uniform() < 0.1);
    score.push_back(std::floor(20 * (random.normal() + wrong.back())));
  }
  EXPECT_NEAR(Ranking(score, wrong).judge().auroc, auroc(score, wrong), 1e-13);
}

TEST(Ranking, DegenerateScores) {
  const auto none = Ranking({}, {}).judge();
  for (const double v : {none.auroc, none.fpr95, none.aurc, none.e_aurc}) EXPECT_TRUE(std::isnan(v));
  const auto right = Ranking(std::vector<double>{1, 2}, Flags{0, 0}).judge();
  EXPECT_TRUE(std::isnan(right.auroc) && std::isnan(right.fpr95));
  EXPECT_EQ(right.aurc, 0);
  EXPECT_EQ(right.e_aurc, 0);
  const auto wrong = Ranking(std::vector<double>{1, 2}, Flags{1, 1}).judge();
  EXPECT_TRUE(std::isnan(wrong.auroc));
  EXPECT_NEAR(wrong.aurc, 1, 1e-15);
  EXPECT_NEAR(wrong.e_aurc, 0, 1e-15);
  const std::vector<double> score = {kInfinity, 1, kNaN, 1e300, -kInfinity};
  const Ranking mixed(score, Flags{1, 0, 1, 1, 0});
  EXPECT_EQ(mixed.used(), 4);
  EXPECT_EQ(mixed.judge().auroc, 1);
  EXPECT_EQ(mixed.judge().fpr95, 0);
  EXPECT_NEAR(mixed.judge().e_aurc, 0, 1e-15);
  const Weights nothing(5, 0);
  EXPECT_TRUE(std::isnan(mixed.judge(nothing).aurc));
  const std::vector<double> inside(5, 1.0), unknown(5, kNaN);
  EXPECT_TRUE(std::isnan(mixed.matched_accuracy_gain(inside, Weights(5, 1))));
  EXPECT_TRUE(std::isnan(mixed.matched_accuracy_gain(unknown, Weights(5, 1))));
}

TEST(CrossedBootstrap, DrawsAreThoseOfTheStream) {
  for (const json& c : golden()["point_weights"]) {
    const auto key = stream_key(2022, c["stream"].get<std::string>());
    EXPECT_EQ(point_weights(c["n"], key, c["b"]), c["weight"].get<Weights>());
  }
  const auto points = point_weights(50, 7, 3), trials = trial_weights(50, 7, 3);
  EXPECT_EQ(std::accumulate(points.begin(), points.end(), 0), 50);
  EXPECT_NE(points, trials);
  EXPECT_TRUE(point_weights(0, 7, 3).empty());
}

// Two-way random effects x_ti = a_t + b_i + e_ti: the variance of the mean is s_a^2/T + s_b^2/n + s_e^2/(T n), and the
// crossed bootstrap's is that, with the last term up to three times (Owen & Eckles 2012, theorem 3.1).
TEST(CrossedBootstrap, SeesBothSourcesOfVariance) {
  constexpr int kTrialCount = 40, kPoints = 300, kResamples = 2000;
  const std::uint64_t key = 11;
  RandomStream random(key, 99);
  std::vector<double> a(kTrialCount), b(kPoints);
  for (double& v : a) v = 0.3 * random.normal();
  for (double& v : b) v = random.normal();
  std::vector<std::vector<double>> draws(kTrialCount, std::vector<double>(kResamples));
  for (int r = 0; r < kResamples; ++r) {
    const auto weight = point_weights(kPoints, key, r);
    double sum = 0;
    for (std::size_t i = 0; i < b.size(); ++i) sum += weight[i] * b[i];
    for (std::size_t t = 0; t < a.size(); ++t) draws[t][static_cast<std::size_t>(r)] = a[t] + sum / kPoints;
  }
  const auto joined = join_trials(draws, key);
  const double va = std::pow(standard_deviation(a), 2) / kTrialCount, vb = std::pow(standard_deviation(b), 2) / kPoints;
  EXPECT_NEAR(standard_deviation(joined) / std::sqrt(va + vb), 1, 0.06);  // 4 standard errors at 2000 resamples
  EXPECT_NEAR(mean(joined), mean(a) + mean(b), 4 * std::sqrt((va + vb) / kResamples));
  const auto interval = percentile_interval(joined);
  EXPECT_NEAR((interval.upper - interval.lower) / (2 * 1.96 * std::sqrt(va + vb)), 1, 0.1);
}

TEST(CrossedBootstrap, MissingValues) {
  const std::vector<std::vector<double>> draws = {{1, kNaN, 3}, {2, kNaN, kNaN}};
  const auto joined = join_trials(draws, 1);
  EXPECT_TRUE(std::isnan(joined[1]));
  EXPECT_TRUE(join_trials({}, 1).empty());
  EXPECT_TRUE(std::isnan(percentile_interval(std::vector<double>{1, 2, kNaN}).lower));
  std::vector<double> almost(100, 1.0);
  almost[0] = kNaN;
  EXPECT_EQ(percentile_interval(almost).lower, 1);
}

TEST(CrossFit, AsScipyFitsIt) {
  for (const json& c : golden()["cross_fit"]) {
    const auto found = cross_fit(doubles(c["distance"]), doubles(c["in_hull"]), c["wrong"].get<Flags>(),
                                 c["fold"].get<std::vector<int>>());
    for (std::size_t i = 0; i < found.distance.size(); ++i) {
      expect_near(found.distance[i], c["alone"][i], 2e-6, "spline");
      expect_near(found.distance_and_hull[i], c["both"][i], 2e-6, "spline and hull");
    }
    const auto hull = doubles(c["in_hull"]);
    const bool constant = std::count(hull.begin(), hull.end(), hull[0]) == static_cast<std::ptrdiff_t>(hull.size());
    EXPECT_EQ(found.folds_with_constant_hull, constant ? kFolds : 0);
  }
}

TEST(CrossFit, LeavesOutAndSurvives) {
  const std::size_t n = 60;
  std::vector<double> distance(n), in_hull(n);
  Flags wrong(n);
  std::vector<int> fold(n);
  for (std::size_t i = 0; i < n; ++i)
    distance[i] = static_cast<double>(i), in_hull[i] = i % 2, wrong[i] = i >= 30,
    fold[i] = static_cast<int>(i % kFolds);
  distance[7] = kInfinity, in_hull[8] = kNaN;
  const auto separated = cross_fit(distance, in_hull, wrong, fold);  // finite by its ridge
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(std::isnan(separated.distance_and_hull[i]), i == 7 || i == 8) << i;
  EXPECT_EQ(Ranking(separated.distance, wrong).judge().auroc, 1);
  const auto all_right = cross_fit(distance, in_hull, Flags(n, 0), fold);
  EXPECT_TRUE(
      std::all_of(all_right.distance.begin(), all_right.distance.end(), [](double v) { return std::isnan(v); }));
  const std::vector<double> equal(n, 2.0);
  const auto no_distance = cross_fit(equal, in_hull, wrong, fold);
  for (std::size_t i = 0; i < n; ++i) EXPECT_EQ(std::isfinite(no_distance.distance[i]), i != 8);
  EXPECT_TRUE(cross_fit({}, {}, {}, {}).distance.empty());
}

TEST(CrossFit, FoldsDependOnTheIdAlone) {
  const std::vector<std::int64_t> ids = {5, 900, 17}, turned = {17, 5, 900};
  const auto a = folds_of(ids, 3), b = folds_of(turned, 3);
  EXPECT_EQ(a[0], b[1]);
  EXPECT_EQ(a[1], b[2]);
  EXPECT_EQ(a[2], b[0]);
}

TEST(Spline, IsStraightBeyondItsKnotsAndSmoothAtThem) {
  const std::vector<double> knots = {0, 1, 2, 4, 8};
  const auto at = [&](double x) { return spline_basis(std::vector<double>{x}, knots); };
  for (Eigen::Index c = 0; c < 4; ++c)
    for (const double x : {-3.0, 9.0, 20.0})
      EXPECT_NEAR(at(x)(0, c) - 2 * at(x + 0.5)(0, c) + at(x + 1)(0, c), 0, 1e-12) << c << " at " << x;
  for (const double knot : knots)
    for (Eigen::Index c = 0; c < 4; ++c) EXPECT_NEAR(at(knot - 1e-9)(0, c), at(knot + 1e-9)(0, c), 1e-8);
  EXPECT_EQ(spline_knots(std::vector<double>{3, 3, 3}), std::vector<double>{3});
  EXPECT_EQ(spline_basis(std::vector<double>{3, 3}, std::vector<double>{3}).cols(), 1);
  EXPECT_TRUE(spline_knots({}).empty());
}

TEST(NeighbourDimension, AsNumpySaysWithDuplicates) {
  for (const json& c : golden()["neighbour_dimension"]) {
    const Matrix<double> distance = matrix(c["distance"]);
    const auto two = two_nn(view(distance));
    expect_near(two.value, c["two_nn"], 1e-10, "TwoNN");
    EXPECT_EQ(two.dropped, c["dropped"]);
    EXPECT_EQ(two.used + two.dropped, distance.rows());
    for (int k = 0; k < 2; ++k)
      expect_near(levina_bickel(view(distance), k ? 20 : 10).value, c["levina_bickel"][static_cast<std::size_t>(k)],
                  1e-10, "MLE");
    const Matrix<double> wide = matrix(c["points"]);
    const Matrix<float> points = wide.cast<float>();
    EXPECT_NEAR(participation_ratio(view(points)), number(c["participation"]), 1e-6);
  }
}

TEST(NeighbourDimension, DegenerateClouds) {
  const Matrix<double> same = Matrix<double>::Ones(30, 20), zero = Matrix<double>::Zero(30, 20);
  EXPECT_TRUE(std::isnan(two_nn(view(same)).value));  // all ratios 1
  EXPECT_TRUE(std::isnan(levina_bickel(view(same), 10).value));
  EXPECT_TRUE(std::isnan(two_nn(view(zero)).value));
  EXPECT_EQ(two_nn(view(zero)).dropped, 30);
  const Matrix<double> few = matrix(golden()["neighbour_dimension"][0]["distance"]).topRows(9);
  EXPECT_TRUE(std::isnan(two_nn(view(few)).value));
  const Matrix<double> narrow = matrix(golden()["neighbour_dimension"][0]["distance"]).leftCols(1);
  EXPECT_TRUE(std::isnan(two_nn(view(narrow)).value));
  EXPECT_TRUE(std::isnan(levina_bickel(view(narrow), 10).value));
  EXPECT_TRUE(std::isnan(participation_ratio(view(Matrix<float>(Matrix<float>::Ones(5, 3))))));
  EXPECT_TRUE(std::isnan(participation_ratio(view(Matrix<float>(1, 3)))));
  Matrix<float> line(4, 2);
  line << 0, 0, 1, 2, 2, 4, 3, 6;
  EXPECT_NEAR(participation_ratio(view(line)), 1, 1e-12);
}

TEST(Trend, WelchAsScipySaysAndWithoutVariance) {
  for (const json& c : golden()["welch"]) {
    const auto found = welch(doubles(c["a"]), doubles(c["b"]));
    expect_near(found.value, c["value"], 1e-13, "value");
    expect_near(found.interval.lower, c["lower"], 1e-9, "lower");
    expect_near(found.interval.upper, c["upper"], 1e-9, "upper");
    expect_near(found.degrees, c["degrees"], 1e-12, "degrees");
  }
  const std::vector<double> one = {1, 1, 1}, two = {2, 2}, single = {3};
  EXPECT_EQ(welch(two, one).interval.lower, 1);
  EXPECT_EQ(welch(two, one).degrees, 1);
  EXPECT_TRUE(std::isnan(welch(single, one).interval.lower));
}

TEST(Trend, JonckheereTerpstraAsAllPermutationsSay) {
  for (const json& c : golden()["trend"]) {
    std::vector<std::vector<double>> groups;
    for (const json& g : c["groups"]) groups.push_back(doubles(g));
    const auto found = jonckheere_terpstra(groups);
    expect_near(found.statistic, c["statistic"], 1e-13, "J");
    expect_near(found.z, c["z"], 1e-9, "z");
    expect_near(found.p, c["p"], 1e-9, "p");
  }
  EXPECT_TRUE(std::isnan(jonckheere_terpstra({{1, 2}, {}}).z));
  EXPECT_TRUE(std::isnan(jonckheere_terpstra({{1, 1}, {1}}).z));
  EXPECT_TRUE(std::isnan(jonckheere_terpstra({}).statistic));
}

}  // namespace hullscope::statistics
