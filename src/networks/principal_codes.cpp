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

/// What the classifier says of a point of the neural space.
class Head {
 public:
  explicit Head(const EncodeRequest& request) : other_(request.head) {
    if (request.head_weight.values.empty()) return;
    weight_.resize(request.head_weight.shape.at(0), request.head_weight.shape.at(1));
    bias_.resize(request.head_bias.shape.at(0));
    std::copy(request.head_weight.values.begin(), request.head_weight.values.end(), weight_.data());
    std::copy(request.head_bias.values.begin(), request.head_bias.values.end(), bias_.data());
  }
  std::int64_t predict(const Vector<double>& activation) const {
    if (weight_.size() == 0 && !other_) return -1;
    const Matrix<float> row = activation.cast<float>().transpose();
    const Matrix<float> logits = weight_.size() > 0
                                     ? Matrix<float>((weight_ * activation + bias_).cast<float>().transpose())
                                     : other_(view(row));
    return largest_entries(logits)[0];
  }

 private:
  Matrix<double> weight_;  // classes x features; empty: other_, or none
  Vector<double> bias_;
  std::function<Matrix<float>(MatrixView<float>)> other_;
};

Codes encode_split(MatrixView<float> activations, const linalg::PrincipalAxes& principal, const Head& head) {
  Codes codes{Matrix<float>(activations.rows(), principal.axes.rows()), {}, 0};
  double error = 0, deviation = 0;
  for (Eigen::Index i = 0; i < activations.rows(); ++i) {
    const Vector<double> away = activations.row(i).cast<double>().transpose() - principal.mean;
    const Vector<double> code = principal.axes * away;
    const Vector<double> back = principal.axes.transpose() * code;
    codes.code.row(i) = code.cast<float>().transpose();
    error += (away - back).squaredNorm();
    deviation += away.squaredNorm();
    codes.hybrid_predicted.push_back(head.predict(principal.mean + back));
  }
  codes.unexplained_variance = deviation > 0 ? error / deviation : 0;
  return codes;
}

linalg::PrincipalAxes axes_of(const EncodeRequest& request) {
  const auto features = request.train.cols();
  if (request.test.cols() != features) throw InternalError("training and test activations of different widths");
  if (request.dimension > features)
    throw UsageError(
        fmt::format("hull.spaces names pca and encode.dimensions {}, but the neural space has {} dimensions; "
                    "expected at most as many",
                    request.dimension, features));
  return linalg::principal_axes(request.train, request.dimension);
}

}  // namespace

Codes principal_codes(const EncodeRequest& request) {
  return encode_split(request.test, axes_of(request), Head(request));
}

EncodeAnswer encode_principal(const EncodeRequest& request) {
  const auto features = request.train.cols();
  const auto principal = axes_of(request);
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
