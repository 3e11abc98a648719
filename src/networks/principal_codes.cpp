// The baseline of the intrinsic space: the same activations in as many dimensions, by principal components.
#include <fmt/format.h>

#include <algorithm>

#include <hullscope/base/error.hpp>
#include <hullscope/linalg/principal_axes.hpp>
#include <hullscope/networks/autoencoder.hpp>
#include <hullscope/networks/blocks.hpp>

namespace hullscope::networks {
namespace {

NamedArray named(const std::string& name, const Matrix<double>& values, Shape shape) {
  NamedArray array{name, std::move(shape), {}};
  for (Eigen::Index i = 0; i < values.size(); ++i) array.values.push_back(static_cast<float>(values.data()[i]));
  return array;
}

/// The classifier's output layer.
struct Head {
  Matrix<double> weight;  // classes x features
  Vector<double> bias;
  explicit Head(const EncodeRequest& request)
      : weight(request.head_weight.shape.at(0), request.head_weight.shape.at(1)), bias(request.head_bias.shape.at(0)) {
    std::copy(request.head_weight.values.begin(), request.head_weight.values.end(), weight.data());
    std::copy(request.head_bias.values.begin(), request.head_bias.values.end(), bias.data());
  }
};

Codes encode_split(MatrixView<float> activations, const linalg::PrincipalAxes& principal, const Head& head) {
  Codes codes{Matrix<float>(activations.rows(), principal.axes.rows()), {}, 0};
  Matrix<float> logits(1, head.weight.rows());
  double error = 0, deviation = 0;
  for (Eigen::Index i = 0; i < activations.rows(); ++i) {
    const Vector<double> away = activations.row(i).cast<double>().transpose() - principal.mean;
    const Vector<double> code = principal.axes * away;
    const Vector<double> back = principal.axes.transpose() * code;
    codes.code.row(i) = code.cast<float>().transpose();
    error += (away - back).squaredNorm();
    deviation += away.squaredNorm();
    logits.row(0) = (head.weight * (principal.mean + back) + head.bias).cast<float>().transpose();
    codes.hybrid_predicted.push_back(largest_entries(logits)[0]);
  }
  codes.unexplained_variance = deviation > 0 ? error / deviation : 0;
  return codes;
}

}  // namespace

EncodeAnswer encode_principal(const EncodeRequest& request) {
  const auto features = request.train.cols();
  if (request.test.cols() != features) throw InternalError("training and test activations of different widths");
  if (request.dimension > features)
    throw UsageError(
        fmt::format("hull.spaces names pca and encode.dimensions {}, but the neural space has {} dimensions; "
                    "expected at most as many",
                    request.dimension, features));
  const auto principal = linalg::principal_axes(request.train, request.dimension);
  const Head head(request);
  EncodeAnswer answer;
  answer.train = encode_split(request.train, principal, head);
  answer.test = encode_split(request.test, principal, head);
  // What the axes leave out is the mean for every point.
  for (Eigen::Index j = 0; j < features; ++j)
    answer.dead_outputs += (principal.axes.col(j).array().square() * principal.variance.array()).sum() <= 0;
  answer.arrays = {named("pca.mean", principal.mean, {features}),
                   named("pca.axes", principal.axes, {request.dimension, features})};
  return answer;
}

}  // namespace hullscope::networks
