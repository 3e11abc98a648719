// What stands behind a Membership whose points are spread over ranks (hull/spread.hpp).
#pragma once
#include <hullscope/hull/membership.hpp>

namespace hullscope::hull::detail {

class Spread {
 public:
  virtual ~Spread() = default;
  virtual MembershipAnswer find(const MembershipRequest& request) const = 0;
  virtual double scale() const = 0;
  virtual std::int64_t numerical_rank() const = 0;
  virtual void finish() const = 0;
  virtual bool together() const = 0;
};

}  // namespace hullscope::hull::detail
