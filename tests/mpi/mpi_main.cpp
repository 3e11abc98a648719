// main() of the GoogleTest programs that run on several ranks. Rank 0 shows the usual report; the failures of the other
// ranks are shown with their rank; the program fails if any rank failed. Expect rather than assert before a collective
// call: a rank that leaves a test early makes the others wait.
#include <gtest/gtest.h>

#include <cstdio>

#include <hullscope/parallel/comm.hpp>

namespace {

class FailuresOfRank : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOfRank(int rank) : rank_(rank) {}
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.failed())
      std::fprintf(stderr, "rank %d: %s:%d: %s\n", rank_, result.file_name() ? result.file_name() : "?",
                   result.line_number(), result.message());
  }

 private:
  int rank_;
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const hullscope::parallel::Session session(argc, argv);
  const auto world = hullscope::parallel::Comm::world();
  if (!world.root()) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOfRank(world.rank()));
  }
  return static_cast<int>(world.max(std::int64_t{RUN_ALL_TESTS()}));
}
