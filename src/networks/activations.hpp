// The neural space of a data set: what a trained classifier's last hidden layer says of every sample.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
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

/// A classifier in two parts. Both take any number of rows, and may be called by several threads at once.
struct Evaluation {
  std::int64_t neural = 0, outputs = 0;                          ///< units of the neural space; classes
  std::function<Matrix<float>(MatrixView<float> samples)> body;  ///< scaled samples to the neural space
  std::function<Matrix<float>(MatrixView<float> activations)> head;
  std::string file = "";  ///< of a network that was made elsewhere
};
/// Of `classifier`, which must outlive it.
Evaluation evaluation_of(const Model& classifier);

/// This rank's share of the rows (blocks_of_rank), evaluation mode, in blocks on `threads` threads. The values do not
/// depend on the number of ranks or threads. Not collective. Throws EnvironmentError if an activation is not finite,
/// DataError if that is the fault of a network made elsewhere.
Activations extract(const Evaluation& classifier, const Scaling& scaling, const Samples& samples,
                    const parallel::Comm& comm, std::int64_t threads);
Activations extract(const Model& classifier, const Scaling& scaling, const Samples& samples, const parallel::Comm& comm,
                    std::int64_t threads);

}  // namespace hullscope::networks
