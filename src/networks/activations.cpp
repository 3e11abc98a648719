#include <hullscope/networks/activations.hpp>

#include <fmt/format.h>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::networks {

Activations extract(const Model& classifier, const Scaling& scaling, const Samples& samples, const parallel::Comm& comm,
                    std::int64_t threads) {
  const auto& architecture = classifier.architecture();
  const auto width = elements(architecture.inner_shape()), values = elements(samples.shape);
  const auto [first_block, last_block] = blocks_of_rank(comm, samples.size);
  const auto first = std::min(first_block * kBlockRows, samples.size),
             last = std::min(last_block * kBlockRows, samples.size);
  Activations result{
      first, Matrix<float>(last - first, width), Matrix<float>(last - first, architecture.outputs()), {}};

  for_each_block(first_block, last_block, threads, [&](std::int64_t block) {
    const auto [from, to] = parallel::block(block, samples.size, kBlockRows);
    Matrix<float> input = Matrix<float>::Zero(kBlockRows, values);
    for (auto row = from; row < to; ++row)
      samples.copy_row(row, {input.row(row - from).data(), static_cast<std::size_t>(values)});
    scaling.apply({input.data(), static_cast<std::size_t>(input.size())}, samples.shape);
    const auto activation = classifier.run(view(input), 0, architecture.inner);
    const auto logit = classifier.run(view(activation), architecture.inner, architecture.layers.size());
    result.activation.middleRows(from - first, to - from) = activation.topRows(to - from);
    result.logit.middleRows(from - first, to - from) = logit.topRows(to - from);
    parallel::heartbeat();
  });
  if (!result.activation.allFinite() || !result.logit.allFinite())
    throw EnvironmentError("an activation of the network is not finite: train it with a lower rate or another scaling");
  result.predicted = largest_entries(result.logit);
  return result;
}

}  // namespace hullscope::networks
