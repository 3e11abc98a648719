#include <hullscope/statistics/ranking.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <hullscope/base/error.hpp>

namespace hullscope::statistics {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Sum over k = m+1 ... m+g of (e + w (k - m) / g) / k: the risk along a tie of g points, w of them wrong, behind m
/// points with e errors, in expectation over the orders inside the tie.
double risk_along_tie(double m, double e, double g, double w, double harmonic_difference) {
  return w + (e - w * m / g) * harmonic_difference;
}

}  // namespace

Ranking::Ranking(std::span<const double> score, std::span<const std::uint8_t> wrong)
    : wrong_(wrong.begin(), wrong.end()), harmonic_(score.size() + 1, 0.0) {
  for (std::size_t i = 0; i < score.size(); ++i)
    if (!std::isnan(score[i])) order_.push_back(static_cast<std::uint32_t>(i));
  std::sort(order_.begin(), order_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return score[a] != score[b] ? score[a] < score[b] : a < b; });
  for (std::size_t k = 0; k < order_.size(); ++k)
    if (k + 1 == order_.size() || score[order_[k + 1]] != score[order_[k]])
      last_.push_back(static_cast<std::uint32_t>(k + 1));
  for (std::size_t k = 1; k < harmonic_.size(); ++k) harmonic_[k] = harmonic_[k - 1] + 1.0 / static_cast<double>(k);
}

Discrimination Ranking::judge() const {
  return judge(std::vector<std::int32_t>(wrong_.size(), 1));
}

Discrimination Ranking::judge(std::span<const std::int32_t> weight) const {
  std::vector<std::int64_t> right_in(last_.size()), wrong_in(last_.size());
  std::int64_t right = 0, wrong = 0;
  std::size_t place = 0;
  for (std::size_t g = 0; g < last_.size(); ++g) {
    for (; place < last_[g]; ++place) {
      const std::uint32_t i = order_[place];
      (wrong_[i] ? wrong_in : right_in)[g] += weight[i];
    }
    right += right_in[g], wrong += wrong_in[g];
  }
  const std::int64_t total = right + wrong;
  if (total >= static_cast<std::int64_t>(harmonic_.size()))
    throw InternalError("a resample holds more points than there are");
  Discrimination result{kNaN, kNaN, kNaN, kNaN};
  if (total == 0) return result;

  std::int64_t right_below = 0, wrong_below = 0;
  double pairs = 0, risk = 0;
  for (std::size_t g = 0; g < last_.size(); ++g) {
    const std::int64_t size = right_in[g] + wrong_in[g], before = right_below + wrong_below;
    if (size == 0) continue;
    pairs +=
        static_cast<double>(wrong_in[g]) * (static_cast<double>(right_below) + static_cast<double>(right_in[g]) / 2);
    risk += risk_along_tie(
        static_cast<double>(before), static_cast<double>(wrong_below), static_cast<double>(size),
        static_cast<double>(wrong_in[g]),
        harmonic_[static_cast<std::size_t>(before + size)] - harmonic_[static_cast<std::size_t>(before)]);
    right_below += right_in[g], wrong_below += wrong_in[g];
  }
  result.aurc = risk / static_cast<double>(total);
  // All wrong answers last: k - right of them among the first k > right.
  const double best = static_cast<double>(wrong) -
                      static_cast<double>(right) *
                          (harmonic_[static_cast<std::size_t>(total)] - harmonic_[static_cast<std::size_t>(right)]);
  result.e_aurc = result.aurc - best / static_cast<double>(total);
  if (right == 0 || wrong == 0) return result;
  result.auroc = pairs / (static_cast<double>(right) * static_cast<double>(wrong));
  std::int64_t flagged_right = 0, flagged_wrong = 0;
  for (std::size_t g = last_.size(); g-- > 0 && flagged_wrong * 20 < wrong * 19;)
    flagged_right += right_in[g], flagged_wrong += wrong_in[g];
  result.fpr95 = static_cast<double>(flagged_right) / static_cast<double>(right);
  return result;
}

double Ranking::matched_accuracy_gain(std::span<const double> in_hull, std::span<const std::int32_t> weight) const {
  std::int64_t inside = 0, inside_right = 0, total = 0;
  for (const std::uint32_t i : order_) {
    if (std::isnan(in_hull[i])) continue;
    total += weight[i];
    if (in_hull[i] == 0) continue;
    inside += weight[i];
    inside_right += wrong_[i] ? 0 : weight[i];
  }
  if (inside == 0 || inside == total) return kNaN;
  double nearest_right = 0;
  std::int64_t left = inside;
  for (std::size_t g = 0, place = 0; g < last_.size() && left > 0; ++g) {
    std::int64_t size = 0, right = 0;
    for (; place < last_[g]; ++place) {
      const std::uint32_t i = order_[place];
      if (std::isnan(in_hull[i])) continue;
      size += weight[i];
      right += wrong_[i] ? 0 : weight[i];
    }
    if (size == 0) continue;
    const std::int64_t taken = std::min(size, left);
    nearest_right += static_cast<double>(right) * (static_cast<double>(taken) / static_cast<double>(size));
    left -= taken;
  }
  return (nearest_right - static_cast<double>(inside_right)) / static_cast<double>(inside);
}

}  // namespace hullscope::statistics
