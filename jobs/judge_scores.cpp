#include "judge_scores.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include <hullscope/base/random.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/proximity/measure.hpp>
#include <hullscope/statistics/cross_fit.hpp>
#include <hullscope/statistics/crossed_bootstrap.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/ranking.hpp>

namespace hullscope::jobs {
namespace {

using statistics::Ranking;
using Weights = std::span<const std::int32_t>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kFewestWrongForFpr = 50;
const std::array<const char*, 4> kJudged = {"auroc", "fpr95", "aurc", "e_aurc"};

/// A score of the test points: where it is measured and what it is called.
struct Scored {
  std::string space, measure;
  std::int64_t dimension;
};

/// A row in the making: a statistic that every trial computes, plain and on every resample.
struct Quantity {
  Scored scored;
  std::string statistic;
  bool stored_draws;
};

std::vector<Scored> scored_of(const Frame& frame) {
  std::vector<Scored> list;
  const auto& options = frame.study.proximity;
  for (const std::string& space : frame.spaces) {
    const std::int64_t d = space == "latent" ? frame.dimension : -1;
    for (const std::string& measure : options.measures) list.push_back({space, measure, d});
    for (const auto& score : proximity::scores())
      if (std::count(options.scores.begin(), options.scores.end(), score.name) &&
          (space != "pixel" || !score.needs_prediction))
        list.push_back({space, score.name, d});
    const auto& hulls = frame.study.hull.spaces;
    if (frame.study.hull.projection && std::count(hulls.begin(), hulls.end(), space))
      list.push_back({space, "hull_distance", d});
  }
  if (std::count(options.scores.begin(), options.scores.end(), "max_softmax") &&
      std::any_of(frame.spaces.begin(), frame.spaces.end(), [](const auto& s) { return s != "pixel"; }))
    list.push_back({"output", "max_softmax", -1});
  return list;
}

bool tests_hull(const Frame& frame, const std::string& space) {
  return std::count(frame.study.hull.spaces.begin(), frame.study.hull.spaces.end(), space) > 0;
}

/// The latent distances whose logit and claims are decided beside the hull.
bool beside_hull(const Frame& frame, const Scored& scored) {
  return scored.space == "latent" && tests_hull(frame, "latent") &&
         (scored.measure == "euclidean" || scored.measure == "cosine");
}

std::vector<Quantity> quantities_of(const Frame& frame) {
  std::vector<Quantity> list;
  for (const Scored& scored : scored_of(frame)) {
    const bool claimed = beside_hull(frame, scored);
    for (const char* statistic : kJudged)
      list.push_back({scored, statistic, claimed && std::string(statistic) == "auroc"});
    if (!claimed) continue;
    list.push_back({scored, "matched_accuracy_gain", true});
    list.push_back({scored, "auroc_of_spline", false});
    list.push_back({scored, "auroc_gain_of_hull", true});
  }
  for (const std::int64_t d : frame.study.encode.dimensions) {
    if (!tests_hull(frame, "latent")) break;
    list.push_back({{"latent", "", d}, "fraction_inside", true});
    if (!tests_hull(frame, "pca")) continue;
    list.push_back({{"latent", "", d}, "fraction_inside_pca", false});
    list.push_back({{"latent", "", d}, "fraction_inside_minus_pca", true});
  }
  return list;
}

/// Values of one trial: plain, then one a resample. [quantity][1 + resamples]
using Draws = std::vector<std::vector<double>>;

struct TrialCounts {
  double n = 0, n_wrong = 0;
};

/// One trial's test points, and everything that is asked of a resample of them.
class TrialJudge {
 public:
  TrialJudge(const Frame& frame, const std::string& network, int trial)
      : frame_(frame),
        network_(network),
        trial_(trial),
        classifier_(read_classifier(frame.files, *frame.files.find("extract", network, trial))) {
    for (const std::uint8_t right : classifier_.correct) wrong_.push_back(!right);
    for (const Scored& scored : scored_of(frame)) add(scored);
    if (!tests_hull(frame, "latent")) return;
    for (const std::int64_t d : frame.study.encode.dimensions) {
      inside_.push_back(in_hull_of(study::latent_name(d)));
      if (tests_hull(frame, "pca")) inside_pca_.push_back(in_hull_of(fmt::format("pca-{:02}", d)));
    }
  }

  TrialCounts counts() const {
    return {static_cast<double>(wrong_.size()), static_cast<double>(std::count(wrong_.begin(), wrong_.end(), 1))};
  }
  std::int64_t points() const { return static_cast<std::int64_t>(wrong_.size()); }

  /// In the order of quantities_of().
  std::vector<double> judge(Weights weight) const {
    std::vector<double> values;
    for (const Judged& j : judged_) {
      const auto found = j.ranking.judge(weight);
      for (const double v : {found.auroc, found.fpr95, found.aurc, found.e_aurc}) values.push_back(v);
      if (!j.beside) continue;
      values.push_back(j.ranking.matched_accuracy_gain(j.beside->in_hull, weight));
      const double alone = j.beside->spline.judge(weight).auroc, both = j.beside->spline_and_hull.judge(weight).auroc;
      values.push_back(alone);
      values.push_back(j.beside->hull_varies ? both - alone : kNaN);
    }
    for (std::size_t d = 0; d < inside_.size(); ++d) {
      values.push_back(share(inside_[d], weight));
      if (inside_pca_.empty()) continue;
      values.push_back(share(inside_pca_[d], weight));
      values.push_back(values[values.size() - 2] - values.back());
    }
    return values;
  }

 private:
  struct BesideHull {
    std::vector<double> in_hull;
    Ranking spline, spline_and_hull;
    bool hull_varies;
  };
  struct Judged {
    Ranking ranking;
    std::optional<BesideHull> beside;
  };

  const study::Task* hull_task(const std::string& space) const {
    return space == "pixel" ? frame_.files.find("hull", "", -1, "pixel")
                            : frame_.files.find("hull", network_, trial_, space);
  }
  Verdicts verdicts(const std::string& space) const {
    return read_verdicts(frame_.files, *hull_task(space), classifier_.id, frame_.study.reduce.allow_undecided);
  }
  std::vector<double> in_hull_of(const std::string& space) const {
    return statistics::in_hull(verdicts(space).verdict);
  }

  std::vector<double> score_of(const Scored& scored) const {
    const std::string space = frame_.space_name(scored.space);
    if (scored.measure == "hull_distance") {
      auto found = verdicts(space);
      for (std::size_t i = 0; i < found.verdict.size(); ++i)
        if (found.verdict[i] == 0) found.distance_upper[i] = kNaN;
      return found.distance_upper;
    }
    return read_score(frame_.files, *frame_.proximity(scored.space, network_, trial_), space, scored.measure,
                      classifier_.id);
  }

  void add(const Scored& scored) {
    const auto score = score_of(scored);
    judged_.push_back({Ranking(score, wrong_), {}});
    if (!beside_hull(frame_, scored)) return;
    const auto in_hull = in_hull_of(frame_.space_name("latent"));
    const auto key = stream_key(static_cast<std::uint64_t>(frame_.study.seed), frame_.study.data.set + "/reduce/folds");
    const auto fit = statistics::cross_fit(score, in_hull, wrong_, statistics::folds_of(classifier_.id, key));
    judged_.back().beside.emplace(BesideHull{in_hull, Ranking(fit.distance, wrong_),
                                             Ranking(fit.distance_and_hull, wrong_),
                                             fit.folds_with_constant_hull == 0});
  }

  static double share(const std::vector<double>& inside, Weights weight) {
    std::int64_t in = 0, all = 0;
    for (std::size_t i = 0; i < inside.size(); ++i)
      if (!std::isnan(inside[i])) all += weight[i], in += inside[i] == 0 ? 0 : weight[i];
    return all > 0 ? static_cast<double>(in) / static_cast<double>(all) : kNaN;
  }

  const Frame& frame_;
  std::string network_;
  int trial_;
  Classifier classifier_;
  std::vector<std::uint8_t> wrong_;
  std::vector<Judged> judged_;
  std::vector<std::vector<double>> inside_, inside_pca_;  // by d
};

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
