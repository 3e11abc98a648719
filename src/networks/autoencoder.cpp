#include <hullscope/networks/autoencoder.hpp>

#include <cmath>
#include <cstring>
#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/blocks.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::networks {
namespace {

float root_mean_square(MatrixView<float> activations) {
  double sum = 0;
  for (Eigen::Index i = 0; i < activations.rows(); ++i) sum += activations.row(i).cast<double>().squaredNorm();
  const double mean = activations.size() == 0 ? 0 : sum / static_cast<double>(activations.size());
  return mean > 0 ? static_cast<float>(std::sqrt(mean)) : 1.0f;
}

FitData scaled_rows(MatrixView<float> activations, float divisor) {
  FitData data;
  data.size = activations.rows();
  data.gather = [activations, divisor](std::span<const std::int64_t> rows, std::span<float> out) {
    const auto width = static_cast<std::size_t>(activations.cols());
    float* to = out.data();
    for (const auto row : rows) {
      const float* from = activations.row(row).data();
      for (std::size_t j = 0; j < width; ++j) to[j] = from[j] / divisor;
      to += width;
    }
  };
  return data;
}

/// The autoencoder and the head, with what they say of one split.
class Encoder {
 public:
  Encoder(const Model& autoencoder, const EncodeRequest& request, float divisor)
      : autoencoder_(autoencoder),
        head_(request.head),
        divisor_(divisor),
        mean_(request.train.cast<double>().colwise().mean().transpose()) {
    if (request.head_weight.values.empty()) return;
    dense_.emplace(make_head(request.train.cols(), request.head_weight.shape.at(0)), request.device);
    dense_->set_arrays({request.head_weight, request.head_bias});
    head_ = [this](MatrixView<float> rows) { return dense_->run(rows, 0, 1); };
  }

  Codes encode(MatrixView<float> activations) {
    const auto rows = activations.rows();
    Codes codes{Matrix<float>(rows, autoencoder_.architecture().inner_shape()[0]), {}, 0};
    codes.hybrid_predicted.assign(static_cast<std::size_t>(rows), -1);
    lowest_ = Vector<float>::Constant(activations.cols(), INFINITY);
    highest_ = -lowest_;
    double error = 0, deviation = 0;
    for_each_block(0, block_count(rows), 1, [&](std::int64_t block) {
      const auto [from, to] = parallel::block(block, rows, kBlockRows);
      const auto here = activations.middleRows(from, to - from);
      const auto reconstruction = encode_block(here, from, codes);
      error += (reconstruction.cast<double>() - here.cast<double>()).squaredNorm();
      deviation += (here.cast<double>().rowwise() - mean_.transpose()).squaredNorm();
      lowest_ = lowest_.cwiseMin(reconstruction.colwise().minCoeff().transpose());
      highest_ = highest_.cwiseMax(reconstruction.colwise().maxCoeff().transpose());
      parallel::heartbeat();
    });
    codes.unexplained_variance = deviation > 0 ? error / deviation : 0;
    return codes;
  }

  /// Output units that were constant over the split encoded last.
  std::int64_t constant_outputs() const { return (lowest_.array() >= highest_.array()).count(); }

 private:
  template <class Rows>
  Matrix<float> encode_block(const Rows& activations, std::int64_t from, Codes& codes) {
    const auto n = activations.rows();
    const auto layers = autoencoder_.architecture().layers.size(), inner = autoencoder_.architecture().inner;
    Matrix<float> input = Matrix<float>::Zero(kBlockRows, activations.cols());
    input.topRows(n) = activations / divisor_;
    const auto code = autoencoder_.run(view(input), 0, inner);
    Matrix<float> reconstruction = autoencoder_.run(view(code), inner, layers) * divisor_;
    codes.code.middleRows(from, n) = code.topRows(n);
    if (head_)
      std::copy_n(largest_entries(head_(view(reconstruction))).begin(), n, codes.hybrid_predicted.begin() + from);
    reconstruction.conservativeResize(n, Eigen::NoChange);
    return reconstruction;
  }

  const Model& autoencoder_;
  std::optional<Model> dense_;
  std::function<Matrix<float>(MatrixView<float>)> head_;  // or none
  float divisor_;
  Vector<double> mean_;
  Vector<float> lowest_, highest_;
};

}  // namespace

EncodeAnswer encode(const EncodeRequest& request, const parallel::Comm& group) {
  const auto features = request.train.cols();
  if (request.test.cols() != features) throw InternalError("training and test activations of different widths");
  const float divisor = root_mean_square(request.train);

  Model autoencoder(make_autoencoder(features, request.dimension, request.hidden, request.output), request.device);
  EncodeAnswer answer;
  answer.curves = fit(autoencoder, scaled_rows(request.train, divisor), request.fit, group);

  Encoder encoder(autoencoder, request, divisor);
  answer.train = encoder.encode(request.train);
  answer.dead_outputs = encoder.constant_outputs();
  answer.test = encoder.encode(request.test);

  answer.arrays = autoencoder.arrays();
  answer.arrays.insert(answer.arrays.begin(), NamedArray{"input.divisor", {1}, {divisor}});
  return answer;
}

Codes encode_with(const EncodeRequest& request, const Model& autoencoder, float divisor) {
  if (request.test.cols() != request.train.cols())
    throw InternalError("training and test activations of different widths");
  return Encoder(autoencoder, request, divisor).encode(request.test);
}

}  // namespace hullscope::networks
