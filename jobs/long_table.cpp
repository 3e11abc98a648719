#include "long_table.hpp"

#include <algorithm>
#include <cctype>
#include <numeric>

namespace hullscope::jobs {
namespace {

template <class T, class Of>
std::vector<T> column(const std::vector<ResultRow>& rows, const Of& of) {
  std::vector<T> values;
  for (const ResultRow& row : rows) values.push_back(of(row));
  return values;
}

}  // namespace

bool uses_label(const std::string& measure) {
  return measure.find("true_class") != std::string::npos;
}

std::string family_of(const std::string& network) {
  const auto hyphen = network.rfind('-');
  if (hyphen == std::string::npos || hyphen == 0 || hyphen + 1 == network.size()) return network;
  const bool digits = std::all_of(network.begin() + static_cast<std::ptrdiff_t>(hyphen) + 1, network.end(),
                                  [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits ? network.substr(0, hyphen) : network;
}

void write_long_table(store::ArtifactWriter& writer, const std::string& data_set, const std::vector<ResultRow>& rows) {
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(rows.size())};
  const auto text = [&](const char* name, const auto& of) {
    writer.write_text(std::string("/table/") + name, column<std::string>(rows, of));
  };
  const auto number = [&]<class T>(const char* name, T ResultRow::*member) {
    writer.write<T>(std::string("/table/") + name, shape, column<T>(rows, [&](const auto& r) { return r.*member; }));
  };
  text("data_set", [&](const auto&) { return data_set; });
  text("network", [](const auto& r) { return r.network; });
  number("trial", &ResultRow::trial);
  text("test_set", [](const auto& r) { return r.test_set; });
  number("strength", &ResultRow::strength);
  text("space", [](const auto& r) { return r.space; });
  number("dimension", &ResultRow::dimension);
  text("measure", [](const auto& r) { return r.measure; });
  text("statistic", [](const auto& r) { return r.statistic; });
  for (const auto& [name, member] : {std::pair{"value", &ResultRow::value}, std::pair{"lower", &ResultRow::lower},
                                     std::pair{"upper", &ResultRow::upper}, std::pair{"p", &ResultRow::p},
                                     std::pair{"degrees", &ResultRow::degrees}})
    number(name, member);
  for (const auto& [name, member] : {std::pair{"n", &ResultRow::n}, std::pair{"trials", &ResultRow::trials},
                                     std::pair{"n_wrong", &ResultRow::n_wrong}})
    number(name, member);
  writer.write<std::uint8_t>("/table/uses_label", shape,
                             column<std::uint8_t>(rows, [](const auto& r) { return uses_label(r.measure); }));
  text("method", [](const auto& r) { return r.method; });
  text("status", [](const auto& r) { return r.status; });

  std::vector<std::int64_t> drawn, resample;
  std::vector<double> values;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].draws.empty()) continue;
    drawn.push_back(static_cast<std::int64_t>(i));
    values.insert(values.end(), rows[i].draws.begin(), rows[i].draws.end());
    resample.resize(rows[i].draws.size());
  }
  for (std::size_t b = 0; b < resample.size(); ++b) resample[b] = static_cast<std::int64_t>(b);
  const auto count = static_cast<std::int64_t>(drawn.size()), resamples = static_cast<std::int64_t>(resample.size());
  std::vector<std::int64_t> number_of_row(rows.size()), number_of_draw(drawn.size());
  std::iota(number_of_row.begin(), number_of_row.end(), 0);
  std::iota(number_of_draw.begin(), number_of_draw.end(), 0);
  writer.write<std::int64_t>("/row", shape, number_of_row);
  writer.write<std::int64_t>("/draws/draw", {count}, number_of_draw);
  writer.write<std::int64_t>("/draws/row", {count}, drawn);
  writer.write<std::int64_t>("/draws/resample", {resamples}, resample);
  writer.write<double>("/draws/value", {count, resamples}, values);
}

}  // namespace hullscope::jobs
