#include <hullscope/networks/torchscript.hpp>

#include <ATen/ops/allclose.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/networks/compute.hpp>

namespace hullscope::networks {
namespace {

namespace jit = torch::jit;

/// The sentence that matters of an exception of LibTorch, which may hold two stack traces.
std::string words_of(const std::exception& error) {
  std::string text = error.what();
  if (const auto last = text.rfind("Error: "); last != std::string::npos) text = text.substr(last + 7);
  return text.substr(0, text.find('\n'));
}

/// Runs `work`; what LibTorch throws is the file's fault. `what`: "cannot take samples of shape 1 x 28 x 28".
template <class Work>
auto guarded(const std::string& file, const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    const std::string words = words_of(error), all = error.what();
    if (all.find("CUDA") != std::string::npos || all.find("cuda") != std::string::npos)
      throw DataError(file, "",
                      fmt::format("needs CUDA, which is not here ({}): save the module from the CPU, or run on a "
                                  "machine with a GPU",
                                  words));
    throw DataError(file, "", fmt::format("{}: {}", what, words));
  }
}

jit::Module load(const std::string& file, const std::string& device) {
  if (!std::filesystem::is_regular_file(file))
    throw DataError(file, "", "there is no such file, expected a TorchScript module (torch.jit.script(model).save)");
  auto module = guarded(file, "not a TorchScript module (save one by torch.jit.script(model).save(...))",
                        [&] { return jit::load(file, at::Device(device)); });
  module.eval();
  if (!module.find_method("forward"))
    throw DataError(file, "", "the module has no method forward, expected a whole network, not weights alone");
  return module;
}

// --- the layer that the neural space is the output of

std::vector<jit::Node*> calls_of(jit::Graph& graph, const std::vector<jit::Value*>& objects) {
  std::vector<jit::Node*> calls;
  for (jit::Node* node : graph.nodes())
    if (node->kind() == c10::prim::CallMethod && node->s(c10::attr::name) == "forward" &&
        std::count(objects.begin(), objects.end(), node->input(0)))
      calls.push_back(node);
  return calls;
}

/// The values that hold the submodule `name` of one of `objects`.
std::vector<jit::Value*> attributes(jit::Graph& graph, const std::vector<jit::Value*>& objects,
                                    const std::string& name) {
  std::vector<jit::Value*> found;
  for (jit::Node* node : graph.nodes())
    if (node->kind() == c10::prim::GetAttr && node->s(c10::attr::name) == name &&
        std::count(objects.begin(), objects.end(), node->input(0)))
      found.push_back(node->output());
  return found;
}

/// Output of the (last) call of `layer`, "a.b.c": the calls of a and of a.b are inlined on the way. nullptr: there is
/// no such call on the straight way through forward().
jit::Value* output_of(jit::Graph& graph, const std::string& layer) {
  std::vector<jit::Value*> objects = {graph.inputs()[0]};
  std::istringstream parts(layer);
  for (std::string part; std::getline(parts, part, '.');) {
    objects = attributes(graph, objects, part);
    const auto calls = calls_of(graph, objects);
    if (parts.eof()) return calls.empty() ? nullptr : calls.back()->output();
    for (jit::Node* call : calls)
      if (auto* function = jit::tryToGraphFunction(call)) jit::inlineCallTo(call, function, function->graph().get());
  }
  return nullptr;
}

/// Input of the last dense layer of a graph without calls; nullptr if it has none.
jit::Value* input_of_last_dense(jit::Graph& graph) {
  jit::Value* found = nullptr;
  for (jit::Node* node : graph.nodes()) {
    if (node->kind() == c10::aten::linear) found = node->input(0);
    if (node->kind() == c10::aten::addmm) found = node->input(1);
  }
  return found;
}

[[noreturn]] void refuse_layer(const std::string& file, const jit::Module& module, const std::string& layer) {
  std::vector<std::string> names;
  for (const auto& submodule : module.named_modules())
    if (!submodule.name.empty()) names.push_back(submodule.name);
  if (std::count(names.begin(), names.end(), layer))
    throw DataError(file, "",
                    fmt::format("the layer \"{}\" is not called on the straight way through forward(): name one that "
                                "is in no loop and no condition",
                                layer));
  throw DataError(file, "",
                  names.empty() ? fmt::format("there is no layer \"{}\": the module has no submodules", layer)
                                : fmt::format("there is no layer \"{}\"; did you mean \"{}\"? (of {})", layer,
                                              nearest_name(layer, names), join(names)));
}

/// Evaluation mode is a constant: what is done in training alone (counting batches, checks) goes.
void fix_evaluation_mode(std::shared_ptr<jit::Graph>& graph) {
  for (jit::Node* node : jit::findAllNodes(*graph, c10::prim::GetAttr, true))
    if (node->s(c10::attr::name) == "training" && node->output()->type()->kind() == c10::BoolType::Kind) {
      const jit::WithInsertPoint here(node);
      node->output()->replaceAllUsesWith(graph->insertConstant(false));
    }
  jit::ConstantPropagation(graph);
}

/// forward() without calls, and a second output: a copy of the neural space as it is at that point (what follows may
/// overwrite it).
std::shared_ptr<jit::Graph> graph_with_neural_space(const std::string& file, const jit::Module& module,
                                                    const std::string& layer) {
  auto graph = jit::toGraphFunction(module.get_method("forward").function()).graph()->copy();
  if (graph->outputs().size() != 1 || !graph->outputs()[0]->type()->isSubtypeOf(*c10::TensorType::get()))
    throw DataError(file, "",
                    fmt::format("forward() returns {}, expected one tensor of logits",
                                graph->outputs().empty() ? "nothing" : graph->outputs()[0]->type()->str()));
  if (layer.empty()) jit::Inline(*graph);
  jit::Value* neural = layer.empty() ? input_of_last_dense(*graph) : output_of(*graph, layer);
  if (!neural && !layer.empty()) refuse_layer(file, module, layer);
  if (!neural)
    throw DataError(file, "",
                    "there is no dense layer on the straight way through forward(): name the layer whose output is the "
                    "neural space (layer = \"...\")");
  if (neural->node()->kind() == c10::prim::Param)
    throw DataError(file, "", "its last dense layer takes the samples themselves, expected a hidden layer before it");
  if (!neural->type()->isSubtypeOf(*c10::TensorType::get()))
    throw DataError(file, "",
                    fmt::format("the layer \"{}\" returns {}, expected one tensor", layer, neural->type()->str()));
  {
    const jit::WithInsertPoint after(neural->node()->next());
    graph->registerOutput(graph->insert(c10::aten::clone, {neural}));
  }
  jit::Inline(*graph);
  fix_evaluation_mode(graph);
  return graph;
}

/// From the samples to the neural space.
std::shared_ptr<jit::Graph> body_of(const jit::Graph& whole) {
  auto graph = const_cast<jit::Graph&>(whole).copy();
  graph->eraseOutput(0);
  jit::EliminateDeadCode(graph);
  return graph;
}

/// From the neural space, a further input, to the output; nullptr if that needs the samples too.
std::shared_ptr<jit::Graph> head_of(const jit::Graph& whole) {
  using Policy = jit::DCESideEffectPolicy;
  for (const auto policy : {Policy::DONT_DELETE_NODES_WITH_SIDE_EFFECTS,
                            Policy::ALLOW_DELETING_NODES_WITH_SIDE_EFFECTS}) {  // checks of the samples' shape
    auto graph = const_cast<jit::Graph&>(whole).copy();
    jit::Value* neural = graph->outputs()[1]->node()->input(0);
    graph->eraseOutput(1);
    neural->replaceAllUsesWith(graph->addInput());
    jit::EliminateDeadCode(graph, policy);
    if (!graph->inputs()[1]->hasUses()) return graph;
  }
  return nullptr;
}

}  // namespace

struct ForeignNetwork::State {
  std::string file, layer;
  at::Device device;
  jit::Module module;
  std::vector<c10::IValue> defaults;  // of forward()'s arguments after the first
  jit::Code whole, body, head;
  Shape sample, neural;
  std::int64_t classes = 0;

  State(const std::string& path, const std::string& name, const std::string& where)
      : file(path), layer(name), device(where), module(load(path, where)) {
    const auto& arguments = module.get_method("forward").function().getSchema().arguments();
    if (arguments.size() < 2) throw DataError(file, "", "forward() takes no argument, expected a batch of samples");
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      if (!arguments[i].default_value())
        throw DataError(file, "",
                        fmt::format("forward() needs the argument {} beside the samples, expected samples alone",
                                    arguments[i].name()));
      defaults.push_back(*arguments[i].default_value());
    }
    const auto graph = graph_with_neural_space(file, module, layer);
    const auto rest = head_of(*graph);
    if (!rest)
      throw DataError(file, "",
                      fmt::format("its output does not follow from {} alone, a way leads past it: name a later layer",
                                  layer.empty() ? "the input of its last dense layer" : "the layer \"" + layer + "\""));
    whole = jit::Code(graph, "whole");
    body = jit::Code(body_of(*graph), "body");
    head = jit::Code(rest, "head");
  }

  /// Outputs of one of the parts. `neural_input`: of the head.
  std::vector<at::Tensor> run(const jit::Code& code, const at::Tensor& samples, const at::Tensor* neural_input) const {
    const at::NoGradGuard no_grad;
    jit::Stack stack{module._ivalue(), samples};
    stack.insert(stack.end(), defaults.begin(), defaults.end());
    if (neural_input) stack.emplace_back(*neural_input);
    jit::InterpreterState(code).run(stack);
    std::vector<at::Tensor> outputs;
    for (const auto& value : stack) outputs.push_back(value.toTensor());
    return outputs;
  }

  /// Rows as a batch of this shape, on the device.
  at::Tensor batch(MatrixView<float> rows, const Shape& shape) const {
    Shape all{rows.rows()};
    all.insert(all.end(), shape.begin(), shape.end());
    return at::from_blob(const_cast<float*>(rows.data()), all, at::kFloat).clone().to(device);
  }
};

namespace {

Matrix<float> as_matrix(const at::Tensor& tensor, std::int64_t rows, std::int64_t columns) {
  const auto values = tensor.to(at::kCPU).to(at::kFloat).contiguous();
  if (values.numel() != rows * columns)
    throw InternalError("a TorchScript module gave another shape than at its trial");
  return MatrixView<float>(values.data_ptr<float>(), rows, columns);
}

std::string sizes_of(const at::Tensor& tensor) {
  return text_of(tensor.sizes().vec());
}

}  // namespace

ForeignNetwork::ForeignNetwork(const std::string& file, const std::string& layer, const std::string& device) {
  compute_deterministically();
  state_ = guarded(file, "cannot be taken apart", [&] { return std::make_unique<State>(file, layer, device); });
}
ForeignNetwork::~ForeignNetwork() = default;
ForeignNetwork::ForeignNetwork(ForeignNetwork&&) noexcept = default;

void ForeignNetwork::try_on(MatrixView<float> examples, const Shape& sample, std::int64_t classes) {
  State& s = *state_;
  guarded(s.file, fmt::format("cannot take samples of shape {}", text_of(sample)), [&] {
    const auto rows = examples.rows();
    const auto outputs = s.run(s.whole, s.batch(examples, sample), nullptr);
    const auto &logits = outputs.at(0), &neural = outputs.at(1);
    if (logits.dim() != 2 || logits.size(0) != rows || logits.size(1) != classes)
      throw DataError(s.file, "",
                      fmt::format("returns {} numbers for {} samples, expected {} x {}: one a class of the data",
                                  sizes_of(logits), rows, rows, classes));
    if (neural.dim() < 2 || neural.size(0) != rows)
      throw DataError(s.file, "",
                      fmt::format("its neural space has the shape {} for {} samples, expected a row a sample",
                                  sizes_of(neural), rows));
    s.sample = sample, s.classes = classes, s.neural = neural.sizes().slice(1).vec();
    const auto copy = neural.clone();  // a ReLU in place may overwrite it
    const auto apart = s.run(s.head, at::empty({0}), &copy).at(0);
    const auto alone = s.run(s.body, s.batch(examples, sample), nullptr).at(0);
    if (!at::allclose(apart, logits, 1e-4, 1e-5, true) || !at::allclose(alone, neural, 1e-4, 1e-5, true))
      throw DataError(s.file, "",
                      "its two parts, up to the neural space and from there on, do not give what the whole gives: "
                      "name another layer");
  });
}

const Shape& ForeignNetwork::neural_shape() const {
  return state_->neural;
}

void ForeignNetwork::set_neural_shape(const Shape& shape) {
  state_->neural = shape;
}

Matrix<float> ForeignNetwork::body(MatrixView<float> samples) const {
  const State& s = *state_;
  return guarded(s.file, "failed on a block of samples", [&] {
    return as_matrix(s.run(s.body, s.batch(samples, s.sample), nullptr).at(0), samples.rows(), elements(s.neural));
  });
}

Matrix<float> ForeignNetwork::head(MatrixView<float> activations) const {
  const State& s = *state_;
  return guarded(s.file, "failed on a block of activations", [&] {
    const auto neural = s.batch(activations, s.neural);
    const auto logits = s.run(s.head, at::empty({0}), &neural).at(0);
    return as_matrix(logits, activations.rows(), logits.numel() / std::max<std::int64_t>(activations.rows(), 1));
  });
}

Evaluation ForeignNetwork::evaluation() const {
  return {elements(state_->neural), state_->classes, [this](MatrixView<float> samples) { return body(samples); },
          [this](MatrixView<float> activations) { return head(activations); }, state_->file};
}

std::string shape_text(const Shape& shape) {
  return fmt::format("{}", fmt::join(shape, ","));
}

Shape parse_shape(const std::string& text) {
  Shape shape;
  std::istringstream numbers(text);
  for (std::string number; std::getline(numbers, number, ',');) shape.push_back(std::stoll(number));
  return shape;
}

}  // namespace hullscope::networks
