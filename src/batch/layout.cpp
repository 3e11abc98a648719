#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <string_view>
#include <unordered_map>

#include <hullscope/base/error.hpp>
#include <hullscope/base/text.hpp>
#include <hullscope/batch/layout.hpp>

namespace hullscope::batch {
namespace {

using Elements = std::vector<std::vector<std::size_t>>;

constexpr double kStartSeconds = 60;  // of a job: programs and data from a shared folder, at its slowest
constexpr double kTaskSeconds = 0.5;  // of a task besides its work: files opened, written and published
constexpr std::int64_t kLeastMinutes = 10, kLeastMegabytes = 1024;

/// The tasks that become one job.
struct Group {
  std::string name, stage;
  std::vector<std::size_t> tasks;
};

/// One array a stage; the data set's own tasks (pixel space) wait for nothing and cost something else: jobs of their
/// own, first. Codes of further test sets need the stage's own files: another array.
std::vector<Group> make_groups(const LayoutRequest& request) {
  std::vector<Group> groups = {{"hull-pixel", "hull", {}}, {"proximity-pixel", "proximity", {}}};
  for (const std::string stage : {"train", "extract", "encode", "hull", "proximity"}) {
    groups.push_back({stage, stage, {}});
    if (stage == "encode") groups.push_back({"encode-tests", stage, {}});
  }
  std::unordered_map<std::string, std::size_t> place;
  for (std::size_t g = 0; g < groups.size(); ++g) place[groups[g].name] = g;
  for (std::size_t i = 0; i < request.plan.size(); ++i) {
    const auto& task = request.plan[i];
    if (!request.wanted[i] || task.stage == "reduce") continue;
    std::string name = task.stage;
    if (task.network.empty()) name += "-pixel";
    if (task.stage == "encode" && !task.test.empty()) name += "-tests";
    groups[place.at(name)].tasks.push_back(i);
  }
  std::erase_if(groups, [](const Group& group) { return group.tasks.empty(); });
  return groups;
}

bool one_rank_each(const std::string& stage) {
  return stage == "train" || stage == "encode";
}

/// The resources that a stage's jobs may have, and the time that a set of tasks takes on them.
class StageModel {
 public:
  /// `cpu`: estimated CPU seconds of every task of the plan.
  StageModel(const LayoutRequest& request, const study::CostModel& costs, const std::vector<double>& cpu,
             const std::string& stage)
      : request_(request), costs_(costs), cpu_(cpu), stage_(stage), own_(request.profile.of(stage)) {
    const auto& profile = request.profile;
    threads_ = own_.threads > 0                            ? own_.threads
               : one_rank_each(stage) || stage == "reduce" ? 1
                                                           : request.study.run.threads;
    group_ = stage == "train" ? std::max<std::int64_t>(1, request.study.train.ranks_per_task) : 1;
    const auto& gpu = profile.gpu;
    on_gpu_ = std::count(gpu.stages.begin(), gpu.stages.end(), stage) > 0 && request.study.train.device != "cpu";
    if (on_gpu_ && gpu.per_job > profile.limits.gpus * profile.limits.nodes)
      throw UsageError(
          fmt::format("profile {}: gpu.per_job is {}, but its limits give {} GPUs on {} nodes; expected at most "
                      "so many",
                      profile.name, gpu.per_job, profile.limits.gpus, profile.limits.nodes));
    const std::int64_t a_node = std::max<std::int64_t>(0, profile.limits.cores / threads_);
    const std::int64_t nodes = own_.nodes > 0 ? own_.nodes : profile.limits.nodes;
    most_ranks_ = on_gpu_ ? gpu.per_job : a_node * nodes;
    if (own_.ranks > 0) most_ranks_ = own_.ranks;
    if (a_node == 0 || (!on_gpu_ && most_ranks_ > a_node * profile.limits.nodes) || own_.nodes > profile.limits.nodes)
      throw UsageError(fmt::format(
          "profile {}: stage {} asks for {} nodes, {} ranks of {} threads, but the limits are {} nodes of {} "
          "cores; ask for less or raise limits.nodes or limits.cores",
          profile.name, stage, std::max<std::int64_t>(1, own_.nodes), own_.ranks, threads_, profile.limits.nodes,
          profile.limits.cores));
    if (group_ > most_ranks_)
      throw UsageError(fmt::format(
          "train.ranks_per_task is {}, but a job has at most {} ranks (profile {}: {} nodes of {} cores); lower it "
          "or raise the profile's limits",
          group_, most_ranks_, profile.name, profile.limits.nodes, profile.limits.cores));
  }

  double cpu_seconds(std::size_t task) const {
    return on_gpu_ ? cpu_[task] / request_.profile.gpu.speedup : cpu_[task];
  }

  /// Ranks that `tasks` tasks can use. Never so many that train would split a batch which it does not split on one
  /// machine: the results of a training are the same for the same layout only.
  std::int64_t useful_ranks(std::size_t tasks) const {
    if (!one_rank_each(stage_)) return most_ranks_;
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(tasks) * group_, 1, most_ranks_ / group_ * group_);
  }

  /// Wall seconds of tasks whose CPU seconds add up to `sum`, the longest `longest`.
  double wall_seconds(double sum, double longest, std::size_t tasks, std::int64_t ranks) const {
    const double overhead = kTaskSeconds * static_cast<double>(tasks);
    const double r = static_cast<double>(ranks);
    if (one_rank_each(stage_))
      return std::max(longest / static_cast<double>(group_), sum / r) + overhead * static_cast<double>(group_) / r;
    return sum / (r * static_cast<double>(threads_)) + overhead;
  }

  /// With what earlier tries have taught, as far as a node has it.
  double memory(std::size_t task, std::int64_t ranks_of_node) const {
    const auto lesson = request_.lessons.find(task);
    const double limit = 1048576.0 * static_cast<double>(megabytes_of(request_.profile.limits.memory));
    const double bytes = plain_memory(task, ranks_of_node);
    if (lesson == request_.lessons.end()) return bytes;
    return std::max(bytes, std::min(limit, 1048576.0 * static_cast<double>(lesson->second.megabytes)));
  }

  /// The stage's own memory where the profile states one, else what the cost model says.
  double plain_memory(std::size_t task, std::int64_t ranks_of_node) const {
    if (!own_.memory.empty()) return 1048576.0 * static_cast<double>(megabytes_of(own_.memory));
    return costs_.memory_bytes(request_.plan[task], ranks_of_node) * request_.profile.work.memory_factor;
  }

  bool alone(std::size_t task) const {
    const auto lesson = request_.lessons.find(task);
    return lesson != request_.lessons.end() && lesson->second.alone;
  }

  std::int64_t threads() const { return threads_; }
  std::int64_t group() const { return group_; }
  std::int64_t gpus() const { return on_gpu_ ? request_.profile.gpu.per_job : 0; }
  const StageOptions& own() const { return own_; }
  std::int64_t ranks_of_node() const { return std::max<std::int64_t>(1, request_.profile.limits.cores / threads_); }

 private:
  const LayoutRequest& request_;
  const study::CostModel& costs_;
  const std::vector<double>& cpu_;
  std::string stage_;
  StageOptions own_;
  std::int64_t threads_ = 1, group_ = 1, most_ranks_ = 1;
  bool on_gpu_ = false;
};

double element_wall(const StageModel& model, const std::vector<std::size_t>& tasks) {
  double sum = 0, longest = 0;
  for (const auto task : tasks) {
    const double seconds = model.cpu_seconds(task);
    sum += seconds;
    longest = std::max(longest, seconds);
  }
  return model.wall_seconds(sum, longest, tasks.size(), model.useful_ranks(tasks.size()));
}

/// In order, as many tasks an element as the target holds; at least one.
Elements pack(const StageModel& model, const std::vector<std::size_t>& tasks, double target) {
  Elements elements;
  double sum = 0, longest = 0;
  bool closed = true;
  for (const auto task : tasks) {
    const double seconds = model.cpu_seconds(task);
    const std::size_t size = closed ? 0 : elements.back().size();
    const double wall =
        model.wall_seconds(sum + seconds, std::max(longest, seconds), size + 1, model.useful_ranks(size + 1));
    if (closed || wall > target || model.alone(task)) {
      elements.push_back({});
      sum = longest = 0;
    }
    elements.back().push_back(task);
    sum += seconds;
    longest = std::max(longest, seconds);
    closed = model.alone(task);
  }
  return elements;
}

/// By task of the plan, a number of its network's trial, from 0; tasks of the data set itself share one.
std::vector<std::size_t> number_trials(const std::vector<study::Task>& plan) {
  std::map<std::pair<std::string_view, int>, std::size_t> known;
  std::vector<std::size_t> trials;
  for (const auto& task : plan)
    trials.push_back(known.try_emplace({task.network, task.trial}, known.size()).first->second);
  return trials;
}

/// The tasks divided as the trials of another stage's elements are, so that element can follow element; empty if they
/// cannot be. `trials`: as number_trials() has them.
Elements divide_like(const Elements& other, const std::vector<std::size_t>& trials,
                     const std::vector<std::size_t>& tasks) {
  std::vector<std::size_t> element_of(trials.size(), other.size());
  for (std::size_t e = 0; e < other.size(); ++e)
    for (const auto task : other[e]) {
      auto& known = element_of[trials[task]];
      if (known != other.size() && known != e) return {};  // a trial spread over elements
      known = e;
    }
  Elements elements(other.size());
  for (const auto task : tasks) {
    const auto found = element_of[trials[task]];
    if (found == other.size()) return {};
    elements[found].push_back(task);
  }
  const bool empty = std::any_of(elements.begin(), elements.end(), [](const auto& e) { return e.empty(); });
  return empty ? Elements() : elements;
}

/// Like the elements of `other` if that makes jobs neither too short nor too long.
Elements choose_elements(const StageModel& model, const std::vector<std::size_t>& trials, const Group& group,
                         const Elements& other, double target) {
  auto own = pack(model, group.tasks, target);
  if (other.size() < 2 || std::any_of(group.tasks.begin(), group.tasks.end(), [&](auto t) { return model.alone(t); }))
    return own;
  auto alike = divide_like(other, trials, group.tasks);
  double longest = 0;
  for (const auto& element : alike) longest = std::max(longest, element_wall(model, element));
  const bool good = !alike.empty() && longest <= 1.5 * target && alike.size() <= 4 * own.size();
  return good ? alike : own;
}

std::int64_t round_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

/// The most memory that a task of the job needs on a node with so many ranks.
std::pair<double, std::size_t> largest_memory(const StageModel& model, const std::vector<std::size_t>& tasks,
                                              std::int64_t ranks) {
  std::pair<double, std::size_t> largest{0, tasks.front()};
  for (const auto task : tasks) largest = std::max(largest, {model.memory(task, ranks), task});
  return largest;
}

/// Fewer ranks where memory is short; refuses what needs more than a node has even then.
void ask_memory(Job& job, const StageModel& model, const LayoutRequest& request,
                const std::vector<std::size_t>& tasks) {
  const auto limit = megabytes_of(request.profile.limits.memory);
  auto& ask = job.request;
  if (!model.own().memory.empty()) {  // as stated, or what a try without enough has taught
    ask.megabytes = static_cast<std::int64_t>(std::ceil(largest_memory(model, tasks, 1).first / 1048576));
    return;
  }
  while (true) {
    const std::int64_t a_node = (ask.ranks + ask.nodes - 1) / ask.nodes;
    const auto [bytes, task] = largest_memory(model, tasks, a_node);
    ask.megabytes =
        std::min(rounded_megabytes(bytes), std::max(limit, static_cast<std::int64_t>(std::ceil(bytes / 1048576))));
    if (ask.megabytes <= limit) return;
    if (ask.ranks <= model.group() || model.own().ranks > 0)
      throw UsageError(fmt::format(
          "{} needs about {} of memory a node ({} with the profile's factor {:g}), more than limits.memory = {} of "
          "profile {}: it can never fit; use nodes with more memory, or a smaller study",
          request.plan[task].name, format_bytes(bytes / request.profile.work.memory_factor), format_bytes(bytes),
          request.profile.work.memory_factor, request.profile.limits.memory, request.profile.name));
    ask.ranks = std::max(model.group(), ask.ranks / 2 / model.group() * model.group());
    ask.nodes = std::min(ask.nodes, ask.ranks);
  }
}

void ask_time(Job& job, const StageModel& model, const LayoutRequest& request) {
  const auto limit = minutes_of(request.profile.limits.time);
  const double longest = *std::max_element(job.seconds.begin(), job.seconds.end());
  const auto wanted = rounded_minutes(kStartSeconds + request.profile.work.time_factor * longest);
  job.time_is_cut = wanted > limit && kStartSeconds + longest > 60.0 * static_cast<double>(limit);
  job.request.minutes = model.own().time.empty() ? std::min(wanted, limit) : minutes_of(model.own().time);
}

Job make_job(const Group& group, Elements elements, const StageModel& model, const LayoutRequest& request) {
  Job job;
  job.name = group.name;
  job.stage = group.stage;
  job.elements = std::move(elements);
  std::size_t most_tasks = 0;
  for (const auto& element : job.elements) most_tasks = std::max(most_tasks, element.size());
  auto& ask = job.request;
  ask.threads = model.threads();
  ask.gpus = model.gpus();
  ask.ranks = model.useful_ranks(most_tasks);
  const std::int64_t fewest = ask.gpus > 0 ? 1 : (ask.ranks + model.ranks_of_node() - 1) / model.ranks_of_node();
  ask.nodes = std::max(fewest, model.own().nodes);
  ask_memory(job, model, request, group.tasks);
  for (const auto& element : job.elements) {
    double sum = 0, longest = 0;
    for (const auto task : element) {
      sum += model.cpu_seconds(task);
      longest = std::max(longest, model.cpu_seconds(task));
    }
    job.cpu_seconds += sum;
    job.seconds.push_back(model.wall_seconds(sum, longest, element.size(), ask.ranks));
  }
  ask_time(job, model, request);
  return job;
}

/// The last job: reduction and report.
Job last_job(const LayoutRequest& request, const study::CostModel& costs, const std::vector<double>& cpu) {
  Job job;
  job.name = "report";
  job.stage = "reduce";
  const StageModel model(request, costs, cpu, "reduce");
  const bool reduces = !request.plan.empty() && request.plan.back().stage == "reduce";
  job.elements = {reduces ? std::vector<std::size_t>{request.plan.size() - 1} : std::vector<std::size_t>{}};
  if (reduces) job.cpu_seconds = model.cpu_seconds(request.plan.size() - 1);
  constexpr double kReportSeconds = 60;
  job.seconds = {job.cpu_seconds + kReportSeconds};
  job.request.ranks = 1;
  if (reduces) ask_memory(job, model, request, job.elements[0]);
  if (model.own().memory.empty())
    job.request.megabytes = std::max<std::int64_t>(job.request.megabytes, 2 * kLeastMegabytes);  // the figures' Python
  else if (!reduces)
    job.request.megabytes = megabytes_of(model.own().memory);
  job.request.megabytes = std::min(job.request.megabytes, megabytes_of(request.profile.limits.memory));
  ask_time(job, model, request);
  for (std::size_t i = 0; i < request.plan.size(); ++i)
    if (const auto made = request.made_by.find(i); made != request.made_by.end()) job.after_ids.push_back(made->second);
  std::sort(job.after_ids.begin(), job.after_ids.end());
  job.after_ids.erase(std::unique(job.after_ids.begin(), job.after_ids.end()), job.after_ids.end());
  return job;
}

/// Who makes which file: job and element of this layout, or a job in the queue.
struct Makers {
  struct Place {
    std::size_t job, element;
  };
  std::unordered_map<std::string, Place> here;
  std::unordered_map<std::string, std::int64_t> in_queue;
};

void link(std::vector<Job>& jobs, std::size_t j, const Makers& makers, const LayoutRequest& request) {
  std::map<std::size_t, bool> element_wise;  // producer -> so far every element needs only its own
  std::set<std::int64_t> ids;
  auto& job = jobs[j];
  for (std::size_t e = 0; e < job.elements.size(); ++e)
    for (const auto task : job.elements[e]) {
      if (const auto ending = request.ending.find(task); ending != request.ending.end()) ids.insert(ending->second);
      for (const auto& [role, path] : request.plan[task].inputs) {
        if (const auto queued = makers.in_queue.find(path); queued != makers.in_queue.end()) ids.insert(queued->second);
        const auto made = makers.here.find(path);
        if (made == makers.here.end()) continue;
        const bool same = job.elements.size() > 1 && jobs[made->second.job].elements.size() == job.elements.size() &&
                          made->second.element == e;
        bool& alike = element_wise.try_emplace(made->second.job, true).first->second;
        alike = alike && same;
      }
    }
  for (const auto& [producer, alike] : element_wise) job.after.push_back({jobs[producer].name, alike});
  job.after_ids.assign(ids.begin(), ids.end());
}

void link_all(std::vector<Job>& jobs, const LayoutRequest& request) {
  Makers makers;
  for (const auto& [task, id] : request.made_by) makers.in_queue[request.plan[task].output] = id;
  for (std::size_t j = 0; j < jobs.size(); ++j)
    for (std::size_t e = 0; e < jobs[j].elements.size(); ++e)
      for (const auto task : jobs[j].elements[e]) makers.here[request.plan[task].output] = {j, e};
  for (std::size_t j = 0; j < jobs.size(); ++j) link(jobs, j, makers, request);
}

/// The elements of all groups for one target of seconds an element.
std::vector<Elements> elements_for(const std::vector<Group>& groups, const std::vector<StageModel>& models,
                                   const std::vector<std::size_t>& trials, double target) {
  std::vector<Elements> all;
  Elements first;  // how the first stage that trials have here is divided
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const bool of_trials = groups[g].name == groups[g].stage;
    all.push_back(choose_elements(models[g], trials, groups[g], of_trials ? first : Elements(), target));
    if (of_trials && first.empty()) first = all.back();
  }
  return all;
}

/// May the queue take so many elements, `a_job` of one array and `all` together, the last job among them?
bool fits(const std::vector<Elements>& all, std::size_t a_job, std::size_t most) {
  std::size_t count = 1;
  for (const auto& elements : all) count += elements.size();
  return count <= most &&
         std::all_of(all.begin(), all.end(), [&](const Elements& elements) { return elements.size() <= a_job; });
}

std::size_t room_in_queue(const LayoutRequest& request, std::size_t jobs) {
  const auto submitted = static_cast<std::size_t>(request.profile.limits.submitted);
  const std::size_t room = submitted - std::min(request.in_queue, submitted);
  if (room < jobs)
    throw UsageError(fmt::format(
        "{} jobs are in the queue already and limits.submitted is {} (profile {}): no room for {} more; submit again "
        "when some have ended",
        request.in_queue, submitted, request.profile.name, jobs));
  return room;
}

}  // namespace

std::int64_t rounded_minutes(double seconds) {
  const auto minutes = std::max(kLeastMinutes, static_cast<std::int64_t>(std::min(std::ceil(seconds / 60), 1e8)));
  if (minutes <= 20) return round_up(minutes, 5);
  if (minutes <= 60) return round_up(minutes, 15);
  if (minutes <= 120) return round_up(minutes, 30);
  return minutes <= 720 ? round_up(minutes, 60) : round_up(minutes, 360);
}

std::int64_t rounded_megabytes(double bytes) {
  const auto megabytes = std::max(kLeastMegabytes, static_cast<std::int64_t>(std::ceil(bytes / 1048576)));
  return megabytes <= 4096 ? round_up(megabytes, 512) : round_up(megabytes, 1024);
}

std::size_t Job::tasks() const {
  std::size_t count = 0;
  for (const auto& element : elements) count += element.size();
  return count;
}

std::size_t Layout::elements() const {
  std::size_t count = 0;
  for (const auto& job : jobs) count += job.elements.size();
  return count;
}

Layout make_layout(const LayoutRequest& asked) {
  LayoutRequest request = asked;
  const auto groups = make_groups(request);
  const auto room = room_in_queue(request, groups.size() + 1);
  const auto a_job = static_cast<std::size_t>(request.profile.limits.array_size - 1);
  std::vector<double> cpu;
  const study::CostModel costs(request.study, request.data);
  for (const auto& task : request.plan) cpu.push_back(costs.cpu_seconds(task));
  std::vector<StageModel> models;
  for (const auto& group : groups) models.emplace_back(request, costs, cpu, group.stage);

  double target =
      60.0 * static_cast<double>(minutes_of(request.profile.work.target)) / request.profile.work.time_factor;
  const auto trials = number_trials(request.plan);
  auto elements = elements_for(groups, models, trials, target);
  while (!fits(elements, a_job, room)) {
    target *= 1.3;
    // so many failed that each alone would be too many
    if (target > 1e12)
      for (auto& [task, lesson] : request.lessons) lesson.alone = false;
    elements = elements_for(groups, models, trials, target);
  }
  Layout layout;
  for (std::size_t g = 0; g < groups.size(); ++g)
    layout.jobs.push_back(make_job(groups[g], std::move(elements[g]), models[g], request));
  link_all(layout.jobs, request);
  auto last = last_job(request, costs, cpu);
  for (const auto& job : layout.jobs) last.after.push_back({job.name, false});
  layout.jobs.push_back(std::move(last));
  return layout;
}

}  // namespace hullscope::batch
