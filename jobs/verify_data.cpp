#include "verify_data.hpp"

#include <cmath>
#include <filesystem>
#include <optional>
#include <sstream>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/array.hpp>

namespace hullscope::jobs {
namespace {

/// An array that a hull file names, relative to its folder unless `named` says another.
datasets::Array find_array(const std::string& hull_file, const std::string& stored, const std::string& named,
                           const std::string& option) {
  if (!named.empty()) return datasets::read_array(named);
  if (stored.empty()) throw UsageError(hull_file + " does not say where its data are; name them by " + option);
  const auto folder = std::filesystem::path(hull_file).parent_path();
  try {
    return datasets::read_array((folder / stored).string());
  } catch (const DataError& error) {
    throw UsageError(std::string(error.what()) + "; if the file has moved, name it by " + option);
  }
}

void compare_digest(const std::string& what, const std::string& stored, const std::string& found,
                    std::vector<std::string>& integrity) {
  if (stored != found)
    integrity.push_back("the digest of the " + what + " is " + found.substr(0, 16) + "..., the file says " +
                        stored.substr(0, 16) + "...");
}

/// Row numbers or a mask.
std::vector<std::uint8_t> read_mask(const datasets::Array& subset, std::int64_t n) {
  const bool is_mask = subset.type == "u8";
  const auto values = std::visit(
      [](const auto& m) {
        std::vector<std::int64_t> out;
        for (Eigen::Index i = 0; i < m.size(); ++i) out.push_back(static_cast<std::int64_t>(m.data()[i]));
        return out;
      },
      datasets::as_points(subset));
  return subset_mask(values, is_mask, n, "the subset " + subset.file);
}

}  // namespace

HullData read_hull_data(const std::string& path, const HullFile& file, const GivenArrays& given,
                        std::vector<std::string>& integrity) {
  const auto read = [&](const std::string& what, const std::string& stored, const std::string& digest,
                        const std::string& named, const std::string& option) {
    datasets::Array array = find_array(path, stored, named, option);
    compare_digest(what, digest, array.digest, integrity);
    return array;
  };
  const HullAttributes& names = file.attributes();
  HullData data;
  data.points = datasets::as_points(read("points", names.points, names.points_digest, given.points, "--points"));
  data.queries = datasets::as_points(read("queries", names.queries, names.queries_digest, given.queries, "--queries"));
  if (!names.subset.empty())
    data.mask = read_mask(read("subset", names.subset, names.subset_digest, given.subset, "--subset"),
                          rows(HullData::view_of(data.points)));
  if (!names.labels.empty())
    data.labels = datasets::as_labels(read("labels", names.labels, names.labels_digest, given.labels, "--labels"));
  if (!names.left_out.empty())
    data.left_out = datasets::as_labels(
        read("list of left-out rows", names.left_out, names.left_out_digest, given.left_out, "--left-out"));
  return data;
}

namespace {

/// A query that is left out of its own hull is one of the points.
std::string false_left_out(const HullData& data) {
  const PointsView points = HullData::view_of(data.points), queries = HullData::view_of(data.queries);
  const std::int64_t n = rows(points), m = rows(queries);
  if (static_cast<std::int64_t>(data.left_out.size()) != m)
    return "there are " + std::to_string(data.left_out.size()) + " left-out rows for " + std::to_string(m) + " queries";
  if (cols(points) != cols(queries)) return {};  // said elsewhere
  for (std::int64_t q = 0; q < m; ++q) {
    const std::int64_t row = data.left_out[static_cast<std::size_t>(q)];
    if (row >= n)
      return "query " + std::to_string(q) + " leaves out row " + std::to_string(row) + " of " + std::to_string(n) +
             " points";
    const bool same = std::visit(
        [&](const auto& x, const auto& y) {
          return (x.row(row).template cast<double>().array() == y.row(q).template cast<double>().array()).all();
        },
        data.points, data.queries);
    if (!same) return "query " + std::to_string(q) + " is not row " + std::to_string(row) + ", which it leaves out";
  }
  return {};
}

}  // namespace

std::vector<std::string> false_frame(const std::string& path, const HullFile& file, const HullData& data,
                                     const GivenArrays& given) {
  std::vector<std::string> reasons;
  const std::int64_t n = rows(HullData::view_of(data.queries)), d = cols(HullData::view_of(data.queries));
  if (file.queries() != n)
    reasons.push_back("it holds " + std::to_string(file.queries()) + " verdicts for " + std::to_string(n) + " queries");
  if (file.coordinates() != d || cols(HullData::view_of(data.points)) != d)
    reasons.push_back("points, queries and directions have " + std::to_string(cols(HullData::view_of(data.points))) +
                      ", " + std::to_string(d) + " and " + std::to_string(file.coordinates()) + " coordinates");
  if (!file.attributes().labels.empty()) {
    if (static_cast<std::int64_t>(data.labels.size()) != rows(HullData::view_of(data.points)))
      reasons.push_back("there are " + std::to_string(data.labels.size()) + " labels for " +
                        std::to_string(rows(HullData::view_of(data.points))) + " points");
    else if (labels_present(data.labels, data.mask) != file.classes())
      reasons.push_back("its classes are not the labels that its points have");
  }
  if (!file.attributes().left_out.empty())
    if (std::string reason = false_left_out(data); !reason.empty()) reasons.push_back(std::move(reason));
  const std::string& name = file.attributes().queries;
  const std::size_t colon = name.rfind(":/");
  if (!given.queries.empty() || colon == std::string::npos) return reasons;
  const store::ArtifactReader reader((std::filesystem::path(path).parent_path() / name.substr(0, colon)).string());
  const std::string sample = (std::filesystem::path(name.substr(colon + 1)).parent_path() / "sample").string();
  if (reader.has(sample) && reader.read<std::int64_t>(sample) != file.samples())
    reasons.push_back("its sample ids are not those of " + name.substr(0, colon) + ":" + sample);
  return reasons;
}

/// Mean distance of the points to their mean.
static double scale_of(const PointsView& points) {
  return std::visit(
      [](const auto& x) {
        const Eigen::RowVectorXd mean = x.template cast<double>().colwise().mean();
        return (x.template cast<double>().rowwise() - mean).rowwise().norm().mean();
      },
      points);
}

std::vector<std::string> false_summary(const HullFile& file, const HullData& data) {
  const store::ArtifactReader& reader = file.reader();
  std::vector<std::string> reasons;
  const auto attribute = [&](const char* name) -> std::optional<double> {
    try {
      return reader.number("/", name);
    } catch (const DataError&) {  // files of other makers may not have it
      return std::nullopt;
    }
  };
  const auto compare = [&](const char* name, double expected, double tolerance) {
    const std::optional<double> stored = attribute(name);
    if (!stored || std::fabs(*stored - expected) <= tolerance) return;
    std::ostringstream sentence;
    sentence << "its attribute `" << name << "` is " << *stored << ", but the file and its data make it " << expected;
    reasons.push_back(sentence.str());
  };
  const auto verdict = reader.read<std::uint8_t>("/verdict");
  const auto upper = reader.read<double>("/distance_upper");
  const double near = attribute("eps").value_or(0) * attribute("scale").value_or(0);
  double counts[3] = {}, within = 0;
  for (std::size_t q = 0; q < verdict.size(); ++q) {
    if (verdict[q] < 3) ++counts[verdict[q]];
    within += verdict[q] == 1 || upper[q] <= near ? 1 : 0;
  }
  compare("undecided", counts[0], 0);
  compare("inside", counts[1], 0);
  compare("outside", counts[2], 0);
  compare("within_eps", within, 0);
  compare("n_points", static_cast<double>(rows(HullData::view_of(data.points))), 0);
  const double scale = scale_of(HullData::view_of(data.points));
  compare("scale", scale, 1e-6 * scale);
  return reasons;
}

}  // namespace hullscope::jobs
