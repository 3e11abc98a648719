#include <cstdio>
#include <hullscope/hull/membership.hpp>

// Which of two queries lie in the triangle (0,0), (1,0), (0,1)? Each answer comes with its proof.
int main() {
  const hullscope::Matrix<float> points{{0, 0}, {1, 0}, {0, 1}};
  const hullscope::Matrix<double> queries{{0.25, 0.25}, {1, 1}};
  const hullscope::hull::Membership membership(hullscope::view(points), {.projection = true});
  const auto answer = membership.find({.queries = hullscope::view(queries)});
  for (const auto& proof : answer.proofs)
    std::printf("%s %.4f\n", proof.verdict == hullscope::proof::Verdict::inside ? "inside" : "outside", proof.distance_upper);
}
