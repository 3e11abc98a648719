// Scans of one row of a product: the smallest score, and the few entries below a threshold.
// Instruction set chosen at run time; a score has the same bits in both functions and on every machine.
#pragma once
#include <cstdint>
#include <vector>

namespace hullscope::linalg {

/// Scores of one query against n points: score_i = t * bias_i + w * (scale_i * product_i).
struct RowScores {
  const float* product;
  const float* bias;
  const float* scale;
  float t, w;
};

/// Smallest score of the entries [first, last); +inf if there are none. All scores must be finite.
float smallest_score(const RowScores& row, std::int64_t first, std::int64_t last);

struct Candidate {
  std::int64_t row;
  double lower;  ///< what the score is at least
};

/// Appends {row_offset + i, score_i - error} for every i in [first, last) with score_i <= threshold, in order.
void select_scores(const RowScores& row, std::int64_t first, std::int64_t last, float threshold, double error,
                   std::int64_t row_offset, std::vector<Candidate>& out);

}  // namespace hullscope::linalg
