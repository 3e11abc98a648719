// How fast a count has grown of late, whether it grows a thousand times a second or once in ten minutes.
#pragma once
#include <algorithm>
#include <cstdint>
#include <deque>

namespace hullscope::parallel::detail {

/// Speed over the last minute, because work of unequal cost makes the whole average useless, and over the last ten
/// arrivals where those took longer: a minute that saw the end of one long step says nothing.
class Rate {
 public:
  /// `count` at `seconds`; neither falls.
  void see(double seconds, std::int64_t count) {
    now_ = seconds;
    if (count > arrivals_.back().count) arrivals_.push_back({seconds, count});
    while (arrivals_.size() > kFewestArrivals + 1 && arrivals_[1].seconds < seconds - kWindowSeconds)
      arrivals_.pop_front();
  }

  /// 0 before the first arrival. Between arrivals it stays as it is while the next one is not overdue, and then falls.
  double per_second() const {
    const Arrival& first = arrivals_.front();
    const Arrival& last = arrivals_.back();
    double longest_gap = 0;
    for (std::size_t i = 1; i < arrivals_.size(); ++i)
      longest_gap = std::max(longest_gap, arrivals_[i].seconds - arrivals_[i - 1].seconds);
    const double overdue = std::max(0.0, now_ - last.seconds - longest_gap),
                 span = last.seconds - first.seconds + overdue;
    return span > 0 ? static_cast<double>(last.count - first.count) / span : 0;
  }

 private:
  static constexpr double kWindowSeconds = 60;
  static constexpr std::size_t kFewestArrivals = 10;
  struct Arrival {
    double seconds;
    std::int64_t count;
  };
  std::deque<Arrival> arrivals_{{0, 0}};
  double now_ = 0;
};

}  // namespace hullscope::parallel::detail
