#include <hullscope/networks/detail/chain.hpp>

#include <ATen/ops/addmm.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/convolution_backward.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool2d_with_indices_backward.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/native_batch_norm.h>
#include <ATen/ops/native_batch_norm_backward.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/threshold_backward.h>
#include <ATen/ops/zeros.h>

#include <tuple>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/dropout_mask.hpp>

namespace hullscope::networks::detail {
namespace {

constexpr double kBatchNormEpsilon = 1e-5, kBatchNormMomentum = 0.1;

/// A parameter and the place of its gradient.
struct Parameter {
  at::Tensor value, gradient;
};

at::Tensor as_rows(const at::Tensor& x) {
  return x.reshape({x.size(0), x.numel() / std::max<std::int64_t>(x.size(0), 1)});
}

// y = x W^T + b.  dW = dy^T x,  db = sum of dy's rows,  dx = dy W.  2 n in out flop each.
class Dense final : public Unit {
 public:
  Dense(Parameter weight, Parameter bias) : w_(std::move(weight)), b_(std::move(bias)) {}

  at::Tensor evaluate(const at::Tensor& x) const override { return at::addmm(b_.value, rows(x), w_.value.t()); }

  at::Tensor forward(const at::Tensor& x, const StepContext&) override {
    shape_ = x.sizes().vec();
    x_ = rows(x);
    if (!y_.defined() || y_.size(0) != x_.size(0)) y_ = at::empty({x_.size(0), w_.value.size(0)}, x_.options());
    return at::addmm_out(y_, b_.value, x_, w_.value.t());
  }

  at::Tensor backward(const at::Tensor& dy, const StepContext&, bool need_dx) override {
    at::mm_out(w_.gradient, dy.t(), x_);
    at::sum_out(b_.gradient, dy, {0});
    if (!need_dx) return {};
    if (!dx_.defined() || dx_.size(0) != x_.size(0)) dx_ = at::empty_like(x_);
    return at::mm_out(dx_, dy, w_.value).view(shape_);
  }

 private:
  at::Tensor rows(const at::Tensor& x) const { return x.reshape({x.size(0), w_.value.size(1)}); }

  Parameter w_, b_;
  at::Tensor x_, y_, dx_;
  std::vector<std::int64_t> shape_;
};

// y = max(x, 0).  dx = dy where y > 0 (a dropout that wrote zeros into y has made dy zero there as well).
class Relu final : public Unit {
 public:
  at::Tensor evaluate(const at::Tensor& x) const override { return at::clamp_min(x, 0); }
  at::Tensor forward(const at::Tensor& x, const StepContext&) override { return y_ = at::Tensor(x).clamp_min_(0); }
  at::Tensor backward(const at::Tensor& dy, const StepContext&, bool) override {
    return at::threshold_backward(dy, y_, 0);
  }

 private:
  at::Tensor y_;
};

// y = mask x, dx = mask dy; the masks are keyed (dropout_mask.hpp).
class Dropout final : public Unit {
 public:
  Dropout(double rate, std::uint32_t layer) : rate_(rate), layer_(layer) {}
  at::Tensor evaluate(const at::Tensor& x) const override { return x; }

  at::Tensor forward(const at::Tensor& x, const StepContext& context) override {
    if (!mask_.defined() || mask_.size(0) != x.size(0)) mask_ = at::empty(x.sizes(), x.options().device(at::kCPU));
    const auto units = x.size(0) == 0 ? 0 : x.numel() / x.size(0);
    fill_masks({context.mask_key, context.step, layer_}, rate_, context.samples, units,
               {mask_.data_ptr<float>(), static_cast<std::size_t>(mask_.numel())});
    on_device_ = mask_.to(x.device());
    return at::Tensor(x).mul_(on_device_);
  }
  at::Tensor backward(const at::Tensor& dy, const StepContext&, bool) override {
    return at::Tensor(dy).mul_(on_device_);
  }

 private:
  double rate_;
  std::uint32_t layer_;
  at::Tensor mask_, on_device_;
};

class Flatten final : public Unit {
 public:
  at::Tensor evaluate(const at::Tensor& x) const override { return as_rows(x); }
  at::Tensor forward(const at::Tensor& x, const StepContext&) override {
    shape_ = x.sizes().vec();
    return as_rows(x);
  }
  at::Tensor backward(const at::Tensor& dy, const StepContext&, bool) override { return dy.view(shape_); }

 private:
  std::vector<std::int64_t> shape_;
};

class Conv final : public Unit {
 public:
  Conv(Parameter weight, Parameter bias) : w_(std::move(weight)), b_(std::move(bias)), padding_(w_.value.size(2) / 2) {}

  at::Tensor evaluate(const at::Tensor& x) const override {
    if (x.size(0) == 0) return at::empty({0, w_.value.size(0), x.size(2), x.size(3)}, x.options());
    return at::convolution(x, w_.value, b_.value, {1, 1}, {padding_, padding_}, {1, 1}, false, {0, 0}, 1);
  }
  at::Tensor forward(const at::Tensor& x, const StepContext&) override { return evaluate(x_ = x); }

  at::Tensor backward(const at::Tensor& dy, const StepContext&, bool need_dx) override {
    if (x_.size(0) == 0) {
      w_.gradient.zero_();
      b_.gradient.zero_();
      return need_dx ? at::zeros(x_.sizes(), x_.options()) : at::Tensor();
    }
    const auto [dx, dw, db] = at::convolution_backward(dy, x_, w_.value, b_.value.sizes(), {1, 1}, {padding_, padding_},
                                                       {1, 1}, false, {0, 0}, 1, {need_dx, true, true});
    w_.gradient.copy_(dw);
    b_.gradient.copy_(db);
    return dx;
  }

 private:
  Parameter w_, b_;
  std::int64_t padding_;
  at::Tensor x_;
};

class MaxPool final : public Unit {
 public:
  explicit MaxPool(std::int64_t side) : side_(side) {}

  at::Tensor evaluate(const at::Tensor& x) const override { return std::get<0>(pooled(x)); }
  at::Tensor forward(const at::Tensor& x, const StepContext&) override {
    x_ = x;
    at::Tensor y;
    std::tie(y, index_) = pooled(x);
    return y;
  }
  at::Tensor backward(const at::Tensor& dy, const StepContext&, bool) override {
    if (x_.size(0) == 0) return at::zeros(x_.sizes(), x_.options());
    return at::max_pool2d_with_indices_backward(dy, x_, {side_, side_}, {side_, side_}, {0, 0}, {1, 1}, false, index_);
  }

 private:
  std::tuple<at::Tensor, at::Tensor> pooled(const at::Tensor& x) const {
    return at::max_pool2d_with_indices(x, {side_, side_}, {side_, side_}, {0, 0}, {1, 1}, false);
  }

  std::int64_t side_;
  at::Tensor x_, index_;
};

// Ioffe & Szegedy, "Batch normalization" (2015), with the statistics of the whole group's batch.
class BatchNorm final : public Unit {
 public:
  BatchNorm(Parameter weight, Parameter bias, at::Tensor running_mean, at::Tensor running_variance)
      : w_(std::move(weight)),
        b_(std::move(bias)),
        mean_(std::move(running_mean)),
        variance_(std::move(running_variance)) {}

  at::Tensor evaluate(const at::Tensor& x) const override {
    return std::get<0>(
        at::native_batch_norm(x, w_.value, b_.value, mean_, variance_, false, kBatchNormMomentum, kBatchNormEpsilon));
  }

  at::Tensor forward(const at::Tensor& x, const StepContext& context) override {
    return context.group.size() == 1 ? forward_alone(x) : forward_shared(x, context);
  }

  at::Tensor backward(const at::Tensor& dy, const StepContext& context, bool need_dx) override {
    return context.group.size() == 1 ? backward_alone(dy, need_dx) : backward_shared(dy, context);
  }

 private:
  at::Tensor forward_alone(const at::Tensor& x) {
    x_ = x;
    at::Tensor y;
    // One value a channel has no unbiased variance: the running statistics stay as they are.
    const bool update = x.numel() / x.size(1) > 1;
    std::tie(y, saved_mean_, saved_scale_) =
        at::native_batch_norm(x, w_.value, b_.value, update ? mean_ : at::Tensor(), update ? variance_ : at::Tensor(),
                              true, kBatchNormMomentum, kBatchNormEpsilon);
    return y;
  }

  at::Tensor backward_alone(const at::Tensor& dy, bool need_dx) {
    const auto [dx, dw, db] =
        at::native_batch_norm_backward(dy, x_, w_.value, at::Tensor(), at::Tensor(), saved_mean_, saved_scale_, true,
                                       kBatchNormEpsilon, {need_dx, true, true});
    w_.gradient.copy_(dw);
    b_.gradient.copy_(db);
    return dx;
  }

  // Mean first, then the squares about it: two all-reduces of one double a channel.
  at::Tensor forward_shared(const at::Tensor& x, const StepContext& context) {
    const auto count = values_a_channel(x, context);
    const auto mean = group_sum(x, context).div_(count);
    const auto centred = x - wide(mean.to(at::kFloat), x);
    const auto variance = group_sum(centred * centred, context).div_(count);
    saved_scale_ = (variance + kBatchNormEpsilon).rsqrt().to(at::kFloat);
    normal_ = centred * wide(saved_scale_, x);
    if (count > 1) {
      mean_.mul_(1 - kBatchNormMomentum).add_(mean.to(at::kFloat), kBatchNormMomentum);
      variance_.mul_(1 - kBatchNormMomentum)
          .add_((variance * (count / (count - 1))).to(at::kFloat), kBatchNormMomentum);
    }
    return normal_ * wide(w_.value, x) + wide(b_.value, x);
  }

  // dx = w s (dy - mean(dy) - xhat mean(dy xhat)), means over the whole batch.
  at::Tensor backward_shared(const at::Tensor& dy, const StepContext& context) {
    const auto count = values_a_channel(dy, context);
    const auto weighted = dy * normal_;
    b_.gradient.copy_(channel_sum(dy));
    w_.gradient.copy_(channel_sum(weighted));
    const auto mean_dy = group_sum(dy, context).div_(count).to(at::kFloat);
    const auto mean_weighted = group_sum(weighted, context).div_(count).to(at::kFloat);
    return (dy - wide(mean_dy, dy) - normal_ * wide(mean_weighted, dy)).mul_(wide(w_.value * saved_scale_, dy));
  }

  static double values_a_channel(const at::Tensor& x, const StepContext& context) {
    return static_cast<double>(context.batch * (x.dim() == 4 ? x.size(2) * x.size(3) : 1));
  }
  static at::Tensor channel_sum(const at::Tensor& x) {
    return x.dim() == 4 ? at::sum(x, {0, 2, 3}, false, at::kDouble) : at::sum(x, {0}, false, at::kDouble);
  }
  static at::Tensor group_sum(const at::Tensor& x, const StepContext& context) {
    auto sums = channel_sum(x).to(at::kCPU).contiguous();
    context.group.sum_in_place(std::span<double>(sums.data_ptr<double>(), static_cast<std::size_t>(sums.numel())));
    return sums.to(x.device());
  }
  static at::Tensor wide(const at::Tensor& channels, const at::Tensor& like) {
    return like.dim() == 4 ? channels.view({1, -1, 1, 1}) : channels.view({1, -1});
  }

  Parameter w_, b_;
  at::Tensor mean_, variance_;
  at::Tensor x_, saved_mean_, saved_scale_, normal_;
};

}  // namespace

Chain::Chain(const Architecture& architecture, const at::Device& device) : slots_(slots_of(architecture)) {
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  parameters = at::zeros({slots_.parameters}, options);
  gradients = at::zeros({slots_.parameters}, options);
  buffers = at::zeros({slots_.buffers}, options);
  auto slot = slots_.slots.begin();
  const auto parameter = [&] {
    const auto gradient = gradients.narrow(0, slot->offset, elements(slot->shape)).view(slot->shape);
    return Parameter{array(*slot++), gradient};
  };
  for (std::size_t i = 0; i < architecture.layers.size(); ++i) {
    const auto& layer = architecture.layers[i];
    switch (layer.kind) {
      case LayerKind::dense: {
        auto weight = parameter(), bias = parameter();
        units_.push_back(std::make_unique<Dense>(weight, bias));
        break;
      }
      case LayerKind::conv: {
        auto weight = parameter(), bias = parameter();
        units_.push_back(std::make_unique<Conv>(weight, bias));
        break;
      }
      case LayerKind::batchnorm: {
        auto weight = parameter(), bias = parameter();
        const auto mean = array(*slot++), variance = array(*slot++);
        units_.push_back(std::make_unique<BatchNorm>(weight, bias, mean, variance));
        break;
      }
      case LayerKind::relu:
        units_.push_back(std::make_unique<Relu>());
        break;
      case LayerKind::dropout:
        units_.push_back(std::make_unique<Dropout>(layer.rate, static_cast<std::uint32_t>(i)));
        break;
      case LayerKind::maxpool:
        units_.push_back(std::make_unique<MaxPool>(layer.kernel));
        break;
      case LayerKind::flatten:
        units_.push_back(std::make_unique<Flatten>());
        break;
    }
  }
}

at::Tensor Chain::array(const Slot& slot) const {
  return (slot.buffer ? buffers : parameters).narrow(0, slot.offset, elements(slot.shape)).view(slot.shape);
}

at::Tensor Chain::evaluate(at::Tensor x, std::size_t first, std::size_t last) const {
  for (std::size_t i = first; i < last; ++i) x = units_[i]->evaluate(x);
  return x;
}

at::Tensor Chain::forward(at::Tensor x, const StepContext& context) {
  for (auto& unit : units_) x = unit->forward(x, context);
  return x;
}

void Chain::backward(at::Tensor dy, const StepContext& context) {
  for (auto i = units_.size(); i-- > 0;) dy = units_[i]->backward(dy, context, i > 0);
}

}  // namespace hullscope::networks::detail
