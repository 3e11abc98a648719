#include "spread.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/datasets/array_rows.hpp>
#include <hullscope/hull/spread.hpp>

namespace hullscope::jobs {

using parallel::Comm;

namespace {

/// Bytes of memory that this process may still take, as far as the kernel and the job's control group say.
double free_memory() {
  double least = std::numeric_limits<double>::infinity();
  std::ifstream info("/proc/meminfo");
  std::string key;
  for (double kilobytes; info >> key >> kilobytes; info.ignore(64, '\n'))
    if (key == "MemAvailable:") least = kilobytes * 1024;
  const auto number = [](const char* path) {
    std::ifstream file(path);
    double value = 0;
    return file >> value ? value : std::numeric_limits<double>::infinity();  // "max" is no number
  };
  for (const auto& [limit, used] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}})
    if (const double room = number(limit) - number(used); std::isfinite(room)) least = std::min(least, room);
  return std::max(0.0, least);
}

/// Bytes of one row in memory; integers may need float64.
double row_bytes(const datasets::ArrayRows& array) {
  const bool single = array.header().type == "u8" || array.header().type == "f32";
  return static_cast<double>(array.row_values()) * (single ? 4 : 8);
}

/// Bytes of the largest block.
double block_bytes(std::int64_t rows, double row, int ranks) {
  const auto [first, last] = hull::spread_block(rows, 0, ranks);
  return static_cast<double>(last - first) * row;
}

/// What one rank may hold; infinite: everything fits.
double allowance(const Comm& world, double bytes, double memory) {
  if (memory > 0) return memory;
  const Comm node = world.node();
  const double room = -world.max(-free_memory());
  const double most = static_cast<double>(world.max(static_cast<std::int64_t>(node.size())));
  return bytes <= 0.8 * room ? std::numeric_limits<double>::infinity() : 0.8 * room / most;
}

}  // namespace

RankGroup hull_group(const Comm& world, const std::string& name, double memory, bool together) {
  double numbers[2] = {};
  if (world.root()) {
    const datasets::ArrayRows array(name);
    numbers[0] = static_cast<double>(array.rows());
    numbers[1] = row_bytes(array);
  }
  world.broadcast_bytes(numbers, sizeof numbers);
  const std::int64_t rows = static_cast<std::int64_t>(numbers[0]);
  const double limit = allowance(world, numbers[0] * numbers[1], memory);
  int ranks = 1;
  if (together && memory == 0)
    ranks = world.size();
  else
    while (ranks < world.size() && block_bytes(rows, numbers[1], ranks) > limit) ++ranks;
  if (block_bytes(rows, numbers[1], ranks) > limit)
    throw UsageError(fmt::format(
        "{} takes {}, and {} on each of {} ranks is not enough for their blocks of it (the smallest is {} rows, {}); "
        "start more ranks or allow them more memory",
        name, format_bytes(numbers[0] * numbers[1]), format_bytes(limit), world.size(), hull::kSpreadTile,
        format_bytes(block_bytes(rows, numbers[1], std::numeric_limits<int>::max()))));
  const int groups = world.size() / ranks;
  const int colour = static_cast<int>(static_cast<std::int64_t>(world.rank()) * groups / world.size());
  Comm comm = world.split(colour, world.rank());
  return {std::move(comm), together || ranks > 1};
}

namespace {

/// Rows as they come, in float32 for as long as that is exact. One copy, where they stay.
class Rows {
 public:
  Rows(std::int64_t rows, std::int64_t dimension, bool wide) : wide_(wide) {
    wide_ ? double_.resize(rows, dimension) : single_.resize(rows, dimension);
  }
  void add(const datasets::Array& piece) {
    std::visit([&](const auto& m) { append(m); }, datasets::as_points(piece));
  }
  bool wide() const { return wide_; }
  void widen() {
    if (wide_) return;
    double_.resize(single_.rows(), single_.cols());
    double_.topRows(used_) = single_.topRows(used_).cast<double>();
    single_ = {};
    wide_ = true;
  }
  std::variant<Matrix<float>, Matrix<double>> take() {
    if (wide_) return std::move(double_);
    return std::move(single_);
  }

 private:
  template <class Scalar>
  void append(const Matrix<Scalar>& m) {
    if (std::is_same_v<Scalar, double>) widen();
    if (wide_)
      double_.middleRows(used_, m.rows()) = m.template cast<double>();
    else
      single_.middleRows(used_, m.rows()) = m.template cast<float>();
    used_ += m.rows();
  }
  bool wide_;
  Eigen::Index used_ = 0;
  Matrix<float> single_;
  Matrix<double> double_;
};

}  // namespace

ArrayBlock read_block(const Comm& group, const std::string& name) {
  constexpr std::int64_t kPiece = 4 << 20;  // bytes
  datasets::ArrayRows array(name);
  ArrayBlock block;
  block.total = array.rows();
  block.dimension = array.row_values();
  block.file = array.header().file;
  block.dataset = array.header().dataset;
  const auto [first, last] = hull::spread_block(block.total, group.rank(), group.size());
  block.first = first;
  Rows rows(last - first, block.dimension, array.header().type == "f64");
  array.skip(first);
  const std::int64_t step = std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, 8 * block.dimension));
  for (std::int64_t at = first; at < last; at += step) {
    const std::int64_t count = std::min(step, last - at);
    try {
      rows.add(array.next(count));
    } catch (const DataError& error) {
      // Its row is counted from the piece.
      throw DataError(block.file, block.dataset,
                      fmt::format("in rows {} to {}, counted from {}: {}", at, at + count - 1, at, error.what()));
    }
  }
  // The whole array is float64 if any value needs it, as it is where one process reads it.
  if (group.any(rows.wide())) rows.widen();
  block.rows = rows.take();
  block.digest = group.broadcast(group.root() ? datasets::digest_of_array(name) : "");
  return block;
}

}  // namespace hullscope::jobs
