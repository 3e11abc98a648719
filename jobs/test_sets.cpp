#include "test_sets.hpp"

#include <fmt/format.h>

#include <hullscope/base/error.hpp>
#include <hullscope/store/artifact.hpp>

namespace hullscope::jobs {
namespace {

/// x -> weight (x - centre) / divisor + bias, then a ReLU or none.
struct Step {
  Matrix<double> weight;
  Vector<double> centre, bias;
  double divisor;
  bool relu;

  Vector<double> operator()(const Vector<double>& x) const {
    Vector<double> y = weight * ((x - centre) / divisor) + bias;
    return relu ? Vector<double>(y.cwiseMax(0.0)) : y;
  }
};

Vector<double> read_vector(const store::ArtifactReader& reader, const std::string& path) {
  const auto values = reader.read<float>(path);
  return Eigen::Map<const Vector<float>>(values.data(), static_cast<Eigen::Index>(values.size())).cast<double>();
}

Step dense_step(const store::ArtifactReader& reader, const std::string& name, double divisor, bool relu) {
  const Matrix<double> weight = reader.read_matrix<float>("/parameter/" + name + ".weight").cast<double>();
  return {weight, Vector<double>::Zero(weight.cols()), read_vector(reader, "/parameter/" + name + ".bias"), divisor,
          relu};
}

/// The encoder's layers; the parameters are named as networks/ names them, and the decoder mirrors the encoder.
std::vector<Step> read_encoder(const std::string& file) {
  const store::ArtifactReader reader(file, "encode");
  if (reader.has("/parameter/pca.axes")) {
    const Matrix<double> axes = reader.read_matrix<float>("/parameter/pca.axes").cast<double>();
    return {{axes, read_vector(reader, "/parameter/pca.mean"), Vector<double>::Zero(axes.rows()), 1, false}};
  }
  int dense = 0;
  while (reader.has(fmt::format("/parameter/dense{}.weight", dense + 1))) ++dense;
  double divisor = read_vector(reader, "/parameter/input.divisor")(0);
  std::vector<Step> steps;
  for (int i = 1; i <= dense / 2; ++i) {
    steps.push_back(dense_step(reader, fmt::format("dense{}", i), divisor, true));
    divisor = 1;
  }
  steps.push_back(dense_step(reader, "bottleneck", divisor, false));
  return steps;
}

}  // namespace

Matrix<float> encode_activations(const std::string& codes_file, MatrixView<float> activations) {
  const auto steps = read_encoder(codes_file);
  if (steps.front().weight.cols() != activations.cols())
    throw DataError(codes_file, "/parameter",
                    fmt::format("the encoder takes {} features, but the test set has {}; run stage extract again",
                                steps.front().weight.cols(), activations.cols()));
  Matrix<float> codes(activations.rows(), steps.back().weight.rows());
  for (Eigen::Index i = 0; i < activations.rows(); ++i) {
    Vector<double> x = activations.row(i).cast<double>().transpose();
    for (const Step& step : steps) x = step(x);
    codes.row(i) = x.cast<float>().transpose();
  }
  return codes;
}

TestSetPoints read_test_set(const Stage& stage, const study::Task& task, const std::string& codes_file) {
  const store::ArtifactReader reader(stage.path(task.inputs.at("queries")), "extract-test");
  TestSetPoints found{reader.read<std::int64_t>("/test/sample"), reader.read_matrix<float>("/test/activation")};
  if (!codes_file.empty()) found.points = encode_activations(codes_file, view(found.points));
  return found;
}

}  // namespace hullscope::jobs
