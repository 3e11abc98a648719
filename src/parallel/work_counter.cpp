#include <hullscope/parallel/detail/shared_counter.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::parallel {

struct WorkCounter::State {
  detail::SharedCounter counter;
};

WorkCounter::WorkCounter(const Comm& comm) : state_(new State{detail::SharedCounter(comm)}) {}
WorkCounter::~WorkCounter() = default;

std::int64_t WorkCounter::next() {
  heartbeat();
  return *state_->counter.next();
}

}  // namespace hullscope::parallel
