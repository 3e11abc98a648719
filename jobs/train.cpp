// hullscope train: the classifiers of a study, one network.h5 (and network.pt) a trial.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include <hullscope/base/error.hpp>
#include <hullscope/networks/compute.hpp>
#include <hullscope/networks/fit.hpp>
#include <hullscope/networks/network_file.hpp>
#include <hullscope/networks/samples.hpp>

#include "stage.hpp"
#include "task_groups.hpp"

namespace hullscope::jobs {
namespace {

// Below this many operations a sample (forward), splitting a batch costs more in all-reduces than it gains: measured
// with the MLPs of the paper (0.5 to 4 million), where it takes half the time. The CNNs have 70 million and more.
constexpr double kWorthSplitting = 2e7;
constexpr std::int64_t kLargestGroup = 8;

const study::NetworkSpec& spec_of(const study::Study& study, const std::string& network) {
  for (const auto& spec : study.networks)
    if (spec.name == network) return spec;
  throw InternalError("a task of the network " + network + ", which the study does not have");
}

/// Ranks that share one training. A function of study and rank count only, so that a resumed run has the same groups.
std::int64_t group_size(const study::Study& study, const networks::Samples& train, std::int64_t ranks) {
  const auto wanted = study.train.ranks_per_task;
  if (wanted > ranks)
    throw UsageError(
        fmt::format("train.ranks_per_task is {}, but the program runs on {} rank{}: lower it or start more", wanted,
                    ranks, ranks == 1 ? "" : "s"));
  if (wanted > 0) return wanted;
  double operations = 0;
  for (const auto& spec : study.networks)
    operations = std::max(operations, networks::make_classifier(spec, train.shape, train.classes).forward_operations());
  const auto tasks = static_cast<std::int64_t>(study.networks.size()) * study.train.trials;
  return operations < kWorthSplitting ? 1 : std::clamp<std::int64_t>(ranks / tasks, 1, kLargestGroup);
}

class Trainer {
 public:
  Trainer(Stage& stage, datasets::LabelledSet set)
      : stage_(stage),
        set_(std::move(set)),
        samples_(networks::samples_of(set_)),
        scaling_(networks::make_scaling(stage.study().train.scaling, samples_)),
        device_(networks::resolve_device(stage.study().train.device)) {
    data_.size = samples_.size;
    data_.gather = [this](std::span<const std::int64_t> rows, std::span<float> out) {
      const auto each = out.size() / std::max<std::size_t>(rows.size(), 1);
      for (std::size_t i = 0; i < rows.size(); ++i) samples_.copy_row(rows[i], out.subspan(i * each, each));
      scaling_.apply(out, samples_.shape);
    };
    for (std::int64_t row = 0; row < samples_.size; ++row) data_.labels.push_back(samples_.label(row));
  }
  Trainer(const Trainer&) = delete;

  const networks::Samples& samples() const { return samples_; }

  networks::Architecture architecture(const study::Task& task) const {
    return networks::make_classifier(spec_of(stage_.study(), task.network), samples_.shape, samples_.classes);
  }

  /// Collective over `group`.
  void train(const study::Task& task, const parallel::Comm& group, parallel::Progress& progress) {
    const parallel::Stopwatch watch;
    const auto provenance = stage_.provenance(task);
    const auto output = stage_.path(task.output), archive = with_extension(output, ".pt"),
               checkpoint = with_extension(output, ".checkpoint");
    if (group.root()) std::filesystem::create_directories(std::filesystem::path(output).parent_path());
    group.barrier();

    networks::Model model(architecture(task), device_);
    const auto& options = stage_.study().train;
    const networks::FitOptions fit{options.epochs,
                                   options.batch,
                                   options.rate,
                                   options.validation,
                                   static_cast<std::uint64_t>(stage_.study().seed),
                                   study::stream_name(stage_.study(), task) + "/train",
                                   checkpoint,
                                   provenance.task_key,
                                   options.checkpoint_seconds,
                                   group.root() ? &progress : nullptr};
    const auto curves = networks::fit(model, data_, fit, group);

    if (group.root()) store::publish_bytes(archive, networks::torch_archive(model));
    store::ArtifactWriter writer(group, output, provenance);
    networks::write_network(writer, model, scaling_, curves);
    writer.publish(Stage::record(group, watch));
    if (group.root()) std::filesystem::remove(checkpoint);
    if (!curves.train_loss.empty())
      parallel::log_info(fmt::format("{}: loss {:.4f}, accuracy {:.4f} in training after {} epochs, {:.1f} s",
                                     task.name, curves.train_loss.back(), curves.train_accuracy.back(), options.epochs,
                                     watch.wall_seconds()));
  }

 private:
  static std::string with_extension(std::filesystem::path path, const char* extension) {
    return path.replace_extension(extension).string();
  }

  Stage& stage_;
  datasets::LabelledSet set_;
  networks::Samples samples_;
  networks::Scaling scaling_;
  std::string device_;
  networks::FitData data_;
};

int run(const parallel::Comm& world, const std::vector<std::string>& arguments) {
  Stage stage(world, arguments, "train");
  auto tasks = stage.todo();
  if (tasks.empty()) return kExitDone;
  networks::keep_freed_memory();
  Trainer trainer(stage, stage.data("train"));
  const auto groups = make_groups(world, group_size(stage.study(), trainer.samples(), world.size()));
  // The longest first, so that no rank is left alone with one at the end.
  std::stable_sort(tasks.begin(), tasks.end(), [&](const study::Task& a, const study::Task& b) {
    return trainer.architecture(a).forward_operations() > trainer.architecture(b).forward_operations();
  });
  const auto epochs = static_cast<std::int64_t>(tasks.size()) * stage.study().train.epochs;
  parallel::Progress progress(world, stage.folder(), "train", "epochs", epochs);
  share_tasks(world, groups, static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i) {
    const auto& task = tasks[static_cast<std::size_t>(i)];
    if (study::data_source(stage.study(), task) == study::data_source(stage.study(), {}))
      return trainer.train(task, groups.group, progress);
    Trainer(stage, stage.data(task, "train", groups.group)).train(task, groups.group, progress);
  });
  return kExitDone;
}

}  // namespace
}  // namespace hullscope::jobs

int main(int argc, char** argv) {
  return hullscope::parallel::run_program(argc, argv, hullscope::jobs::run);
}
