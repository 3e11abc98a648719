// Rows that came from another rank, kept for the next query that asks for them: few rows enter many working sets.
#pragma once
#include <algorithm>
#include <cstdint>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

namespace hullscope::hull::detail {

/// The rows added last, as many as fit. Thread-safe.
class RowCache {
 public:
  static constexpr std::int64_t kBytes = 64 << 20;
  explicit RowCache(std::int64_t dimension)
      : dimension_(dimension), most_(static_cast<std::size_t>(std::max<std::int64_t>(64, kBytes / (8 * dimension)))) {}

  /// Copies the row, or returns false.
  bool copy(std::int64_t row, double* out) const {
    const std::lock_guard lock(lock_);
    const auto found = place_.find(row);
    if (found == place_.end()) return false;
    std::copy_n(numbers_.begin() + static_cast<std::ptrdiff_t>(found->second) * dimension_, dimension_, out);
    return true;
  }
  bool holds(std::int64_t row) const {
    const std::lock_guard lock(lock_);
    return place_.count(row) != 0;
  }
  /// numbers: rows.size() x d. The oldest rows make room.
  void add(std::span<const std::int64_t> rows, const double* numbers) {
    const std::lock_guard lock(lock_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (place_.count(rows[i]) != 0) continue;
      if (row_.size() < most_) {
        row_.push_back(-1);
        numbers_.resize(row_.size() * static_cast<std::size_t>(dimension_));
      }
      next_ = row_.back() < 0 ? row_.size() - 1 : (next_ + 1) % row_.size();
      if (row_[next_] >= 0) place_.erase(row_[next_]);
      row_[next_] = rows[i];
      place_[rows[i]] = next_;
      std::copy_n(numbers + static_cast<std::ptrdiff_t>(i) * dimension_, dimension_,
                  numbers_.begin() + static_cast<std::ptrdiff_t>(next_) * dimension_);
    }
  }

 private:
  std::int64_t dimension_;
  std::size_t most_, next_ = 0;
  std::vector<std::int64_t> row_;  // of each place
  std::vector<double> numbers_;    // dimension_ a place
  std::unordered_map<std::int64_t, std::size_t> place_;
  mutable std::mutex lock_;
};

}  // namespace hullscope::hull::detail
