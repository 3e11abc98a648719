// Pricing over points whose rows are spread over the ranks of a group, each rank with queries of its own.
//
// Every call is one round of the whole group: the ranks' requests go to all (one allgather), each rank answers all of
// them from its own rows, and the answers go back (one alltoall). Rows are ordered by (value, row), and values do not
// depend on who computes them (pricing.hpp), so a merge of the ranks' firsts is what one pricing over all rows gives,
// to the bit. A rank that has no question left keeps answering in finish(), until nobody has one.
//
// A round of m asks in all, P ranks: 2 m d doubles to each rank, `wanted` rows of 16 bytes an ask and rank back, and d
// doubles for a row that enters and is not kept from before; every rank prices m directions over N / P rows.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include <hullscope/hull/detail/local_pricing.hpp>
#include <hullscope/hull/detail/row_cache.hpp>
#include <hullscope/parallel/comm.hpp>

namespace hullscope::hull::detail {

class RowGroup final : public Pricing {
 public:
  /// Collective over the group. local: this rank's rows, counted from 0, perhaps none, with the frame and the axes of
  /// all; it must outlive the group. first: global number of this rank's first row; ranks hold consecutive blocks.
  RowGroup(parallel::Comm group, const LocalPricing& local, std::int64_t first, std::int64_t total);

  /// Rows of a mask that calls may pass (all N entries). Not collective, but every rank must register the same masks in
  /// the same order before the first call that passes one.
  void register_mask(Mask mask);

  std::int64_t size() const override { return total_; }
  std::int64_t dimension() const override { return local_.dimension(); }
  double scale() const override { return local_.scale(); }
  double unit() const override { return local_.unit(); }
  double radius() const override { return local_.radius(); }
  const std::vector<double>& centre() const override { return local_.centre(); }
  /// At most one round each; thread-safe (one round at a time), not while another rank is past finish().
  void rows(std::span<const std::int64_t> rows, double* out) const override;
  void fetch(std::span<const std::int64_t> rows) const override;
  CellSet neighbourhood(const double* y) const override { return local_.neighbourhood(y); }
  std::vector<std::vector<std::int64_t>> nearest(std::span<const Ask> asks, Mask mask) const override;
  std::vector<Priced> price(std::span<const Ask> asks, Mask mask) const override;

  /// Answers the others until no rank has a question. Collective: every rank calls it when it has done its queries.
  void finish() const;
  const parallel::Comm& group() const { return group_; }

 private:
  using Bytes = std::vector<std::byte>;
  bool own(std::int64_t row) const { return row >= first_ && row < first_ + local_.size(); }
  std::vector<double> ask_rows(std::span<const std::int64_t> rows) const;
  std::vector<Bytes> round(const Bytes& question, bool* all_idle) const;
  Bytes answer(const Bytes& question) const;
  Bytes answer_rows(const Bytes& question) const;
  Bytes answer_asks(const Bytes& question) const;
  Bytes question(std::int64_t kind, std::span<const Ask> asks, Mask mask) const;
  std::int64_t number_of(Mask mask) const;
  int owner(std::int64_t row) const;

  parallel::Comm group_;
  const LocalPricing& local_;
  std::int64_t first_, total_;
  std::vector<std::int64_t> first_of_;            // of every rank
  std::vector<std::vector<std::uint8_t>> masks_;  // this rank's rows of each
  std::vector<std::uint64_t> mask_hash_;          // of all rows
  mutable RowCache kept_;
  mutable std::mutex one_round_;
};

}  // namespace hullscope::hull::detail
