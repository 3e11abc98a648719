// The neural space of a data set: what a trained classifier's last hidden layer says of every sample.
#pragma once
#include <cstdint>
#include <vector>

#include <hullscope/networks/model.hpp>
#include <hullscope/networks/samples.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::networks {

/// Rows [first, first + activation.rows()) of the data set.
struct Activations {
  std::int64_t first = 0;
  Matrix<float> activation;             ///< rows x units of the neural space
  Matrix<float> logit;                  ///< rows x classes
  std::vector<std::int64_t> predicted;  ///< largest logit, the smaller class of equals
};

/// This rank's share of the rows (blocks_of_rank), evaluation mode, in blocks on `threads` threads. The values do not
/// depend on the number of ranks or threads. Not collective. Throws EnvironmentError if an activation is not finite.
Activations extract(const Model& classifier, const Scaling& scaling, const Samples& samples, const parallel::Comm& comm,
                    std::int64_t threads);

}  // namespace hullscope::networks
