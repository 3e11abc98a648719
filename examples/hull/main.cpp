// Which queries lie in the convex hull of the training points? Every verdict comes with a proof.
#include <cstdio>
#include <hullscope/hull.hpp>

int main() {
  const float points[] = {0, 0, 1, 0, 0, 1, 0.25, 0.25};  // four points of two coordinates; float or double
  const double queries[] = {0.5, 0.5, 1, 1};
  const hullscope::TrainingSet training(hullscope::view(points, 4, 2), {.projection = true});

  const hullscope::HullAnswer answer = training.find({.queries = hullscope::view(queries, 2, 2)});
  for (const hullscope::Proof& proof : answer.proofs) {
    std::printf("%s, distance %.4f, nearest point:", proof.verdict == hullscope::Verdict::inside ? "inside" : "outside",
                proof.distance_upper);
    for (std::size_t i = 0; i < proof.support.size(); ++i)
      std::printf(" %+.4f * point %d", proof.weight[i], static_cast<int>(proof.support[i]));
    std::printf("\n");
  }
  // Each point against the hull of the others: who is a vertex?
  const hullscope::HullRequest others{.queries = hullscope::view(points, 4, 2), .leave_out = {0, 1, 2, 3}};
  const hullscope::HullAnswer vertices = training.find(others);
  for (const hullscope::Proof& proof : vertices.proofs)
    std::printf("%s ", proof.verdict == hullscope::Verdict::outside ? "vertex" : "no vertex");
  std::printf("\n%zu false claims\n", training.false_claims(others, vertices).size());
}
