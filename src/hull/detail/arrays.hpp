// Where the large arrays of an index lie: in this process, or once for all processes of a node, which then fill them
// together.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

namespace hullscope::hull::detail {

class Arrays {
 public:
  virtual ~Arrays() = default;
  /// n zeros, for as long as this object lives; the same ones for all sharers, who call it in one order.
  virtual float* zeros(std::int64_t n) = 0;
  /// This process among the sharers: sharer() of sharers().
  virtual int sharer() const = 0;
  virtual int sharers() const = 0;
  /// Returns when all sharers have called it: what each wrote before, all may read.
  virtual void meet() = 0;
};

/// Of one process.
class OwnArrays final : public Arrays {
 public:
  float* zeros(std::int64_t n) override { return arrays_.emplace_back(static_cast<std::size_t>(n)).data(); }
  int sharer() const override { return 0; }
  int sharers() const override { return 1; }
  void meet() override {}

 private:
  std::vector<std::vector<float>> arrays_;
};

}  // namespace hullscope::hull::detail
