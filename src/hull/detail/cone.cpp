#include <algorithm>
#include <cmath>
#include <cstring>
#include <hullscope/base/error.hpp>
#include <hullscope/hull/detail/cone.hpp>
#include <limits>
#include <numeric>
#include <string>

namespace hullscope::hull::detail {
namespace {

constexpr std::int64_t kWidth = 8;
typedef double Lanes __attribute__((vector_size(kWidth * sizeof(double))));
typedef float FloatLanes __attribute__((vector_size(kWidth * sizeof(float))));

[[gnu::always_inline]] inline Lanes load(const double* p) {
  Lanes v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
[[gnu::always_inline]] inline Lanes load(const float* p) {
  FloatLanes v;
  std::memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, Lanes);
}

// sum_k p_k v_k, p = (x - y) / unit, and v = p where it is not given; eight lanes, so that the order is the same on
// every instruction set.
template <bool kSquare, class Scalar>
[[gnu::always_inline]] inline double row_product(const Scalar* x, std::int64_t d, const double* y, double inverse_unit,
                                                 const double* v) {
  Lanes a = {}, b = {};
  std::int64_t k = 0;
  for (; k + 2 * kWidth <= d; k += 2 * kWidth) {
    const Lanes p = (load(x + k) - load(y + k)) * inverse_unit;
    const Lanes q = (load(x + k + kWidth) - load(y + k + kWidth)) * inverse_unit;
    if constexpr (kSquare)
      a += p * p, b += q * q;
    else
      a += p * load(v + k), b += q * load(v + k + kWidth);
  }
  for (std::int64_t lane = 0; k < d; ++k, lane = (lane + 1) % kWidth) {
    const double p = (static_cast<double>(x[k]) - y[k]) * inverse_unit;
    a[lane] += kSquare ? p * p : p * v[k];
  }
  a += b;
  return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7]));
}

#define HULLSCOPE_VECTORISED __attribute__((target_clones("default", "avx2", "arch=x86-64-v4")))

HULLSCOPE_VECTORISED void row_products(const float* x, const std::int64_t* rows, std::int64_t n, std::int64_t d,
                                       const double* y, double inverse_unit, const double* v, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = row_product<false>(x + rows[i] * d, d, y, inverse_unit, v);
}
HULLSCOPE_VECTORISED void row_products(const double* x, const std::int64_t* rows, std::int64_t n, std::int64_t d,
                                       const double* y, double inverse_unit, const double* v, double* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = row_product<false>(x + rows[i] * d, d, y, inverse_unit, v);
}
HULLSCOPE_VECTORISED double row_square(const float* x, std::int64_t d, const double* y, double inverse_unit) {
  return row_product<true>(x, d, y, inverse_unit, nullptr);
}
HULLSCOPE_VECTORISED double row_square(const double* x, std::int64_t d, const double* y, double inverse_unit) {
  return row_product<true>(x, d, y, inverse_unit, nullptr);
}

// sum += w p
template <class Scalar>
[[gnu::always_inline]] inline void add_row(const Scalar* x, std::int64_t d, const double* y, double inverse_unit,
                                           double w, double* sum) {
  for (std::int64_t k = 0; k < d; ++k) sum[k] += w * ((static_cast<double>(x[k]) - y[k]) * inverse_unit);
}
HULLSCOPE_VECTORISED void add_weighted(const float* x, std::int64_t d, const double* y, double inverse_unit, double w,
                                       double* sum) {
  add_row(x, d, y, inverse_unit, w, sum);
}
HULLSCOPE_VECTORISED void add_weighted(const double* x, std::int64_t d, const double* y, double inverse_unit, double w,
                                       double* sum) {
  add_row(x, d, y, inverse_unit, w, sum);
}

void require(int code) {
  if (code != MPI_SUCCESS) throw EnvironmentError("MPI failed between the ranks of a hull problem; run it again.");
}

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

}  // namespace

Cone::Cone(MPI_Comm comm, const RowBlock& block, std::vector<std::int64_t> members, const double* y, double unit)
    : comm_(comm),
      block_(block),
      d_(cols(block.rows)),
      members_(std::move(members)),
      y_(y, y + d_),
      inverse_unit_(1 / unit) {
  require(MPI_Comm_rank(comm_, &rank_));
  require(MPI_Comm_size(comm_, &ranks_));
  first_of_ = gather(std::vector<std::int64_t>{block_.first});
  nearest_ = find_nearest();
  if (nearest_.empty()) throw InternalError("a hull problem has no point that takes part.");
  lift_ = std::clamp(std::sqrt(nearest_.front().key), 1.0, 1e100);
}

// One allgather of lengths, one of contents; in the ranks' order.
template <class T>
std::vector<T> Cone::gather(const std::vector<T>& mine) const {
  if (ranks_ == 1) return mine;
  const double limit = std::numeric_limits<int>::max();
  if (static_cast<double>(mine.size() * sizeof(T)) > limit)
    throw EnvironmentError("a message of a hull problem passes 2 GiB; spread the points over more ranks.");
  const int bytes = static_cast<int>(mine.size() * sizeof(T));
  std::vector<int> count(index(ranks_)), start(index(ranks_));
  require(MPI_Allgather(&bytes, 1, MPI_INT, count.data(), 1, MPI_INT, comm_));
  double total = 0;
  for (std::size_t r = 0; r < count.size(); ++r) {
    if (total > limit)
      throw EnvironmentError("the messages of a hull problem pass 2 GiB; it has too many coordinates for one group.");
    start[r] = static_cast<int>(total);
    total += count[r];
  }
  if (total > limit)
    throw EnvironmentError("the messages of a hull problem pass 2 GiB; it has too many coordinates for one group.");
  std::vector<T> all(static_cast<std::size_t>(total) / sizeof(T));
  require(MPI_Allgatherv(mine.data(), bytes, MPI_BYTE, all.data(), count.data(), start.data(), MPI_BYTE, comm_));
  return all;
}

std::int64_t Cone::variable_of(std::int64_t row) const {
  const auto found = std::lower_bound(members_.begin(), members_.end(), row - block_.first);
  return found != members_.end() && *found == row - block_.first ? found - members_.begin() : -1;
}

std::vector<RankedRow> Cone::lowest(std::vector<RankedRow> mine, std::size_t count) const {
  const auto cut = [&](std::vector<RankedRow>& rows) {
    const std::size_t kept = std::min(count, rows.size());
    std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end());
    rows.resize(kept);
  };
  cut(mine);
  std::vector<RankedRow> all = gather(mine);
  cut(all);
  return all;
}

// A deep query is inside the hull of about 4 (d + 1) of its nearest points (Wendel, 1962, gives the odds).
std::vector<RankedRow> Cone::find_nearest() const {
  std::vector<RankedRow> rows(members_.size());
  for (std::size_t j = 0; j < rows.size(); ++j) {
    const std::int64_t i = members_[j];
    rows[j] = {square(i), block_.first + i};
  }
  return lowest(std::move(rows), index(std::clamp<std::int64_t>(4 * (d_ + 1), 16, 128)));
}

void Cone::transposed_product(const double* l, std::vector<double>& sum) const {
  const std::size_t width = index(d_ + 1);
  std::vector<double> tiles;
  std::int64_t tile = -1;
  for (std::size_t j = 0; j < members_.size(); ++j) {
    if (l[j] == 0) continue;
    const std::int64_t i = members_[j], its_tile = (block_.first + i) / kTile;
    if (its_tile != tile) tile = its_tile, tiles.resize(tiles.size() + width, 0.0);
    double* part = tiles.data() + tiles.size() - width;
    std::visit([&](const auto& x) { add_weighted(x.data() + i * d_, d_, y_.data(), inverse_unit_, l[j], part); },
               block_.rows);
    part[width - 1] += l[j] * lift_;
  }
  tiles = gather(tiles);
  sum.assign(width, 0.0);
  for (std::size_t t = 0; t < tiles.size(); t += width)
    for (std::size_t k = 0; k < width; ++k) sum[k] += tiles[t + k];
}

void Cone::product(const std::vector<double>& v, double* out) const {
  std::visit(
      [&](const auto& x) {
        row_products(x.data(), members_.data(), variables(), d_, y_.data(), inverse_unit_, v.data(), out);
      },
      block_.rows);
  const double last = lift_ * v.back();
  for (std::size_t j = 0; j < members_.size(); ++j) out[j] += last;
}

double Cone::diagonal(std::int64_t j) const {
  return square(members_[index(j)]) + lift_ * lift_;
}

// |p|^2 of a row of this rank's block
double Cone::square(std::int64_t i) const {
  return std::visit([&](const auto& x) { return row_square(x.data() + i * d_, d_, y_.data(), inverse_unit_); },
                    block_.rows);
}

std::vector<double> Cone::columns(const std::vector<std::int64_t>& rows) const {
  // Each rank sends its rows in the order of the list.
  const auto owner = [&](std::int64_t row) {
    // The last rank whose block begins at or before the row (empty blocks share a beginning with the next one).
    return std::upper_bound(first_of_.begin(), first_of_.end(), row) - first_of_.begin() - 1;
  };
  std::vector<double> mine;
  std::vector<std::size_t> sent(index(ranks_), 0);
  for (const std::int64_t row : rows) {
    ++sent[index(owner(row))];
    if (owner(row) != rank_) continue;
    const std::size_t start = mine.size();
    mine.resize(start + index(d_));
    std::visit(
        [&](const auto& x) {
          const auto* from = x.data() + (row - block_.first) * d_;
          for (std::int64_t k = 0; k < d_; ++k)
            mine[start + index(k)] = (static_cast<double>(from[k]) - y_[index(k)]) * inverse_unit_;
        },
        block_.rows);
  }
  const std::vector<double> all = gather(mine);
  std::vector<std::size_t> next(index(ranks_), 0);
  std::exclusive_scan(sent.begin(), sent.end(), next.begin(), std::size_t{0});
  std::vector<double> result;
  result.reserve(all.size());
  for (const std::int64_t row : rows) {
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(next[index(owner(row))]++ * index(d_));
    result.insert(result.end(), from, from + d_);
  }
  return result;
}

double Cone::smallest(double value) const {
  double result = value;
  if (ranks_ > 1) require(MPI_Allreduce(&value, &result, 1, MPI_DOUBLE, MPI_MIN, comm_));
  return result;
}

double Cone::largest(double value) const {
  return -smallest(-value);
}

bool Cone::agreed(bool of_rank_0) const {
  int flag = of_rank_0 ? 1 : 0;
  if (ranks_ > 1) require(MPI_Bcast(&flag, 1, MPI_INT, 0, comm_));
  return flag != 0;
}

}  // namespace hullscope::hull::detail
