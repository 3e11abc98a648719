#include "results_table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <sstream>

#include <hullscope/base/error.hpp>

namespace hullscope::jobs {
namespace {

std::vector<std::string> names_of(std::string_view dimensions) {
  std::vector<std::string> names;
  std::istringstream text{std::string(dimensions)};
  for (std::string name; std::getline(text, name, ',');) names.push_back(name);
  return names;
}

bool is_scale(const store::Field& field) {
  return field.path == "/" + std::string(field.dimensions);
}

/// Of the long table, which is written by itself (long_table.hpp).
bool is_row(const store::Field& field) {
  return field.path.starts_with("/table/") || field.path.starts_with("/draws/");
}

bool is_number(const store::Field& field) {
  return field.type == store::Type::f64 || field.type == store::Type::i64;
}

}  // namespace

ResultsTable::ResultsTable(std::string stage, std::map<std::string, std::int64_t> sizes)
    : stage_(std::move(stage)), sizes_(std::move(sizes)) {
  for (const store::Field& field : store::format_of(stage_).fields)
    if (is_number(field) && !is_scale(field) && !is_row(field) && !field.optional) array(std::string(field.path));
}

std::int64_t ResultsTable::size(const std::string& dimension) const {
  const auto found = sizes_.find(dimension);
  if (found == sizes_.end()) throw InternalError("results have no dimension " + dimension);
  return found->second;
}

ResultsTable::Array& ResultsTable::array(const std::string& path) {
  const auto known = arrays_.find(path);
  if (known != arrays_.end()) return known->second;
  const store::Field* field = store::find_field(store::format_of(stage_), path);
  if (!field || !is_number(*field)) throw InternalError("results have no numbers " + path);
  Array made;
  made.integer = field->type == store::Type::i64;
  for (const std::string& name : names_of(field->dimensions)) made.shape.push_back(size(name));
  const auto count = std::accumulate(made.shape.begin(), made.shape.end(), std::int64_t{1}, std::multiplies<>());
  made.values.assign(static_cast<std::size_t>(count), 0.0);
  return arrays_.emplace(path, std::move(made)).first->second;
}

std::size_t ResultsTable::offset(const std::string& path, const Array& array,
                                 std::initializer_list<std::int64_t> index) const {
  std::int64_t offset = 0;
  std::size_t axis = 0;
  for (const std::int64_t i : index) {
    if (axis >= array.shape.size() || i < 0 || i >= array.shape[axis])
      throw InternalError(fmt::format("index {} of axis {} is outside of {}", i, axis, path));
    offset = offset * array.shape[axis++] + i;
  }
  for (; axis < array.shape.size(); ++axis) offset *= array.shape[axis];
  return static_cast<std::size_t>(offset);
}

double& ResultsTable::at(const std::string& path, std::initializer_list<std::int64_t> index) {
  Array& found = array(path);
  if (index.size() != found.shape.size())
    throw InternalError(fmt::format("{} indices for {}, which has {} axes", index.size(), path, found.shape.size()));
  return found.values[offset(path, found, index)];
}

std::vector<double> ResultsTable::last_axis(const std::string& path, std::initializer_list<std::int64_t> leading) {
  const Array& found = array(path);
  if (leading.size() + 1 != found.shape.size())
    throw InternalError(fmt::format("{} has another number of axes than {}", path, leading.size() + 1));
  const auto first = found.values.begin() + static_cast<std::ptrdiff_t>(offset(path, found, leading));
  return {first, first + found.shape.back()};
}

void ResultsTable::share(const parallel::Comm& comm) {
  for (auto& [path, array] : arrays_) comm.sum_in_place(std::span<double>(array.values));
}

void ResultsTable::write(store::ArtifactWriter& writer) {
  for (const auto& [path, array] : arrays_) {
    if (!array.integer) {
      writer.write<double>(path, array.shape, array.values);
      continue;
    }
    std::vector<std::int64_t> whole;
    for (const double value : array.values) whole.push_back(std::llround(value));
    writer.write<std::int64_t>(path, array.shape, whole);
  }
}

}  // namespace hullscope::jobs
