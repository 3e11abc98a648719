#include <hullscope/hull/detail/qhull.hpp>

extern "C" {
#include <libqhull_r/qhull_ra.h>
}

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>

namespace hullscope::hull::detail {
namespace {

// With v vertices in 4 dimensions there are up to v (v - 3) / 2 facets, and a query costs a product with each. So a
// hull is first built from its 256 most extreme vertices or so, and only then from more.
constexpr int kFewVertices = 256, kManyVertices = 2048;
constexpr std::size_t kFewFacets = 4096, kManyFacets = 16384;

/// One run of Qhull. Its errors are answers here (no facets), so its messages are dropped.
class Run {
 public:
  Run(std::vector<double>& points, std::int64_t n, std::int64_t d, int vertices)
      : first_(points.data()), d_(static_cast<int>(d)), messages_(std::fopen("/dev/null", "w")) {
    if (messages_ == nullptr) return;
    qh_zero(qh_.get(), messages_);
    // Qt: triangulated. Pp: no report on precision. TAn: at most so many vertices.
    std::string command = "qhull Qt Pp TA" + std::to_string(vertices);
    failed_ =
        qh_new_qhull(qh_.get(), d_, static_cast<int>(n), points.data(), False, command.data(), nullptr, messages_) != 0;
    started_ = true;
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (started_) {
      qh_freeqhull(qh_.get(), !qh_ALL);
      int long_memory = 0, short_memory = 0;
      qh_memfreeshort(qh_.get(), &long_memory, &short_memory);
    }
    if (messages_ != nullptr) std::fclose(messages_);
  }

  std::vector<RawFacet> facets() const {
    std::vector<RawFacet> found;
    if (!started_ || failed_) return found;
    // Qhull's own loops are macros over names of its choice.
    qhT* qh = qh_.get();
    facetT* facet = nullptr;
    FORALLfacets {
      if (facet->simplicial == 0U || facet->upperdelaunay != 0U || facet->normal == nullptr) continue;
      RawFacet& raw = found.emplace_back();
      std::size_t corner = 0;
      vertexT *vertex = nullptr, **vertexp = nullptr;
      FOREACHvertex_(facet->vertices) if (corner < raw.vertex.size()) raw.vertex[corner++] =
          (vertex->point - first_) / d_;
      std::copy_n(facet->normal, d_, raw.normal.begin());
      if (corner != static_cast<std::size_t>(d_)) found.pop_back();
    }
    return found;
  }

 private:
  const double* first_;
  int d_;
  std::FILE* messages_;
  bool failed_ = true, started_ = false;
  std::unique_ptr<qhT> qh_ = std::make_unique<qhT>();
};

}  // namespace

std::vector<RawFacet> qhull_facets(std::vector<double>& points, std::int64_t n, std::int64_t d) {
  if (n < d + 2 || n > std::numeric_limits<int>::max()) return {};
  std::vector<RawFacet> facets = Run(points, n, d, kFewVertices).facets();
  if (facets.empty() || facets.size() > kFewFacets) return {};
  facets = Run(points, n, d, kManyVertices).facets();
  if (facets.size() > kManyFacets) return {};
  return facets;
}

bool have_qhull() {
  return true;
}

}  // namespace hullscope::hull::detail
