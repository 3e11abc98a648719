#include <hullscope/networks/activations.hpp>

#include <fmt/format.h>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::networks {

namespace {

void require_finite(const Activations& found, const Samples& samples, const std::string& file) {
  for (Eigen::Index i = 0; i < found.activation.rows(); ++i) {
    if (found.activation.row(i).allFinite() && found.logit.row(i).allFinite()) continue;
    if (file.empty())
      throw EnvironmentError(
          "an activation of the network is not finite: train it with a lower rate or another scaling");
    throw DataError(file, "",
                    fmt::format("its answer to sample {} is not finite, expected numbers: look at its scaling",
                                samples.id(found.first + i)));
  }
}

}  // namespace

Evaluation evaluation_of(const Model& classifier) {
  const auto& architecture = classifier.architecture();
  return {elements(architecture.inner_shape()), architecture.outputs(),
          [&](MatrixView<float> samples) { return classifier.run(samples, 0, classifier.architecture().inner); },
          [&](MatrixView<float> activations) {
            return classifier.run(activations, classifier.architecture().inner,
                                  classifier.architecture().layers.size());
          }};
}

Activations extract(const Evaluation& classifier, const Scaling& scaling, const Samples& samples,
                    const parallel::Comm& comm, std::int64_t threads) {
  const auto values = elements(samples.shape);
  const auto [first_block, last_block] = blocks_of_rank(comm, samples.size);
  const auto first = std::min(first_block * kBlockRows, samples.size),
             last = std::min(last_block * kBlockRows, samples.size);
  Activations result{
      first, Matrix<float>(last - first, classifier.neural), Matrix<float>(last - first, classifier.outputs), {}};

  for_each_block(first_block, last_block, threads, [&](std::int64_t block) {
    const auto [from, to] = parallel::block(block, samples.size, kBlockRows);
    Matrix<float> input = Matrix<float>::Zero(kBlockRows, values);
    for (auto row = from; row < to; ++row)
      samples.copy_row(row, {input.row(row - from).data(), static_cast<std::size_t>(values)});
    scaling.apply({input.data(), static_cast<std::size_t>(input.size())}, samples.shape);
    const auto activation = classifier.body(view(input));
    const auto logit = classifier.head(view(activation));
    result.activation.middleRows(from - first, to - from) = activation.topRows(to - from);
    result.logit.middleRows(from - first, to - from) = logit.topRows(to - from);
    parallel::heartbeat();
  });
  require_finite(result, samples, classifier.file);
  result.predicted = largest_entries(result.logit);
  return result;
}

Activations extract(const Model& classifier, const Scaling& scaling, const Samples& samples, const parallel::Comm& comm,
                    std::int64_t threads) {
  return extract(evaluation_of(classifier), scaling, samples, comm, threads);
}

}  // namespace hullscope::networks
