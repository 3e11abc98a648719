// The long table of results.h5: a row a statistic, in columns.
#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <hullscope/store/artifact.hpp>

namespace hullscope::jobs {

/// What does not apply is "", -1 or NaN.
struct ResultRow {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::string network;          ///< or the family of networks ("mlp" of "mlp-64", "mlp-256")
  std::int64_t trial = -1;      ///< -1: over trials
  std::string test_set;         ///< further test set; "": the study's own
  double strength = kNone;      ///< of its shift
  std::string space;            ///< latent, neural, pixel, output
  std::int64_t dimension = -1;  ///< of the latent space
  std::string measure, statistic;
  double value = kNone, lower = kNone, upper = kNone;  ///< 95 % interval by `method`
  double p = kNone;                                    ///< two-sided, of 0 (differences and trends)
  double degrees = kNone;                              ///< of freedom, of a t interval
  std::int64_t n = -1, trials = -1, n_wrong = -1;      ///< test points; trials; the fewest wrong answers of a trial
  std::string method, status = "ok";
  std::vector<double> draws;  ///< bootstrap draws that are stored beside the table
};

/// Does a measure use the true label? It then explains, and cannot predict.
bool uses_label(const std::string& measure);

/// "mlp" of "mlp-256": the name before the last hyphen, if digits follow it; else the whole name.
std::string family_of(const std::string& network);

/// /table/* and /draws/*. The same rows on every rank. Collective.
void write_long_table(store::ArtifactWriter& writer, const std::string& data_set, const std::vector<ResultRow>& rows);

}  // namespace hullscope::jobs
