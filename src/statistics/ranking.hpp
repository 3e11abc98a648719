// Scores of right and wrong answers, sorted once, and what any resample of the points says of them in one pass.
// Wrong is the positive class; a larger score means less trust. Tied scores share their ranks: what depends on the
// order inside a tie is its expectation over all orders.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace hullscope::statistics {

/// How well a score tells wrong answers from right ones.
struct Discrimination {
  double auroc;   ///< P(score of a wrong answer > that of a right one) + half of P(equal)
  double fpr95;   ///< share of right answers flagged at the highest threshold that flags 95 % of the wrong ones
  double aurc;    ///< area under the risk-coverage curve: mean over k = 1 ... n of the error rate of the k least scores
  double e_aurc;  ///< aurc minus that of a score that puts all wrong answers last (Geifman, Uziel & El-Yaniv 2019)
};

class Ranking {
 public:
  /// n scores; wrong: n flags. NaN scores are left out (the score does not exist there), infinities take part.
  Ranking(std::span<const double> score, std::span<const std::uint8_t> wrong);

  std::int64_t used() const { return static_cast<std::int64_t>(order_.size()); }
  /// Each point once.
  Discrimination judge() const;
  /// weight: how often each of the n points was drawn. auroc and fpr95 are NaN unless there are wrong and right points,
  /// aurc is NaN without points. O(n).
  Discrimination judge(std::span<const std::int32_t> weight) const;

  /// Accuracy of the k least scores minus accuracy of the k points inside, where k is their number (the accuracy that
  /// each rule reaches at the same coverage). in_hull: n values 1, 0 or NaN (undecided: left out). NaN if no point or
  /// every point is inside: the hull then accepts nothing or leaves nothing out.
  double matched_accuracy_gain(std::span<const double> in_hull, std::span<const std::int32_t> weight) const;

 private:
  std::vector<std::uint32_t> order_;  // points, least score first
  std::vector<std::uint32_t> last_;   // ends of the groups of equal scores, as places in order_
  std::vector<std::uint8_t> wrong_;   // by point
  std::vector<double> harmonic_;      // H(0) ... H(n)
};

}  // namespace hullscope::statistics
