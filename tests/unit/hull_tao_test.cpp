// Every bound-constrained type of PETSc must lead to the verdicts of the reference, each proved.
#include <algorithm>

#include <hullscope/base/error.hpp>

#include "hull_support.hpp"

namespace hullscope::test {
namespace {

std::vector<std::string> tao_solvers() {
  std::vector<std::string> names = hull::solver_names();
  names.erase(std::remove_if(names.begin(), names.end(), [](const auto& n) { return n.rfind("tao:", 0) != 0; }),
              names.end());
  return names;
}

class Tao : public testing::TestWithParam<std::string> {};

TEST_P(Tao, AgreesWithTheReference) {
  for (const int d : {1, 3, 6}) {
    const Matrix<float> x = gaussian<float>(120, d, seed(), "tao");
    const Matrix<double> y = gaussian<double>(6, d, seed(), "tao queries");
    hull::MembershipOptions options;
    options.projection = true;
    const auto reference = ask(x, y, options);
    options.solver = GetParam();
    const auto answer = ask(x, y, options);
    EXPECT_EQ(verdicts(answer), verdicts(reference)) << "d = " << d << ", seed " << seed();
    for (std::size_t q = 0; q < answer.proofs.size(); ++q) {
      EXPECT_NEAR(answer.proofs[q].distance_upper, reference.proofs[q].distance_upper,
                  3e-6 * reference.proofs[q].distance_upper);
      EXPECT_TRUE(answer.statistics[q].solver_reason.rfind("CONVERGED_", 0) == 0 ||
                  answer.statistics[q].solver_reason.rfind("DIVERGED_", 0) == 0)
          << answer.statistics[q].solver_reason;
    }
    const auto good = std::count_if(answer.statistics.begin(), answer.statistics.end(),
                                    [](const auto& s) { return s.solver_reason.rfind("CONVERGED_", 0) == 0; });
    // The type really solves the problem; at d = 6 quasi-Newton types need more than the iterations they are given.
    if (d < 6) {
      EXPECT_GE(good, 3) << "of 6 queries, d = " << d << ", seed " << seed();
    }
  }
}

TEST_P(Tao, MasksLeftOutRowsAndAwkwardPoints) {
  Matrix<float> x(6, 2);
  x << 0, 0, 4, 0, 0, 4, 4, 4, 0, 0, 2, 2;
  const Matrix<double> y = x.cast<double>();
  hull::MembershipOptions options;
  options.solver = GetParam();
  const Verdict in = Verdict::inside, out = Verdict::outside;
  EXPECT_EQ(verdicts(ask(x, y, options, {}, {0, 1, 2, 3, 4, 5})), (std::vector<Verdict>{in, out, out, out, in, in}));
  EXPECT_EQ(verdicts(ask(x, y, options, {1, 1, 1, 0, 1, 0})), (std::vector<Verdict>{in, in, in, out, in, in}));
  const Matrix<float> one = x.topRows(1);
  EXPECT_EQ(verdicts(ask(one, y, options)), (std::vector<Verdict>{in, out, out, out, in, out}));
}

INSTANTIATE_TEST_SUITE_P(Types, Tao, testing::ValuesIn(tao_solvers()),
                         [](const auto& information) { return information.param.substr(4); });

TEST(TaoNames, UnknownTypesAreRefused) {
  EXPECT_FALSE(tao_solvers().empty());
  try {
    hull::require_solver("tao:bntrr");
    ADD_FAILURE() << "accepted";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean \"tao:bntr\""), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace hullscope::test
