#include "hull_work.hpp"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>

#include <hullscope/base/error.hpp>
#include <hullscope/datasets/array.hpp>
#include <hullscope/datasets/array_rows.hpp>
#include <hullscope/hull/node.hpp>
#include <hullscope/hull/spread.hpp>
#include <hullscope/parallel/stop.hpp>
#include <hullscope/store/array_digest.hpp>

#include "stage.hpp"

namespace hullscope::jobs {

using parallel::Comm;

// --- Points -------------------------------------------------------------------------------------------------------

namespace {

/// An array on its way into shared memory, piece by piece: a second copy would stay this process's own for good, since
/// MPI's memory hooks let no heap shrink. Integers of more than a byte are read whole, as float64 may be needed.
class Incoming {
 public:
  explicit Incoming(const std::string& name) : rows_(name) {
    const std::string& type = rows_.header().type;
    n_ = rows_.rows();
    d_ = rows_.row_values();
    direct_ = type == "u8" || type == "f32" || type == "f64";
    single_ = type != "f64";
    if (direct_) return;
    const datasets::Array array = datasets::read_array(name);
    converted_ = datasets::as_points(array);
    digest_ = array.digest;
    single_ = std::holds_alternative<Matrix<float>>(converted_);
  }

  std::string header() const {
    // a file's name may hold any other character
    return fmt::format("{1}{0}{2}{0}{3}{0}{4}{0}{5}{0}", '\0', single_ ? "f32" : "f64", n_, d_, rows_.header().file,
                       rows_.header().dataset);
  }

  void copy(std::span<std::byte> out) {
    if (!direct_)
      std::visit(
          [&](const auto& m) { std::copy_n(reinterpret_cast<const std::byte*>(m.data()), out.size(), out.data()); },
          converted_);
    else if (single_)
      copy_rows(reinterpret_cast<float*>(out.data()));
    else
      copy_rows(reinterpret_cast<double*>(out.data()));
  }
  /// After copy().
  const std::string& digest() const { return digest_; }

 private:
  template <class Scalar>
  void copy_rows(Scalar* out) {
    constexpr std::int64_t kPiece = 4 << 20;  // bytes
    const datasets::Array& header = rows_.header();
    store::ArrayDigest digest(header.type, header.shape);
    const std::int64_t step = std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(1, 8 * d_));
    for (std::int64_t first = 0; first < n_; first += step) {
      const datasets::Array piece = rows_.next(std::min(step, n_ - first));
      digest.add(piece.bytes.data(), piece.bytes.size());
      if (piece.type == "u8")
        std::transform(piece.bytes.begin(), piece.bytes.end(), out + first * d_,
                       [](std::byte b) { return static_cast<Scalar>(std::to_integer<std::uint8_t>(b)); });
      else
        copy_finite(piece, first, out + first * d_);
    }
    digest_ = digest.hex();
  }

  template <class Scalar>
  void copy_finite(const datasets::Array& piece, std::int64_t first, Scalar* out) const {
    std::memcpy(out, piece.bytes.data(), piece.bytes.size());
    for (std::int64_t i = 0; i < piece.size(); ++i)
      if (!std::isfinite(out[i]))
        throw DataError(piece.file, piece.dataset,
                        fmt::format("row {}, coordinate {} is {}, expected finite numbers; remove or mask that row",
                                    first + i / d_, i % d_, out[i]));
  }

  datasets::ArrayRows rows_;
  bool direct_ = false, single_ = false;
  std::variant<Matrix<float>, Matrix<double>> converted_;
  std::int64_t n_ = 0, d_ = 1;
  std::string digest_;
};

}  // namespace

SharedPoints SharedPoints::read(const Comm& world, const std::string& name) {
  const Comm node = world.node();
  std::unique_ptr<Incoming> incoming = node.root() ? std::make_unique<Incoming>(name) : nullptr;
  std::istringstream lines(node.broadcast(incoming ? incoming->header() : ""));
  SharedPoints points;
  std::string n, d;
  for (std::string* field : {&points.type_, &n, &d, &points.file_, &points.dataset_}) std::getline(lines, *field, '\0');
  points.n_ = std::stoll(n);
  points.d_ = std::stoll(d);
  const std::size_t entry = points.type_ == "f32" ? sizeof(float) : sizeof(double);
  points.bytes_.emplace(world, static_cast<std::size_t>(points.n_ * points.d_) * entry,
                        [&](std::span<std::byte> out) { incoming->copy(out); });
  points.digest_ = node.broadcast(incoming ? incoming->digest() : "");
  return points;
}

SharedPoints SharedPoints::read(const Comm& world, const RankGroup& group, const std::string& name) {
  if (!group.spread) return read(world, name);
  SharedPoints points;
  points.block_ = read_block(group.comm, name);
  points.n_ = points.block_->total;
  points.d_ = points.block_->dimension;
  points.digest_ = points.block_->digest;
  points.file_ = points.block_->file;
  points.dataset_ = points.block_->dataset;
  return points;
}

PointsView SharedPoints::view() const {
  if (block_) return std::visit([](const auto& m) { return PointsView(hullscope::view(m)); }, block_->rows);
  const void* data = bytes_->bytes().data();
  if (type_ == "f32") return MatrixView<float>(static_cast<const float*>(data), n_, d_);
  return MatrixView<double>(static_cast<const double*>(data), n_, d_);
}

Matrix<double> SharedPoints::rows(std::int64_t first, std::int64_t last) const {
  return std::visit(
      [&](const auto& m) { return Matrix<double>(m.middleRows(first, last - first).template cast<double>()); }, view());
}

std::string SharedPoints::relative_name(const std::string& folder) const {
  const std::string file = std::filesystem::proximate(file_, folder.empty() ? "." : folder).string();
  return dataset_.empty() ? file : file + ":" + dataset_;
}

// --- Shards -------------------------------------------------------------------------------------------------------

namespace {

/// The arrays of a class hull in a shard are named after its label.
std::string class_prefix(std::int64_t label) {
  return "class" + std::to_string(label) + "_";
}

/// Adds the proofs of queries [first, first + queries.rows()) against the hull of each class.
void find_classes(const HullWork& work, const hull::Membership& membership, const Matrix<double>& queries,
                  std::int64_t first, store::Shard& shard) {
  for (std::size_t c = 0; c < work.classes.labels.size(); ++c) {
    const hull::MembershipAnswer answer = membership.find({hullscope::view(queries), work.classes.masks[c], {}});
    for (auto& [name, array] : to_shard(pack_proofs(answer.proofs, {}, first, work.points.dimension())))
      shard[class_prefix(work.classes.labels[c]) + name] = array;
  }
}

/// The reverse: the arrays of one class hull.
HullPiece class_piece(const store::Shard& shard, std::int64_t label) {
  const std::string prefix = class_prefix(label);
  store::Shard own;
  for (const auto& [name, array] : shard)
    if (name.starts_with(prefix)) own[name.substr(prefix.size())] = array;
  return from_shard(own);
}

/// Only a solver of TAO gives a reason.
bool has_reasons(const HullWork& work) {
  return work.options.solver.rfind("tao:", 0) == 0;
}

store::Shard find_shard(const HullWork& work, const hull::Membership& membership, std::int64_t number) {
  const auto [first, last] = parallel::block(number, work.queries.size(), work.shard);
  const Matrix<double> queries = work.queries.rows(first, last);
  std::vector<std::int64_t> leave_out;
  if (!work.leave_out.empty()) leave_out.assign(work.leave_out.begin() + first, work.leave_out.begin() + last);
  const hull::MembershipAnswer answer = membership.find({hullscope::view(queries), work.mask, leave_out});
  std::vector<std::int32_t> passes;
  std::int64_t exact = 0;
  double products = 0;
  for (const hull::QueryStatistics& s : answer.statistics) {
    passes.push_back(s.passes);
    exact += s.exact_steps > 0;
    products += s.products;
  }
  store::Shard shard = to_shard(pack_proofs(answer.proofs, passes, first, work.points.dimension()));
  shard["exact_queries"] = std::vector<std::int64_t>{exact};
  shard["products"] = std::vector<double>{products};
  if (has_reasons(work)) {
    std::vector<std::string> reasons;
    for (const hull::QueryStatistics& s : answer.statistics) reasons.push_back(s.solver_reason);
    shard["solver_reason"] = std::move(reasons);
  }
  if (!work.classes.labels.empty()) find_classes(work, membership, queries, first, shard);
  return shard;
}

}  // namespace

std::string done_shards(const Comm& world, const HullWork& work) {
  std::string done(static_cast<std::size_t>(work.shard_count()), '0');
  if (world.root())
    for (std::int64_t i = 0; i < work.shard_count(); ++i)
      if (work.shards.done(i)) done[static_cast<std::size_t>(i)] = '1';
  return world.broadcast(done);
}

hull::Membership make_membership(const Comm& world, const HullWork& work) {
  openblas_set_num_threads(1);  // its bits must not depend on it
  if (!work.points.spread()) return hull::make_node_membership(world, work.points.view(), work.options);
  std::vector<std::vector<std::uint8_t>> masks = work.classes.masks;
  masks.push_back(work.mask);
  return hull::make_spread_membership({work.group.comm, work.points.view(), work.points.size()}, work.options, masks);
}

namespace {

/// Shards that a whole group computes, one after another; its first rank draws and publishes them.
void find_shards_together(const HullWork& work, const hull::Membership& membership,
                          const std::vector<std::int64_t>& left, parallel::WorkCounter& counter,
                          parallel::Progress& progress) {
  const Comm& group = work.group.comm;
  while (!group.any(parallel::stop_requested())) {
    std::int64_t next = group.root() ? counter.next() : 0;
    group.broadcast_bytes(&next, sizeof next);
    if (next >= static_cast<std::int64_t>(left.size())) return;
    const std::int64_t number = left[static_cast<std::size_t>(next)];
    const store::Shard shard = find_shard(work, membership, number);
    if (!group.root()) continue;
    work.shards.publish(number, shard);
    const auto [first, last] = parallel::block(number, work.queries.size(), work.shard);
    progress.add(last - first);
  }
}

}  // namespace

void find_shards(const Comm& world, const HullWork& work, const hull::Membership& membership, const std::string& done,
                 parallel::Progress& progress) {
  openblas_set_num_threads(1);  // threads work on shards of their own
  std::vector<std::int64_t> left;
  for (std::size_t i = 0; i < done.size(); ++i)
    if (done[i] != '1') left.push_back(static_cast<std::int64_t>(i));
  parallel::WorkCounter counter(world);
  std::mutex file;  // HDF5 is not thread-safe
  std::exception_ptr failure;
  auto work_on = [&] {
    try {
      while (!parallel::stop_requested()) {
        const std::int64_t next = counter.next();
        if (next >= static_cast<std::int64_t>(left.size())) return;
        const std::int64_t number = left[static_cast<std::size_t>(next)];
        const store::Shard shard = find_shard(work, membership, number);
        const std::lock_guard lock(file);
        work.shards.publish(number, shard);
        const auto [first, last] = parallel::block(number, work.queries.size(), work.shard);
        progress.add(last - first);
      }
    } catch (...) {
      const std::lock_guard lock(file);
      if (!failure) failure = std::current_exception();
    }
  };
  if (membership.together()) {
    find_shards_together(work, membership, left, counter, progress);
  } else {
    std::vector<std::thread> threads;
    for (int t = 1; t < work.threads; ++t) threads.emplace_back(work_on);
    work_on();
    for (std::thread& t : threads) t.join();
    if (failure) std::rethrow_exception(failure);
    membership.finish();
  }
  if (parallel::stop_agreed(world))
    throw Interrupted("hull: stopped by a signal; finished shards are kept, and the same command does what is left");
}

// --- The file -----------------------------------------------------------------------------------------------------

namespace {

/// This rank's run of the shards, joined.
struct Gathered {
  HullPiece piece;
  std::vector<std::string> reasons;
  std::int64_t exact = 0;
  double products = 0;
};

template <class T>
void take(store::Shard& shard, const std::string& name, std::vector<T>& to) {
  const auto found = shard.find(name);
  if (found == shard.end() || !std::holds_alternative<std::vector<T>>(found->second))
    throw InternalError("a shard of hull verdicts holds no " + name + ".");
  const auto& from = std::get<std::vector<T>>(found->second);
  to.insert(to.end(), from.begin(), from.end());
}

/// The shards that this rank gathers.
std::pair<std::int64_t, std::int64_t> own_shards(const Comm& world, const HullWork& work) {
  return {work.shard_count() * world.rank() / world.size(), work.shard_count() * (world.rank() + 1) / world.size()};
}

Gathered gather(const Comm& world, const HullWork& work) {
  const auto [begin, end] = own_shards(world, work);
  Gathered mine;
  mine.piece.first = std::min(begin * work.shard, work.queries.size());
  work.shards.try_together(begin, end);
  for (std::int64_t i = begin; i < end; ++i) {
    store::Shard shard = work.shards.read(i);
    std::vector<std::int64_t> exact;
    take(shard, "exact_queries", exact);
    mine.exact += exact.empty() ? 0 : exact.front();
    std::vector<double> products;
    take(shard, "products", products);
    mine.products += products.empty() ? 0 : products.front();
    if (has_reasons(work)) take(shard, "solver_reason", mine.reasons);
    append(mine.piece, from_shard(shard));
  }
  return mine;
}

HullSummary summarise(const Comm& world, const HullWork& work, const Gathered& mine, double scale) {
  HullSummary sum;
  for (std::size_t q = 0; q < mine.piece.verdict.size(); ++q) {
    const proof::Verdict verdict = static_cast<proof::Verdict>(mine.piece.verdict[q]);
    sum.inside += verdict == proof::Verdict::inside;
    sum.outside += verdict == proof::Verdict::outside;
    sum.undecided += verdict == proof::Verdict::undecided;
    sum.within_eps += verdict == proof::Verdict::inside || mine.piece.distance_upper[q] <= work.options.eps * scale;
  }
  for (std::int64_t* count : {&sum.inside, &sum.outside, &sum.undecided, &sum.within_eps}) *count = world.sum(*count);
  sum.exact = world.sum(mine.exact);
  sum.queries = work.queries.size();
  const double all = static_cast<double>(work.points.size()) * static_cast<double>(work.points.dimension()) *
                     static_cast<double>(std::max<std::int64_t>(sum.queries, 1));
  sum.computed = world.sum(mine.products) / all;
  sum.scale = scale;
  return sum;
}

/// Collective. One class after the other, so that no rank holds the directions of more than one.
void write_classes(const Comm& world, store::ArtifactWriter& writer, const HullWork& work, HullSummary& sum) {
  const auto [begin, end] = own_shards(world, work);
  std::vector<HullPiece> tables;
  for (const std::int64_t label : work.classes.labels) {
    HullPiece piece;
    piece.first = std::min(begin * work.shard, work.queries.size());
    for (std::int64_t i = begin; i < end; ++i) append(piece, class_piece(work.shards.read(i), label));
    write_class_proofs(writer, world, label, piece, work.queries.size(), work.points.dimension());
    for (const std::uint8_t verdict : piece.verdict) ++sum.by_class.at(verdict);
    HullPiece& table = tables.emplace_back();
    table.first = piece.first;
    table.verdict = std::move(piece.verdict);
    table.distance_lower = std::move(piece.distance_lower);
    table.distance_upper = std::move(piece.distance_upper);
  }
  write_class_tables(writer, work.classes.labels, tables, work.queries.size());
  for (std::int64_t& count : sum.by_class) count = world.sum(count);
}

/// Collective: all ranks' texts on every rank, in the queries' order.
std::vector<std::string> all_texts(const Comm& world, const std::vector<std::string>& mine) {
  std::string joined;
  for (const std::string& text : mine) joined += text + "\n";
  std::vector<std::string> all;
  for (const std::string& part : world.gather(joined)) {
    std::istringstream lines(part);
    for (std::string line; std::getline(lines, line);) all.push_back(line);
  }
  return all;
}

}  // namespace

HullSummary write_hull_file(const Comm& world, const HullWork& work, hull::Membership membership,
                            const std::string& path, const store::Provenance& provenance,
                            const std::vector<std::int64_t>& samples, const HullAttributes& attributes,
                            const parallel::Stopwatch& watch) {
  const double scale = membership.scale();
  const std::int64_t rank = world.max(world.root() ? membership.numerical_rank() : std::int64_t{-1});
  parallel::Stopwatch::note_peak();
  world.barrier();
  { const hull::Membership freed = std::move(membership); }
  parallel::Stopwatch::restart_peak();
  const Gathered mine = gather(world, work);
  HullSummary sum = summarise(world, work, mine, scale);
  store::ArtifactWriter writer(world, path, provenance);
  write_proofs(writer, world, mine.piece, work.queries.size(), samples, work.points.dimension());
  if (!work.classes.labels.empty()) write_classes(world, writer, work, sum);
  if (has_reasons(work)) writer.write_text("/solver_reason", all_texts(world, mine.reasons));
  write_attributes(writer, attributes);
  writer.attribute("/", "solver", work.options.solver);
  writer.attribute("/", "projection", static_cast<std::int64_t>(work.options.projection));
  writer.attribute("/", "eps", work.options.eps);
  writer.attribute("/", "scale", sum.scale);
  writer.attribute("/", "numerical_rank", rank);
  writer.attribute("/", "n_points", work.points.size());
  writer.attribute("/", "inside", sum.inside);
  writer.attribute("/", "outside", sum.outside);
  writer.attribute("/", "undecided", sum.undecided);
  writer.attribute("/", "within_eps", sum.within_eps);
  store::RunRecord run = Stage::record(world, watch);
  run.more = {{"products_computed", sum.computed}};
  sum.peak_bytes = static_cast<double>(run.peak_bytes);
  writer.publish(run);
  if (world.root()) work.shards.remove();
  world.barrier();
  return sum;
}

}  // namespace hullscope::jobs
