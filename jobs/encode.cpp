// hullscope encode: the intrinsic space of each trained network, one codes.h5 a bottleneck; then the same of further
// test sets, which take the trained autoencoders of the first.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <optional>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/autoencoder.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/network_file.hpp>
#include <hullscope/networks/torchscript.hpp>
#include <hullscope/parallel/stop.hpp>

#include "outside.hpp"
#include "stage.hpp"
#include "task_groups.hpp"

namespace hullscope::jobs {
namespace {

/// What encode needs of an activations.h5.
struct Neural {
  std::string path;
  Matrix<float> train, test;
  std::vector<std::int64_t> train_sample, test_sample, test_label;
  double accuracy_test;
  std::string shape;                            ///< of one sample of a network made elsewhere, else ""
  networks::NamedArray head_weight, head_bias;  ///< of a network that comes as arrays and has them

  explicit Neural(const std::string& file) : path(file) {
    const store::ArtifactReader reader(file, "extract");
    train = reader.read_matrix<float>("/train/activation");
    test = reader.read_matrix<float>("/test/activation");
    train_sample = reader.read<std::int64_t>("/train/sample");
    test_sample = reader.read<std::int64_t>("/test/sample");
    test_label = reader.read<std::int64_t>("/test/label");
    accuracy_test = reader.number("/", "accuracy_test");
    if (reader.provenance().inputs.count("data/network")) shape = reader.text("/", "neural_shape");
    if (reader.has("/head/weight")) {
      head_weight = {"output.weight", reader.shape("/head/weight"), reader.read<float>("/head/weight")};
      head_bias = {"output.bias", reader.shape("/head/bias"), reader.read<float>("/head/bias")};
    }
    if (train.rows() == 0) throw DataError(file, "/train/activation", "no training points, expected at least one");
  }
};

/// The further test set of a task: what its samples are in the neural space.
struct Queries {
  Matrix<float> activation;
  std::vector<std::int64_t> sample;

  Queries(const std::string& file, std::int64_t features) {
    const store::ArtifactReader reader(file, "extract-test");
    activation = reader.read_matrix<float>("/test/activation");
    sample = reader.read<std::int64_t>("/test/sample");
    if (activation.cols() != features)
      throw DataError(file, "/test/activation",
                      fmt::format("found {} features, expected {} as of the training points; run stage extract again",
                                  activation.cols(), features));
  }
};

double share_equal(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  const auto equal =
      std::inner_product(a.begin(), a.end(), b.begin(), std::int64_t{0}, std::plus<>(), std::equal_to<>());
  return a.empty() ? 0 : static_cast<double>(equal) / static_cast<double>(a.size());
}

/// Whether it trains an autoencoder; principal components and the codes of a further test set are computed at once.
bool trains(const study::Task& task) {
  return task.test.empty() && !task.space.starts_with("pca");
}

class Encoding {
 public:
  Encoding(Stage& stage, parallel::Progress& progress)
      : stage_(stage), progress_(progress), device_(networks::resolve_device(stage.study().train.device)) {}

  /// By one rank for itself.
  void encode(const study::Task& task) {
    task.test.empty() ? encode_own(task) : encode_further(task);
    if (!trains(task)) progress_.add(1);
  }

 private:
  void encode_own(const study::Task& task) {
    const parallel::Stopwatch watch;
    const auto self = parallel::Comm::self();
    const auto provenance = stage_.provenance(task);
    const auto output = stage_.path(task.output);
    const auto checkpoint = std::filesystem::path(output).replace_extension(".checkpoint").string();
    std::filesystem::create_directories(std::filesystem::path(output).parent_path());
    const auto& neural = activations(stage_.path(task.inputs.at("activations")));
    const auto asked = request(task, neural, view(neural.test), provenance.task_key, checkpoint);
    const auto answer =
        task.space.starts_with("pca") ? networks::encode_principal(asked) : networks::encode(asked, self);

    store::ArtifactWriter writer(self, output, provenance);
    write(writer, task, neural, answer);
    const bool has_head = asked.head || !asked.head_weight.values.empty();
    const double hybrid = has_head ? share_equal(answer.test.hybrid_predicted, neural.test_label) : std::nan("");
    const double relative = !has_head ? hybrid : neural.accuracy_test > 0 ? hybrid / neural.accuracy_test : 0;
    writer.attribute("/", "accuracy_test_hybrid", hybrid);
    writer.attribute("/", "relative_accuracy", relative);
    writer.publish(Stage::record(self, watch));
    std::filesystem::remove(checkpoint);
    parallel::log_info(
        fmt::format("{}: unexplained variance {:.4f}{}, {:.1f} s", task.name, answer.test.unexplained_variance,
                    has_head ? fmt::format(", relative accuracy {:.4f}", relative) : "", watch.wall_seconds()));
  }

  void encode_further(const study::Task& task) {
    if (parallel::stop_requested())
      throw Interrupted("encode: stopped by a signal; the same command does what is left");
    const parallel::Stopwatch watch;
    const auto self = parallel::Comm::self();
    const auto provenance = stage_.provenance(task);
    const auto output = stage_.path(task.output);
    std::filesystem::create_directories(std::filesystem::path(output).parent_path());
    const auto& neural = activations(stage_.path(task.inputs.at("activations")));
    const Queries queries(stage_.path(task.inputs.at("queries")), neural.train.cols());
    const auto asked = request(task, neural, view(queries.activation), provenance.task_key, "");
    const auto codes = further_codes(task, asked);

    store::ArtifactWriter writer(self, output, provenance);
    write_units(writer, task);
    write_split(writer, "test", queries.sample, codes);
    writer.write<double>("/unexplained_variance", {}, {&codes.unexplained_variance, 1});
    writer.publish(Stage::record(self, watch));
  }

  networks::Codes further_codes(const study::Task& task, const networks::EncodeRequest& asked) const {
    if (task.space.starts_with("pca")) return networks::principal_codes(asked);
    const auto layers = networks::make_autoencoder(asked.train.cols(), asked.dimension, asked.hidden, asked.output);
    const auto [model, divisor] = networks::read_autoencoder(stage_.path(task.inputs.at("codes")), layers, device_);
    return networks::encode_with(asked, model, divisor);
  }

  const Neural& activations(const std::string& path) {
    if (!neural_ || neural_->path != path) {
      neural_.reset();  // one file at a time in memory
      neural_.emplace(path);
    }
    return *neural_;
  }

  networks::EncodeRequest request(const study::Task& task, const Neural& neural, MatrixView<float> test,
                                  const std::string& key, const std::string& checkpoint) {
    const auto& study = stage_.study();
    const auto& options = study.encode;
    networks::EncodeRequest request{
        view(neural.train), test, task.dimension, options.hidden, options.output, neural.head_weight,
        neural.head_bias,   {},   device_};
    if (task.inputs.count("network")) {
      const auto network = stage_.path(task.inputs.at("network"));
      const store::ArtifactReader reader(network, "train");
      request.head_weight = networks::read_parameter(reader, network, "output.weight");
      request.head_bias = networks::read_parameter(reader, network, "output.bias");
    }
    if (task.inputs.count("data/network")) {
      foreign_.emplace(outside_file(study, task, study::find_network(study, task.network)->torchscript),
                       study::find_network(study, task.network)->layer, device_);
      foreign_->set_neural_shape(networks::parse_shape(neural.shape));
      request.head = [this](MatrixView<float> activations) { return foreign_->head(activations); };
    }
    request.fit = {options.epochs,
                   options.batch,
                   options.rate,
                   0,
                   static_cast<std::uint64_t>(study.seed),
                   study::stream_name(study, task) + "/encode",
                   checkpoint,
                   key,
                   study.train.checkpoint_seconds,
                   &progress_};
    return request;
  }

  static void write_split(store::ArtifactWriter& writer, const std::string& split,
                          const std::vector<std::int64_t>& sample, const networks::Codes& codes) {
    const auto n = codes.code.rows(), d = codes.code.cols();
    writer.write<std::int64_t>("/" + split + "/sample", {n}, sample);
    writer.write<float>("/" + split + "/code", {n, d},
                        {codes.code.data(), static_cast<std::size_t>(codes.code.size())});
    writer.write<std::int64_t>("/" + split + "/hybrid_predicted", {n}, codes.hybrid_predicted);
  }

  static void write_units(store::ArtifactWriter& writer, const study::Task& task) {
    std::vector<std::int64_t> units(static_cast<std::size_t>(task.dimension));
    std::iota(units.begin(), units.end(), 0);
    writer.write<std::int64_t>("/bottleneck", {task.dimension}, units);
  }

  static void write(store::ArtifactWriter& writer, const study::Task& task, const Neural& neural,
                    const networks::EncodeAnswer& answer) {
    write_units(writer, task);
    std::vector<std::int64_t> epochs(answer.curves.train_loss.size());
    std::iota(epochs.begin(), epochs.end(), 1);
    writer.write<std::int64_t>("/epoch", {static_cast<std::int64_t>(epochs.size())}, epochs);
    writer.write<double>("/train_loss", {static_cast<std::int64_t>(epochs.size())}, answer.curves.train_loss);
    write_split(writer, "train", neural.train_sample, answer.train);
    write_split(writer, "test", neural.test_sample, answer.test);
    writer.write_text("/split", {"train", "test"});
    const std::vector<double> unexplained{answer.train.unexplained_variance, answer.test.unexplained_variance};
    writer.write<double>("/unexplained_variance", {2}, unexplained);
    writer.write<std::int64_t>("/dead_outputs", {}, {&answer.dead_outputs, 1});
    networks::write_parameters(writer, answer.arrays);
  }

  Stage& stage_;
  parallel::Progress& progress_;
  std::string device_;
  std::optional<Neural> neural_;
  std::optional<networks::ForeignNetwork> foreign_;
};

/// The tasks whose inputs are there.
void encode_all(const parallel::Comm& world, Stage& stage, const std::vector<study::Task>& tasks) {
  std::int64_t total = 0;  // epochs; a task that trains nothing counts as one
  for (const auto& task : tasks) total += trains(task) ? stage.study().encode.epochs : 1;
  parallel::Progress progress(world, stage.folder(), "encode", "epochs", total);
  Encoding encoding(stage, progress);
  // The plan's order, not the longest first: they cost nearly the same, and neighbours share their activations.
  share_tasks(world, make_groups(world, 1), static_cast<std::int64_t>(tasks.size()),
              [&](std::int64_t i) { encoding.encode(tasks[static_cast<std::size_t>(i)]); });
}

int run(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "encode");
  for (bool more = true; more; more = stage.look_again())
    if (!stage.todo().empty()) encode_all(world, stage, stage.todo());
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
