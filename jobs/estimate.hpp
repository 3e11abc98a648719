// A simple cost model: CPU seconds of a task, for `--dry-run`. Counts of operations over rates measured on one core
// with AVX-512 (Fashion-MNIST, the quickstart's networks); within a factor of three elsewhere, and said to be an
// estimate.
#pragma once
#include <cstdint>
#include <vector>

#include <hullscope/study/plan.hpp>

namespace hullscope::jobs {

struct DataShape {
  std::int64_t train = 0, test = 0, features = 0, classes = 0;
  std::vector<std::int64_t> sample_shape;
};

double estimated_cpu_seconds(const study::Study& study, const study::Task& task, const DataShape& data);

/// How many of a stage's ranks can work at once: trainings and autoencoders are one rank's each.
int useful_ranks(const std::string& stage, int tasks, int ranks);

}  // namespace hullscope::jobs
