#include "judge_scores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <hullscope/base/random.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/statistics/crossed_bootstrap.hpp>

#include "trial_judge.hpp"

namespace hullscope::jobs {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kFewestWrongForFpr = 50;

/// Values of one trial: plain, then one a resample. [quantity][1 + resamples]
using Draws = std::vector<std::vector<double>>;

std::uint64_t bootstrap_key(const Frame& frame) {
  return stream_key(static_cast<std::uint64_t>(frame.study.seed), frame.study.data.set + "/reduce/crossed");
}

/// All trials' draws, on every rank. Collective.
std::vector<Draws> draw_trials(const parallel::Comm& world, const Frame& frame, const std::string& network,
                               std::size_t quantities, std::int64_t resamples, std::vector<TrialCounts>& counts) {
  const auto trials = static_cast<std::size_t>(frame.study.train.trials),
             each = static_cast<std::size_t>(resamples) + 1;
  std::vector<double> all(trials * quantities * each, 0.0), sizes(2 * trials, 0.0);
  for (std::size_t t = static_cast<std::size_t>(world.rank()); t < trials;
       t += static_cast<std::size_t>(world.size())) {
    const TrialJudge judge(frame, network, static_cast<int>(t));
    sizes[2 * t] = judge.counts().n, sizes[2 * t + 1] = judge.counts().n_wrong;
    for (std::size_t b = 0; b < each; ++b) {
      const auto weight =
          b == 0 ? std::vector<std::int32_t>(static_cast<std::size_t>(judge.points()), 1)
                 : statistics::point_weights(judge.points(), bootstrap_key(frame), static_cast<std::int64_t>(b) - 1);
      const auto values = judge.judge(weight);
      for (std::size_t q = 0; q < quantities; ++q) all[(t * quantities + q) * each + b] = values[q];
      parallel::heartbeat();
    }
  }
  world.sum_in_place(std::span(all));
  world.sum_in_place(std::span(sizes));
  std::vector<Draws> draws(trials, Draws(quantities));
  for (std::size_t t = 0; t < trials; ++t) {
    counts.push_back({sizes[2 * t], sizes[2 * t + 1]});
    for (std::size_t q = 0; q < quantities; ++q) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>((t * quantities + q) * each);
      draws[t][q].assign(first, first + static_cast<std::ptrdiff_t>(each));
    }
  }
  return draws;
}

/// Two-sided bootstrap p value of 0.
double two_sided(const std::vector<double>& draws) {
  double below = 0, above = 0, count = 0;
  for (const double v : draws)
    if (std::isfinite(v)) below += v <= 0, above += v >= 0, ++count;
  return count == 0 ? kNaN : std::min(1.0, 2 * (1 + std::min(below, above)) / (1 + count));
}

/// One quantity of all trials: value (mean over the trials that have one), interval and draws.
struct Joined {
  double value = kNaN;
  std::size_t missing = 0;
  std::vector<double> draws;
};

Joined join(const std::vector<std::vector<double>>& of_trials, std::uint64_t key) {
  Joined joined;
  std::vector<double> known;
  std::vector<std::vector<double>> resampled;
  for (const auto& values : of_trials) {
    if (!std::isnan(values[0])) known.push_back(values[0]);
    resampled.emplace_back(values.begin() + 1, values.end());
  }
  joined.value = statistics::mean(known);
  joined.missing = of_trials.size() - known.size();
  if (!resampled.empty() && !resampled[0].empty()) joined.draws = statistics::join_trials(resampled, key);
  return joined;
}

std::string status_of(const Quantity& quantity, const Joined& joined, std::size_t trials) {
  if (joined.missing == 0) return "ok";
  const bool hull = quantity.statistic == "matched_accuracy_gain" || quantity.statistic == "auroc_gain_of_hull";
  const std::string why = hull ? "constant in_hull or one outcome" : "one outcome or no values";
  return joined.missing == trials ? why : fmt::format("{} in {} of {} trials", why, joined.missing, trials);
}

}  // namespace

std::vector<ResultRow> judge_scores(const parallel::Comm& world, const Frame& frame, const std::string& network,
                                    std::size_t fewest_trials) {
  const auto quantities = quantities_of(frame);
  const auto trials = static_cast<std::size_t>(frame.study.train.trials);
  const std::int64_t resamples = trials < fewest_trials ? 0 : frame.study.reduce.bootstrap;
  std::vector<TrialCounts> counts;
  const auto draws = draw_trials(world, frame, network, quantities.size(), resamples, counts);
  TrialCounts fewest = counts.empty() ? TrialCounts{} : counts[0];
  for (const auto& c : counts) fewest.n_wrong = std::min(fewest.n_wrong, c.n_wrong);

  std::vector<ResultRow> rows;
  const auto row_of = [&](const Quantity& q) {
    ResultRow row;
    row.network = network, row.space = q.scored.space, row.dimension = q.scored.dimension;
    row.measure = q.scored.measure, row.statistic = q.statistic;
    row.trials = static_cast<std::int64_t>(trials);
    row.n = static_cast<std::int64_t>(fewest.n), row.n_wrong = static_cast<std::int64_t>(fewest.n_wrong);
    return row;
  };
  const auto over_trials = [&](const Quantity& q, const std::vector<std::vector<double>>& values) {
    const Joined joined = join(values, bootstrap_key(frame));
    ResultRow row = row_of(q);
    row.value = joined.value;
    row.status = status_of(q, joined, trials);
    if (!joined.draws.empty()) {
      const auto interval = statistics::percentile_interval(joined.draws);
      row.lower = interval.lower, row.upper = interval.upper;
      row.method = "crossed bootstrap";
    }
    if (q.stored_draws) row.draws = joined.draws;
    return std::pair{row, joined.draws};
  };
  std::size_t baseline = quantities.size();
  for (std::size_t q = 0; q < quantities.size(); ++q)
    if (quantities[q].scored.measure == "max_softmax" && quantities[q].statistic == "auroc") baseline = q;

  for (std::size_t q = 0; q < quantities.size(); ++q) {
    const bool few = quantities[q].statistic == "fpr95" && fewest.n_wrong < kFewestWrongForFpr;
    std::vector<std::vector<double>> values;
    for (std::size_t t = 0; t < trials; ++t) {
      values.push_back(draws[t][q]);
      if (few) std::fill(values.back().begin(), values.back().end(), kNaN);
      ResultRow row = row_of(quantities[q]);
      row.trial = static_cast<std::int64_t>(t), row.value = values.back()[0];
      row.n = static_cast<std::int64_t>(counts[t].n), row.n_wrong = static_cast<std::int64_t>(counts[t].n_wrong);
      row.trials = 1;
      if (std::isnan(row.value)) row.status = few ? "fewer than 50 wrong answers" : "undefined";
      rows.push_back(row);
    }
    rows.push_back(over_trials(quantities[q], values).first);
    if (few) rows.back().status = "fewer than 50 wrong answers";
    if (quantities[q].statistic != "auroc" || baseline == quantities.size() || q == baseline) continue;
    for (std::size_t t = 0; t < trials; ++t)
      for (std::size_t b = 0; b < values[t].size(); ++b) values[t][b] -= draws[t][baseline][b];
    Quantity difference = quantities[q];
    difference.statistic = "auroc_minus_max_softmax", difference.stored_draws = false;
    auto [row, drawn] = over_trials(difference, values);
    row.p = drawn.empty() ? kNaN : two_sided(drawn);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace hullscope::jobs
