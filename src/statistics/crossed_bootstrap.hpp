// The crossed bootstrap: trials and test points are resampled independently, and the same points in every trial,
// measure and space, since all trials share them (Owen & Eckles 2012, the "product" of two bootstraps).
//
// The statistic of a resample is the mean over the drawn trials of the trial's statistic on the drawn points. So a
// trial computes its statistic on every resample of points by itself, and trials are joined afterwards.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include <hullscope/statistics/intervals.hpp>

namespace hullscope::statistics {

/// How often each of n points is drawn in resample b: n draws with replacement from RandomStream(key, b).
std::vector<std::int32_t> point_weights(std::int64_t n, std::uint64_t key, std::int64_t b);

/// How often each of n trials is drawn in resample b; another stream than the points'.
std::vector<std::int32_t> trial_weights(std::int64_t n, std::uint64_t key, std::int64_t b);

/// draws: trials x resamples, the statistic of each trial on each resample of points. Returns a value a resample: the
/// mean over the drawn trials that have one (NaN where none has).
std::vector<double> join_trials(const std::vector<std::vector<double>>& draws, std::uint64_t key);

/// Percentile interval of the draws that are finite; NaN where fewer than 19 in 20 are.
Interval percentile_interval(std::span<const double> draws, double level = 0.95);

}  // namespace hullscope::statistics
