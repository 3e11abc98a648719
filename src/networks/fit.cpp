#include <hullscope/networks/fit.hpp>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_log_softmax.h>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>

#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <numeric>

#include <hullscope/base/error.hpp>
#include <hullscope/base/random.hpp>
#include <hullscope/networks/adam.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/detail/chain.hpp>
#include <hullscope/parallel/progress.hpp>
#include <hullscope/parallel/sharing.hpp>
#include <hullscope/parallel/stop.hpp>

namespace hullscope::networks {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kAgreeEvery = 16;  // steps between agreements of a group on stopping and checkpoints
constexpr std::int64_t kEvaluationBlock = 512;

std::span<float> floats(const at::Tensor& t) {
  return {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())};
}
std::vector<float> copy_of(const at::Tensor& t) {
  const auto host = t.to(at::kCPU).contiguous();
  return {host.data_ptr<float>(), host.data_ptr<float>() + host.numel()};
}
void fill(at::Tensor t, const std::vector<float>& values) {
  t.copy_(at::from_blob(const_cast<float*>(values.data()), {t.numel()}, at::kFloat));
}

/// The rows of a batch that one rank computes.
struct BatchPart {
  std::vector<std::int64_t> rows;
  at::Tensor x, y;  // y: labels (int64), undefined if the target is x
};

/// Makes batches, in buffers that are used again.
class Batches {
 public:
  Batches(const Model& model, const FitData& data, const at::Device& device)
      : data_(data), sample_(model.architecture().input), device_(device) {}

  const BatchPart& get(std::span<const std::int64_t> rows) {
    const auto n = static_cast<std::int64_t>(rows.size());
    if (!host_.defined() || host_.size(0) != n) {
      Shape shape{n};
      shape.insert(shape.end(), sample_.begin(), sample_.end());
      host_ = at::empty(shape, at::kFloat);
      labels_ = at::empty({n}, at::kLong);
    }
    part_.rows.assign(rows.begin(), rows.end());
    data_.gather(rows, floats(host_));
    part_.x = host_.to(device_);
    if (data_.labels.empty()) return part_;
    auto* label = labels_.data_ptr<std::int64_t>();
    for (const auto row : rows) *label++ = data_.labels[static_cast<std::size_t>(row)];
    part_.y = labels_.to(device_);
    return part_;
  }

 private:
  const FitData& data_;
  Shape sample_;
  at::Device device_;
  at::Tensor host_, labels_;
  BatchPart part_;
};

/// Sums over the part's samples, and the gradient of the batch's mean loss by the network's output.
struct Loss {
  EpochSums sums;
  at::Tensor gradient;
};

// -log softmax(z)_y, summed; gradient (softmax(z) - onehot(y)) / batch.
Loss cross_entropy(const at::Tensor& z, const at::Tensor& y, std::int64_t batch) {
  if (z.size(0) == 0) return {{}, at::zeros(z.sizes(), z.options())};
  auto log_p = at::_log_softmax(z, 1, false);
  const auto column = y.unsqueeze(1);
  Loss loss;
  loss.sums.loss = -log_p.gather(1, column).sum(at::kDouble).item<double>();
  loss.sums.right = z.argmax(1).eq(y).sum().item<double>();
  loss.gradient = log_p.exp_().scatter_add_(1, column, at::full({z.size(0), 1}, -1.0, z.options()));
  loss.gradient.mul_(1.0 / static_cast<double>(batch));
  return loss;
}

// Mean over the features of (z - x)^2, summed over samples; gradient 2 (z - x) / (batch features).
Loss squared_error(const at::Tensor& z, const at::Tensor& x, std::int64_t batch) {
  const auto features = x.size(0) == 0 ? 1 : x.numel() / x.size(0);
  Loss loss;
  loss.gradient = z - x.view(z.sizes());
  loss.sums.loss = (loss.gradient * loss.gradient).sum(at::kDouble).item<double>() / static_cast<double>(features);
  loss.gradient.mul_(2.0 / static_cast<double>(batch * features));
  return loss;
}

Loss loss_of(const at::Tensor& z, const BatchPart& part, std::int64_t batch) {
  return part.y.defined() ? cross_entropy(z, part.y, batch) : squared_error(z, part.x, batch);
}

std::span<const std::int64_t> part_of(std::span<const std::int64_t> batch, const parallel::Comm& group) {
  const auto n = static_cast<std::int64_t>(batch.size());
  const auto first = n * group.rank() / group.size(), last = n * (group.rank() + 1) / group.size();
  return batch.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first));
}

void sum_over(const parallel::Comm& group, const at::Tensor& t) {
  if (group.size() == 1) return;
  auto host = t.to(at::kCPU);
  group.sum_in_place(floats(host));
  if (!t.device().is_cpu()) const_cast<at::Tensor&>(t).copy_(host);
}

// Forward, loss, backward and the all-reduce; returns this rank's sums.
EpochSums gradient_step(detail::Chain& chain, Batches& batches, std::span<const std::int64_t> batch, std::uint32_t step,
                        std::uint64_t mask_key, const parallel::Comm& group) {
  const auto& part = batches.get(part_of(batch, group));
  const auto size = static_cast<std::int64_t>(batch.size());
  const detail::StepContext context{group, size, step, mask_key, part.rows};
  const auto z = chain.forward(part.x, context);
  auto loss = loss_of(z, part, size);
  chain.backward(std::move(loss.gradient), context);
  sum_over(group, chain.gradients);
  return loss.sums;
}

class Adam {
 public:
  explicit Adam(const at::Tensor& parameters)
      : m(at::zeros(parameters.sizes(), parameters.options())),
        v(at::zeros(parameters.sizes(), parameters.options())) {}

  void step(double rate, std::int64_t number, at::Tensor& parameters, const at::Tensor& gradient) {
    const AdamFactors factors(rate, number);
    if (parameters.device().is_cpu())
      return adam_step(factors, floats(gradient), floats(parameters), floats(m), floats(v));
    m.mul_(kAdamBeta1).add_(gradient, 1 - kAdamBeta1);
    v.mul_(kAdamBeta2).addcmul_(gradient, gradient, 1 - kAdamBeta2);
    parameters.addcdiv_(m, v.sqrt().mul_(factors.root_scale).add_(kAdamEpsilon), -factors.rate);
  }

  at::Tensor m, v;
};

class Training {
 public:
  Training(Model& model, const FitData& data, const FitOptions& options, const parallel::Comm& group)
      : model_(model),
        data_(data),
        options_(options),
        group_(group),
        batches_(model, data, model.chain().device()),
        adam_(model.chain().parameters) {
    split_rows(data.size, options.validation, key("validation"), train_rows_, validation_rows_);
    if (train_rows_.empty())
      throw UsageError("no samples are left to train on: lower train.validation or give more data");
    const auto n = static_cast<std::int64_t>(train_rows_.size());
    steps_an_epoch_ = (n + options.batch - 1) / options.batch;
    if (options.epochs * steps_an_epoch_ > UINT32_MAX)
      throw UsageError("more than 2^32 training steps: lower the epochs");
  }

  Curves run() {
    model_.initialise(key("init"));
    resume();
    last_save_ = Clock::now();
    const auto mask_key = key("dropout");
    const auto last = options_.epochs * steps_an_epoch_;
    std::int64_t ordered_epoch = -1;
    std::vector<std::int64_t> order;
    while (step_ < last) {
      const auto epoch = step_ / steps_an_epoch_, index = step_ % steps_an_epoch_;
      if (epoch != ordered_epoch) order = epoch_order(train_rows_, key("order"), ordered_epoch = epoch);
      const auto [from, to] = parallel::block(index, static_cast<std::int64_t>(order.size()), options_.batch);
      const std::span batch(order.data() + from, static_cast<std::size_t>(to - from));
      const auto sums =
          gradient_step(model_.chain(), batches_, batch, static_cast<std::uint32_t>(step_), mask_key, group_);
      sums_.loss += sums.loss;
      sums_.right += sums.right;
      ++step_;
      adam_.step(options_.rate, step_, model_.chain().parameters, model_.chain().gradients);
      if (step_ % steps_an_epoch_ == 0) end_epoch();
      parallel::heartbeat();
      look_up(step_ == last);
    }
    return curves_;
  }

 private:
  std::uint64_t key(const std::string& purpose) const {
    return stream_key(options_.seed, options_.stream + "/" + purpose);
  }

  void end_epoch() {
    const auto n = static_cast<double>(train_rows_.size());
    const double loss = group_.sum(sums_.loss) / n, right = group_.sum(sums_.right) / n;
    const auto epoch = step_ / steps_an_epoch_;
    if (!std::isfinite(loss))
      throw EnvironmentError(
          fmt::format("{}: the loss is not finite in epoch {}: lower the learning rate ({}) or look for "
                      "huge values in the data",
                      options_.stream, epoch, options_.rate));
    curves_.train_loss.push_back(loss);
    if (!data_.labels.empty()) curves_.train_accuracy.push_back(right);
    sums_ = {};
    if (!validation_rows_.empty()) validate();
    if (options_.progress) options_.progress->add(1);
  }

  // The blocks of the validation rows are dealt out to the ranks in turn.
  void validate() {
    const std::size_t layers = model_.architecture().layers.size();
    const auto n = static_cast<std::int64_t>(validation_rows_.size());
    const auto blocks = (n + kEvaluationBlock - 1) / kEvaluationBlock;
    EpochSums sums;
    for (std::int64_t b = group_.rank(); b < blocks; b += group_.size()) {
      const auto [from, to] = parallel::block(b, n, kEvaluationBlock);
      const auto& part = batches_.get({validation_rows_.data() + from, static_cast<std::size_t>(to - from)});
      const auto block = loss_of(model_.chain().evaluate(part.x, 0, layers), part, to - from);
      sums.loss += block.sums.loss;
      sums.right += block.sums.right;
    }
    curves_.validation_loss.push_back(group_.sum(sums.loss) / static_cast<double>(n));
    const double right = group_.sum(sums.right);
    if (!data_.labels.empty()) curves_.validation_accuracy.push_back(right / static_cast<double>(n));
  }

  // Has someone asked us to leave, or is a checkpoint due? The group agrees every few steps, so that all its ranks act
  // at the same step.
  void look_up(bool finished) {
    const bool epoch_ended = step_ % steps_an_epoch_ == 0;
    if (group_.size() > 1 && step_ % kAgreeEvery != 0 && !epoch_ended) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - last_save_).count();
    const bool due = options_.checkpoint_seconds > 0 ? seconds >= options_.checkpoint_seconds : epoch_ended;
    std::int64_t wish = parallel::stop_requested() ? 2 : (due && group_.root() && !options_.checkpoint.empty() ? 1 : 0);
    if (group_.size() > 1) wish = group_.max(wish);
    if (wish == 0 || finished) return;  // a finished training is published, not checkpointed
    save();
    if (wish == 2)
      throw Interrupted(fmt::format("{}: stopped by a signal after {} of {} steps; the same command resumes",
                                    options_.stream, step_, options_.epochs * steps_an_epoch_));
  }

  void save() {
    last_save_ = Clock::now();
    if (options_.checkpoint.empty()) return;
    Checkpoint c{step_, curves_, {}, {}, {}, {}, {}};
    c.sums.resize(static_cast<std::size_t>(group_.size()));
    std::vector<double> flat(2 * c.sums.size(), 0.0);
    flat[2 * static_cast<std::size_t>(group_.rank())] = sums_.loss;
    flat[2 * static_cast<std::size_t>(group_.rank()) + 1] = sums_.right;
    if (group_.size() > 1) group_.sum_in_place(std::span(flat));
    for (std::size_t r = 0; r < c.sums.size(); ++r) c.sums[r] = {flat[2 * r], flat[2 * r + 1]};
    if (!group_.root()) return;
    const auto& chain = model_.chain();
    c.parameters = copy_of(chain.parameters);
    c.m = copy_of(adam_.m);
    c.v = copy_of(adam_.v);
    c.buffers = copy_of(chain.buffers);
    save_checkpoint(options_.checkpoint, options_.task_key, c);
  }

  bool fits(const Checkpoint& c) const {
    const auto parameters = static_cast<std::size_t>(model_.chain().parameters.numel());
    return c.parameters.size() == parameters && c.m.size() == parameters && c.v.size() == parameters &&
           c.buffers.size() == static_cast<std::size_t>(model_.chain().buffers.numel()) && c.step >= 0 &&
           c.step <= options_.epochs * steps_an_epoch_ &&
           static_cast<std::int64_t>(c.curves.train_loss.size()) == c.step / steps_an_epoch_;
  }

  // Rank 0 decides whether there is a checkpoint to resume from, then every rank reads the same file.
  void resume() {
    if (options_.checkpoint.empty()) return;
    std::optional<Checkpoint> c;
    std::int64_t found = 0;
    if (group_.root()) {
      c = load_checkpoint(options_.checkpoint, options_.task_key);
      if (c && c->sums.size() != static_cast<std::size_t>(group_.size())) {
        parallel::log_warning(
            fmt::format("{}: the checkpoint was made by {} ranks a training, now there are {}; it is ignored, "
                        "as the bits would differ",
                        options_.checkpoint, c->sums.size(), group_.size()));
        c.reset();
      }
      if (c && !fits(*c)) {
        parallel::log_warning(options_.checkpoint + ": the checkpoint does not fit the network; it is ignored");
        c.reset();
      }
      found = c.has_value();
    }
    if (group_.size() > 1) found = group_.max(found);
    if (found == 0) return;
    if (!group_.root()) c = load_checkpoint(options_.checkpoint, options_.task_key);
    if (!c) throw EnvironmentError(options_.checkpoint + ": one rank could read this checkpoint and another could not");
    step_ = c->step;
    curves_ = c->curves;
    sums_ = c->sums[static_cast<std::size_t>(group_.rank())];
    fill(model_.chain().parameters, c->parameters);
    fill(adam_.m, c->m);
    fill(adam_.v, c->v);
    fill(model_.chain().buffers, c->buffers);
    if (options_.progress) options_.progress->add_before(step_ / steps_an_epoch_);
    if (group_.root()) parallel::log_info(fmt::format("{}: resumed after {} steps", options_.stream, step_));
  }

  Model& model_;
  const FitData& data_;
  const FitOptions& options_;
  const parallel::Comm& group_;
  Batches batches_;
  Adam adam_;
  std::vector<std::int64_t> train_rows_, validation_rows_;
  std::int64_t steps_an_epoch_ = 0, step_ = 0;
  Curves curves_;
  EpochSums sums_;
  Clock::time_point last_save_;
};

}  // namespace

std::vector<std::int64_t> epoch_order(std::vector<std::int64_t> rows, std::uint64_t key, std::int64_t epoch) {
  RandomStream stream(key, static_cast<std::uint64_t>(epoch));
  for (std::size_t i = rows.size(); i > 1; --i) std::swap(rows[i - 1], rows[stream.below(i)]);
  return rows;
}

void split_rows(std::int64_t total, double share, std::uint64_t key, std::vector<std::int64_t>& train,
                std::vector<std::int64_t>& validation) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(total));
  std::iota(rows.begin(), rows.end(), 0);
  const auto kept = static_cast<std::ptrdiff_t>(std::llround(share * static_cast<double>(total)));
  if (kept > 0) rows = epoch_order(std::move(rows), key, 0);
  validation.assign(rows.begin(), rows.begin() + kept);
  train.assign(rows.begin() + kept, rows.end());
  std::sort(validation.begin(), validation.end());
  std::sort(train.begin(), train.end());
}

Curves fit(Model& model, const FitData& data, const FitOptions& options, const parallel::Comm& group) {
  if (options.epochs < 0 || options.batch < 1 || !(options.rate > 0))
    throw InternalError("training options out of range");
  compute_deterministically();
  const at::NoGradGuard no_grad;
  return Training(model, data, options, group).run();
}

LossAndGradient loss_and_gradient(Model& model, const FitData& data, std::span<const std::int64_t> rows,
                                  std::uint32_t step, std::uint64_t mask_key, const parallel::Comm& group) {
  compute_deterministically();
  const at::NoGradGuard no_grad;
  auto& chain = model.chain();
  Batches batches(model, data, chain.device());
  const auto sums = gradient_step(chain, batches, rows, step, mask_key, group);
  LossAndGradient result{group.sum(sums.loss) / static_cast<double>(rows.size()), {}};
  for (const auto& slot : chain.slots().slots) {
    if (slot.buffer) continue;
    result.gradient.push_back(
        {slot.name, slot.shape, copy_of(chain.gradients.narrow(0, slot.offset, elements(slot.shape)))});
  }
  return result;
}

}  // namespace hullscope::networks
