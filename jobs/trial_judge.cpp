#include "trial_judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include <hullscope/base/random.hpp>
#include <hullscope/proximity/measure.hpp>
#include <hullscope/statistics/cross_fit.hpp>
#include <hullscope/statistics/hull_fraction.hpp>
#include <hullscope/statistics/ranking.hpp>

namespace hullscope::jobs {
namespace {

using statistics::Ranking;
using Weights = std::span<const std::int32_t>;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::array<const char*, 4> kJudged = {"auroc", "fpr95", "aurc", "e_aurc"};

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::count(names.begin(), names.end(), name) > 0;
}

// --- what is asked

std::vector<Scored> scored_of(const Frame& frame) {
  std::vector<Scored> list;
  const auto& options = frame.study.proximity;
  for (const std::string& space : frame.spaces) {
    const std::int64_t d = space == "latent" ? frame.dimension : -1;
    for (const std::string& measure : options.measures) list.push_back({space, measure, d});
    for (const auto& score : proximity::scores())
      if (holds(options.scores, score.name) && (space != "pixel" || !score.needs_prediction))
        list.push_back({space, score.name, d});
    if (!frame.study.hull.projection || !tests_hull(frame, space)) continue;
    list.push_back({space, "hull_distance", d});
    if (frame.study.hull.classes) list.push_back({space, "hull_distance_predicted_class", d});
  }
  if (holds(options.scores, "max_softmax") &&
      std::any_of(frame.spaces.begin(), frame.spaces.end(), [](const auto& s) { return s != "pixel"; }))
    list.push_back({"output", "max_softmax", -1});
  return list;
}

/// The latent distances whose logit and claims are decided beside the hull.
bool beside_hull(const Frame& frame, const Scored& scored) {
  return scored.space == "latent" && tests_hull(frame, "latent") &&
         (scored.measure == "euclidean" || scored.measure == "cosine");
}

}  // namespace

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
  for (const HullPlace& place : hull_places(frame)) {
    const auto add = [&](const std::string& measure, const char* statistic, bool stored = false) {
      list.push_back({{place.space, measure, place.dimension}, statistic, stored});
    };
    add("", "fraction_inside", place.space == "latent");
    if (place.space == "latent" && tests_hull(frame, "pca")) {
      add("", "fraction_inside_pca");
      add("", "fraction_inside_minus_pca", true);
    }
    if (frame.study.hull.classes)
      for (const char* which : kClassHulls) add(which, "fraction_inside_class_hull");
    for (const std::int64_t n : frame.study.hull.subsets)
      add(fmt::format("{} training points", n), "fraction_inside_subset");
  }
  return list;
}

// --- one trial

struct TrialJudge::State {
  struct BesideHull {
    std::vector<double> in_hull;
    Ranking spline, spline_and_hull;
    bool hull_varies;
  };
  struct Judged {
    Ranking ranking;
    std::optional<BesideHull> beside;
  };
  /// Points that count, and those of them that are inside: 0 or 1 each.
  struct Share {
    std::vector<std::int32_t> counts, inside;
    double of(Weights weight) const;
  };
  /// The shares of one place, in the order of quantities_of(): inside, pca's, class hulls, subsets.
  struct Place {
    Share inside;
    std::optional<Share> pca;
    std::vector<Share> further;
  };

  const Frame& frame;
  std::string network;
  int trial;
  Classifier classifier;
  std::vector<std::uint8_t> wrong;
  std::vector<Judged> judged;
  std::vector<Place> places;

  bool allow() const { return frame.study.reduce.allow_undecided; }
  Verdicts verdicts(const std::string& space) const;
  ClassVerdicts class_verdicts(const std::string& space) const;
  std::vector<double> score_of(const Scored& scored) const;
  void add(const Scored& scored);
  Share share_of(const std::vector<std::uint8_t>& verdict) const;
  void add(const HullPlace& place);
};

double TrialJudge::State::Share::of(Weights weight) const {
  std::int64_t in = 0, all = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) all += weight[i] * counts[i], in += weight[i] * inside[i];
  return all > 0 ? static_cast<double>(in) / static_cast<double>(all) : kNaN;
}

Verdicts TrialJudge::State::verdicts(const std::string& space) const {
  return read_verdicts(frame.files, *frame.hull(space, network, trial), classifier.id, allow());
}

ClassVerdicts TrialJudge::State::class_verdicts(const std::string& space) const {
  return read_class_verdicts(frame.files, *frame.files.find_hull(network, trial, space, "classes"), classifier.id,
                             allow());
}

std::vector<double> TrialJudge::State::score_of(const Scored& scored) const {
  const std::string space = frame.space_name(scored.space);
  if (scored.measure == "hull_distance") return verdicts(space).distances();
  if (scored.measure == "hull_distance_predicted_class") return class_verdicts(space).distance_to(classifier.predicted);
  return read_score(frame.files, *frame.proximity(scored.space, network, trial), space, scored.measure, classifier.id);
}

void TrialJudge::State::add(const Scored& scored) {
  const auto score = score_of(scored);
  judged.push_back({Ranking(score, wrong), {}});
  if (!beside_hull(frame, scored)) return;
  const auto in_hull = statistics::in_hull(verdicts(frame.space_name("latent")).verdict);
  const auto key = stream_key(static_cast<std::uint64_t>(frame.study.seed), frame.study.data.set + "/reduce/folds");
  const auto fit = statistics::cross_fit(score, in_hull, wrong, statistics::folds_of(classifier.id, key));
  judged.back().beside.emplace(BesideHull{in_hull, Ranking(fit.distance, wrong), Ranking(fit.distance_and_hull, wrong),
                                          fit.folds_with_constant_hull == 0});
}

TrialJudge::State::Share TrialJudge::State::share_of(const std::vector<std::uint8_t>& verdict) const {
  Share share;
  for (const std::uint8_t v : verdict) share.counts.push_back(v != 0), share.inside.push_back(v == 1);
  return share;
}

void TrialJudge::State::add(const HullPlace& place) {
  Place& made = places.emplace_back();
  made.inside = share_of(verdicts(place.name).verdict);
  if (place.space == "latent" && tests_hull(frame, "pca"))
    made.pca = share_of(verdicts(fmt::format("pca-{:02}", place.dimension)).verdict);
  if (frame.study.hull.classes) {
    const ClassVerdicts of_classes = class_verdicts(place.name);
    for (const char* which : kClassHulls)
      made.further.push_back(share_of(class_hull_verdicts(of_classes, which, classifier.label, classifier.predicted)));
  }
  for (const std::int64_t n : frame.study.hull.subsets) {
    const auto* task = frame.files.find_hull(network, trial, place.name, "subset", n);
    made.further.push_back(share_of(read_verdicts(frame.files, *task, classifier.id, allow()).verdict));
  }
}

TrialJudge::TrialJudge(const Frame& frame, const std::string& network, int trial)
    : state_(new State{frame,
                       network,
                       trial,
                       read_classifier(frame.files, *frame.files.find("extract", network, trial)),
                       {},
                       {},
                       {}}) {
  for (const std::uint8_t right : state_->classifier.correct) state_->wrong.push_back(!right);
  for (const Scored& scored : scored_of(frame)) state_->add(scored);
  for (const HullPlace& place : hull_places(frame)) state_->add(place);
}
TrialJudge::~TrialJudge() = default;

TrialCounts TrialJudge::counts() const {
  const auto& wrong = state_->wrong;
  return {static_cast<double>(wrong.size()), static_cast<double>(std::count(wrong.begin(), wrong.end(), 1))};
}

std::int64_t TrialJudge::points() const {
  return static_cast<std::int64_t>(state_->wrong.size());
}

std::vector<double> TrialJudge::judge(Weights weight) const {
  std::vector<double> values;
  for (const State::Judged& j : state_->judged) {
    const auto found = j.ranking.judge(weight);
    for (const double v : {found.auroc, found.fpr95, found.aurc, found.e_aurc}) values.push_back(v);
    if (!j.beside) continue;
    values.push_back(j.ranking.matched_accuracy_gain(j.beside->in_hull, weight));
    const double alone = j.beside->spline.judge(weight).auroc, both = j.beside->spline_and_hull.judge(weight).auroc;
    values.push_back(alone);
    values.push_back(j.beside->hull_varies ? both - alone : kNaN);
  }
  for (const State::Place& place : state_->places) {
    values.push_back(place.inside.of(weight));
    if (place.pca) {
      const double inside = values.back(), pca = place.pca->of(weight);
      values.push_back(pca);
      values.push_back(inside - pca);
    }
    for (const State::Share& share : place.further) values.push_back(share.of(weight));
  }
  return values;
}

}  // namespace hullscope::jobs
