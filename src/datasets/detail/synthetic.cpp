#include <hullscope/datasets/detail/synthetic.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numbers>

#include <fmt/format.h>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/detail/byte_source.hpp>

namespace hullscope::datasets::detail {

namespace {

constexpr double kMany = 1e9, kWide = 1e6;

const Parameter kTrainPoints{"n", 1000, 0, kMany, true, "training points"};
const Parameter kTestPoints{"test", 1000, 0, kMany, true, "test points"};
const Parameter kCoordinates{"d", 8, 1, kWide, true, "coordinates"};

using Values = std::map<std::string, double>;

const SyntheticKind& kind_of(const std::string& name) {
  const std::string base = name.substr(0, name.find('?'));
  for (const SyntheticKind& kind : synthetic_kinds())
    if (kind.name == base) return kind;
  throw InternalError("\"" + base + "\" is not a synthetic set");
}

double parse_value(const std::string& name, const Parameter& parameter, const std::string& text) {
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    throw UsageError(fmt::format("data set \"{}\": {} = \"{}\" is not a number", name, parameter.key, text));
  if (parameter.integer && value != std::floor(value))
    throw UsageError(fmt::format("data set \"{}\": {} = {}; expected an integer", name, parameter.key, text));
  if (value < parameter.least || value > parameter.most)
    throw UsageError(fmt::format("data set \"{}\": {} = {}; expected {} to {}", name, parameter.key, text,
                                 parameter.least, parameter.most));
  return value;
}

const Parameter& parameter_of(const std::string& name, const SyntheticKind& kind, const std::string& key) {
  std::vector<std::string> keys;
  for (const Parameter& parameter : kind.parameters) {
    if (parameter.key == key) return parameter;
    keys.push_back(parameter.key);
  }
  throw UsageError(fmt::format("data set \"{}\": unknown parameter \"{}\"; did you mean \"{}\"? {} takes {}", name, key,
                               nearest_name(key, keys), kind.name, join(keys)));
}

/// All parameters of "NAME?key=value&...", defaults where it is silent.
Values parse_parameters(const std::string& name) {
  const SyntheticKind& kind = kind_of(name);
  Values values, given;
  std::size_t at = name.find('?');
  while (at != std::string::npos && at + 1 < name.size()) {
    const std::size_t end = name.find('&', at + 1);
    const std::string pair = name.substr(at + 1, end == std::string::npos ? end : end - at - 1);
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos)
      throw UsageError(
          fmt::format("data set \"{}\": \"{}\"; expected KEY=VALUE pairs joined by \"&\" after the \"?\"", name, pair));
    const Parameter& parameter = parameter_of(name, kind, pair.substr(0, equals));
    if (given.count(parameter.key))
      throw UsageError(fmt::format("data set \"{}\": {} is given twice; expected once", name, parameter.key));
    given[parameter.key] = parse_value(name, parameter, pair.substr(equals + 1));
    at = end;
  }
  for (const Parameter& parameter : kind.parameters)
    values[parameter.key] = given.count(parameter.key) ? given[parameter.key] : parameter.default_value;
  return values;
}

std::int64_t integer(const Values& values, const std::string& key) {
  return static_cast<std::int64_t>(values.at(key));
}

std::string stream_name(const SyntheticKind& kind, const std::string& part) {
  return "datasets/" + kind.name + "/" + part;
}

/// Writes sample i of d values; returns its label.
using Sampler = std::function<std::int64_t(std::int64_t i, RandomStream& stream, std::vector<double>& out)>;

Samples draw(const SetRequest& request, std::int64_t n, std::int64_t d, std::int64_t classes, const Sampler& sampler) {
  require_memory(4.0 * static_cast<double>(n) * static_cast<double>(d), "data set \"" + request.name + "\"");
  const std::uint64_t key = stream_key(request.seed, stream_name(kind_of(request.name), request.split));
  Samples samples;
  samples.sample_shape = {d};
  samples.classes = classes;
  samples.labels.resize(static_cast<std::size_t>(n));
  samples.values.resize(static_cast<std::size_t>(n * d) * sizeof(float));
  std::vector<double> row(static_cast<std::size_t>(d));
  std::byte* out = samples.values.data();
  for (std::int64_t i = 0; i < n; ++i) {
    RandomStream stream(key, static_cast<std::uint64_t>(i));
    samples.labels[static_cast<std::size_t>(i)] = sampler(i, stream, row);
    for (const double value : row) {
      const auto rounded = static_cast<float>(value);
      std::memcpy(out, &rounded, sizeof rounded);
      out += sizeof rounded;
    }
  }
  return samples;
}

/// An orthonormal basis of a random subspace, after the unit vectors of `basis`, to which it is orthogonal: `rows` more
/// vectors of d values, Gram and Schmidt on standard normal ones, twice for accuracy.
std::vector<std::vector<double>> random_basis(std::uint64_t key, std::int64_t rows, std::int64_t d,
                                              std::vector<std::vector<double>> basis = {}) {
  for (std::int64_t r = 0; r < rows; ++r) {
    RandomStream stream(key, static_cast<std::uint64_t>(r));
    std::vector<double> v(static_cast<std::size_t>(d));
    for (double& x : v) x = stream.normal();
    for (int pass = 0; pass < 2; ++pass)
      for (const auto& b : basis) {
        double dot = 0;
        for (std::size_t j = 0; j < v.size(); ++j) dot += v[j] * b[j];
        for (std::size_t j = 0; j < v.size(); ++j) v[j] -= dot * b[j];
      }
    double norm = 0;
    for (const double x : v) norm += x * x;
    for (double& x : v) x /= std::sqrt(norm);
    basis.push_back(std::move(v));
  }
  return basis;
}

bool is_train(const SetRequest& request) {
  return request.split == "train";
}

std::int64_t count_of(const SetRequest& request, const Values& values) {
  const std::int64_t n =
      kind_of(request.name).name == "gaussian-classes"
          ? integer(values, "classes") * integer(values, is_train(request) ? "per_class_train" : "per_class_test")
          : integer(values, is_train(request) ? "n" : "test");
  if (request.limit > n)
    throw UsageError(fmt::format("the first {} {} samples of \"{}\" are asked for; it has {}", request.limit,
                                 request.split, request.name, n));
  return request.limit > 0 ? request.limit : n;
}

Samples make_gaussian_classes(const SetRequest& request, std::int64_t n) {
  const GaussianClasses set = gaussian_classes(request.name, request.seed);
  // Class i mod K, so that the first so many samples hold all classes alike.
  return draw(request, n, set.ambient, set.classes, [&](std::int64_t i, RandomStream& stream, std::vector<double>& x) {
    const std::int64_t label = i % set.classes;
    for (std::int64_t j = 0; j < set.ambient; ++j)
      x[static_cast<std::size_t>(j)] =
          set.centres[static_cast<std::size_t>(label * set.ambient + j)] + set.noise * stream.normal();
    return label;
  });
}

/// Fig. 1 of the paper: training points on the unit circle, test points inside it; seen in the plane (units = 0) or
/// through bell-shaped tuning curves exp(-|x - c|^2 / (2 width^2)), whose preferred points c fill a disc evenly
/// (Vogel's sunflower). In the plane every test point is in the hull; through the curves hardly any.
Samples make_circle(const SetRequest& request, std::int64_t n, const Values& values) {
  const std::int64_t units = integer(values, "units");
  const double width = values.at("width"), extent = values.at("extent"), radius = values.at("radius");
  const bool train = is_train(request);
  const double circle_points = values.at("n");
  const double golden = std::numbers::pi * (3 - std::sqrt(5.0));
  const auto sampler = [=](std::int64_t i, RandomStream& stream, std::vector<double>& out) -> std::int64_t {
    const double angle = 2 * std::numbers::pi * (train ? static_cast<double>(i) / circle_points : stream.uniform());
    const double r = train ? 1 : radius * std::sqrt(stream.uniform());
    const double x = r * std::cos(angle), y = r * std::sin(angle);
    if (units == 0) {
      out = {x, y};
      return 0;
    }
    for (std::int64_t u = 0; u < units; ++u) {
      const double place = static_cast<double>(u);
      const double ru = extent * std::sqrt((place + 0.5) / static_cast<double>(units));
      const double dx = x - ru * std::cos(golden * place), dy = y - ru * std::sin(golden * place);
      out[static_cast<std::size_t>(u)] = std::exp(-(dx * dx + dy * dy) / (2 * width * width));
    }
    return 0;
  };
  return draw(request, n, units == 0 ? 2 : units, 1, sampler);
}

Samples make_cloud(const SetRequest& request, std::int64_t n, const Values& values) {
  const std::int64_t d = integer(values, "d");
  const std::string& kind = kind_of(request.name).name;
  return draw(request, n, d, 1, [&](std::int64_t, RandomStream& stream, std::vector<double>& x) -> std::int64_t {
    for (double& value : x) value = kind == "cube" ? stream.uniform() : stream.normal();
    if (kind != "ball") return 0;
    // Uniform in the ball: a uniform direction, and the radius whose d-th power is uniform.
    double norm = 0;
    for (const double value : x) norm += value * value;
    const double scale = std::pow(stream.uniform(), 1.0 / static_cast<double>(d)) / std::sqrt(norm);
    for (double& value : x) value *= scale;
    return 0;
  });
}

}  // namespace

const std::vector<SyntheticKind>& synthetic_kinds() {
  static const std::vector<SyntheticKind> kinds = {
      {"gaussian-classes",
       "Gaussian classes whose centres lie in a random subspace (the paper's toy case)",
       {{"dimension", 3, 1, 1000, true, "true dimension: that of the subspace"},
        {"classes", 10, 1, 1000, true, "classes"},
        {"ambient", 32, 1, 1e5, true, "coordinates of a sample"},
        {"per_class_train", 5000, 0, 1e8, true, "training samples a class"},
        {"per_class_test", 1000, 0, 1e8, true, "test samples a class"},
        {"noise", 0, 0, 1e6, false, "standard deviation of the isotropic noise; 0: from accuracy"},
        {"accuracy", 0.7, 0, 1, false, "accuracy of the nearest-centre rule that the noise is chosen for"},
        {"whitened", 0, 0, 1, true, "1: centres of equal scatter in every direction; 0: standard normal ones"}}},
      {"circle",
       "points on and in a circle, seen through bell-shaped tuning curves (the paper's Fig. 1)",
       {{"n", 100, 0, kMany, true, "training points, evenly on the unit circle"},
        {"test", 1000, 0, kMany, true, "test points, uniform in the disc of that radius"},
        {"radius", 0.99, 0, 1, false, "radius of the test points' disc"},
        {"units", 100, 0, kWide, true, "tuning curves; 0: the plane itself"},
        {"width", 0.3, 1e-3, 1e3, false, "standard deviation of a tuning curve"},
        {"extent", 1.5, 0, 1e3, false, "radius of the disc of preferred points"}}},
      {"gaussian", "standard normal points", {kTrainPoints, kTestPoints, kCoordinates}},
      {"ball", "uniform points in the unit ball", {kTrainPoints, kTestPoints, kCoordinates}},
      {"cube", "uniform points in the unit cube [0, 1)^d", {kTrainPoints, kTestPoints, kCoordinates}},
  };
  return kinds;
}

bool is_synthetic(const std::string& name) {
  const std::string base = name.substr(0, name.find('?'));
  return std::any_of(synthetic_kinds().begin(), synthetic_kinds().end(),
                     [&](const SyntheticKind& kind) { return kind.name == base; });
}

// A draw e of class c is right under noise s iff |s e|^2 <= |z_c + s e - z_k|^2 for every k, that is
// s <= |z_c - z_k|^2 / (-2 <e, z_c - z_k>) wherever that product is negative. So each draw has a largest noise under
// which it is right, and the wanted noise is the (1 - accuracy) quantile of these: no search. Noise outside the
// subspace moves all centres alike and changes nothing.
double noise_for_accuracy(const std::vector<double>& z, std::int64_t classes, std::int64_t dimension, double accuracy,
                          std::uint64_t key, std::int64_t draws) {
  std::vector<double> largest(static_cast<std::size_t>(draws), std::numeric_limits<double>::infinity());
  std::vector<double> e(static_cast<std::size_t>(dimension));
  for (std::int64_t m = 0; m < draws; ++m) {
    RandomStream stream(key, static_cast<std::uint64_t>(m));
    for (double& x : e) x = stream.normal();
    const std::int64_t c = m % classes;
    for (std::int64_t k = 0; k < classes; ++k) {
      double dot = 0, square = 0;
      for (std::int64_t j = 0; j < dimension; ++j) {
        const double delta =
            z[static_cast<std::size_t>(c * dimension + j)] - z[static_cast<std::size_t>(k * dimension + j)];
        dot += e[static_cast<std::size_t>(j)] * delta;
        square += delta * delta;
      }
      double& bound = largest[static_cast<std::size_t>(m)];
      if (dot < 0) bound = std::min(bound, square / (-2 * dot));
    }
  }
  const auto place = largest.begin() + static_cast<std::ptrdiff_t>((1 - accuracy) * static_cast<double>(draws));
  std::nth_element(largest.begin(), place, largest.end());
  return *place;
}

// K x n: centres whose mean is 0 and whose covariance is the identity, so that every direction of the subspace parts
// the classes alike: the columns are random, orthonormal, and orthogonal to (1, ..., 1); times sqrt(K).
std::vector<double> whitened_centres(std::uint64_t key, std::int64_t classes, std::int64_t dimension) {
  const double root = std::sqrt(static_cast<double>(classes));
  const std::vector<double> ones(static_cast<std::size_t>(classes), 1 / root);
  const auto columns = random_basis(key, dimension, classes, {ones});
  std::vector<double> centres;
  for (std::size_t k = 0; k < ones.size(); ++k)
    for (std::size_t j = 1; j < columns.size(); ++j) centres.push_back(root * columns[j][k]);
  return centres;
}

GaussianClasses gaussian_classes(const std::string& name, std::uint64_t seed) {
  const SyntheticKind& kind = kind_of(name);
  const Values values = parse_parameters(name);
  GaussianClasses set{integer(values, "classes"), integer(values, "dimension"), integer(values, "ambient"), {}, {},
                      values.at("noise")};
  if (set.dimension > set.ambient)
    throw UsageError(fmt::format("data set \"{}\": dimension = {} is above ambient = {}; expected at most that", name,
                                 set.dimension, set.ambient));
  const double accuracy = values.at("accuracy");
  if (set.noise == 0 && (set.classes < 2 || accuracy * static_cast<double>(set.classes) <= 1 || accuracy >= 1))
    throw UsageError(
        fmt::format("data set \"{}\": no noise gives {} classes an accuracy of {}; expected one between "
                    "1/classes and 1, or noise=VALUE",
                    name, set.classes, accuracy));
  const std::uint64_t key = stream_key(seed, stream_name(kind, "centres"));
  if (values.at("whitened") != 0) {
    if (set.dimension >= set.classes)
      throw UsageError(
          fmt::format("data set \"{}\": whitened centres of {} classes span {} dimensions; expected "
                      "dimension below classes, or whitened=0",
                      name, set.classes, set.classes - 1));
    set.latent_centres = whitened_centres(key, set.classes, set.dimension);
  } else {
    for (std::int64_t k = 0; k < set.classes; ++k) {
      RandomStream stream(key, static_cast<std::uint64_t>(k));
      for (std::int64_t j = 0; j < set.dimension; ++j) set.latent_centres.push_back(stream.normal());
    }
  }
  const auto basis = random_basis(stream_key(seed, stream_name(kind, "subspace")), set.dimension, set.ambient);
  set.centres.assign(static_cast<std::size_t>(set.classes * set.ambient), 0.0);
  for (std::int64_t k = 0; k < set.classes; ++k)
    for (std::int64_t r = 0; r < set.dimension; ++r)
      for (std::int64_t j = 0; j < set.ambient; ++j)
        set.centres[static_cast<std::size_t>(k * set.ambient + j)] +=
            set.latent_centres[static_cast<std::size_t>(k * set.dimension + r)] *
            basis[static_cast<std::size_t>(r)][static_cast<std::size_t>(j)];
  // Standard error of the accuracy: 0.0015; fewer draws where a thousand classes would take minutes.
  const std::int64_t draws = std::min<std::int64_t>(100000, 2000000000 / (set.classes * set.dimension));
  if (set.noise == 0)
    set.noise = noise_for_accuracy(set.latent_centres, set.classes, set.dimension, accuracy,
                                   stream_key(seed, stream_name(kind, "noise")), draws);
  return set;
}

Samples make_synthetic(const SetRequest& request) {
  if (request.split != "train" && request.split != "test")
    throw UsageError("split \"" + request.split + "\"; expected train or test");
  const Values values = parse_parameters(request.name);
  const std::int64_t n = count_of(request, values);
  const std::string& kind = kind_of(request.name).name;
  if (kind == "gaussian-classes") return make_gaussian_classes(request, n);
  if (kind == "circle") return make_circle(request, n, values);
  return make_cloud(request, n, values);
}

}  // namespace hullscope::datasets::detail
