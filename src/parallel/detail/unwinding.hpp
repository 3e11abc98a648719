// Is the destructor that asks running because an exception unwinds the stack? Then it must not be collective.
#pragma once
#include <exception>

namespace hullscope::parallel::detail {

class Unwinding {
 public:
  /// True if an exception has been thrown since this object was made, and not yet caught.
  bool now() const { return std::uncaught_exceptions() > before_; }

 private:
  int before_ = std::uncaught_exceptions();
};

}  // namespace hullscope::parallel::detail
