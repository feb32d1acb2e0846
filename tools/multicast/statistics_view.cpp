#include "tools/multicast/statistics_view.h"

#include <algorithm>

#include "reactor/text.h"
#include "tools/progress.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {
namespace {

using multicast::Receiver;
using multicast::Sequence;
using multicast::Source;
using multicast::Traffic;

Decimal milliseconds(double nanoseconds) {
  return Decimal::of(nanoseconds / 1e6, 3);
}

/// What is shown of a group: its sources, and what they have lost together.
struct View {
  Receiver::Group* group;
  std::vector<const Source*> sources;
  std::uint64_t lost = 0;
  bool numbered = false;
};

View view_of(Receiver::Group& group) {
  View view{&group, group.statistics().sources()};
  for (const Source* source : view.sources) {
    if (!source->sequence) continue;
    view.numbered = true;
    view.lost += source->sequence->lost();
  }
  return view;
}

// --- JSON ----------------------------------------------------------------------------------------

std::string traffic_json(const Traffic& traffic) {
  return concat("\"datagrams\":", traffic.datagrams, ",\"bytes\":", traffic.bytes,
                ",\"per_second\":", Decimal::of(traffic.datagrams_per_second, 1),
                ",\"bytes_per_second\":", Decimal::of(traffic.bytes_per_second, 1));
}

std::string sequence_json(const Sequence* sequence) {
  if (!sequence) return "null";
  const Sequence::Delay delay = sequence->delay();
  return concat(
      "{\"received\":", sequence->received(), ",\"lost\":", sequence->lost(),
      ",\"reordered\":", sequence->reordered(), ",\"duplicates\":", sequence->duplicates(),
      ",\"restarts\":", sequence->restarts(), ",\"jitter_ms\":", milliseconds(sequence->jitter()),
      ",\"delay_ms\":{\"min\":", milliseconds(delay.least), ",\"mean\":", milliseconds(delay.mean),
      ",\"max\":", milliseconds(delay.most), "}}");
}

// --- the table -----------------------------------------------------------------------------------

constexpr std::size_t kColumns = 10;
using Row = std::array<std::string, kColumns>;

std::string rate(const Traffic& traffic) {
  return concat(size_text(static_cast<std::uint64_t>(traffic.bytes_per_second)), "/s");
}

Row source_row(const Source& source) {
  Row row = {concat("  ", source.address), std::to_string(source.traffic.datagrams),
             size_text(source.traffic.bytes),
             concat(Decimal::of(source.traffic.datagrams_per_second, 0)), rate(source.traffic)};
  if (const Sequence* sequence = source.sequence.get()) {
    row[5] = std::to_string(sequence->lost());
    row[6] = std::to_string(sequence->reordered());
    row[7] = std::to_string(sequence->duplicates());
    row[8] = concat(milliseconds(sequence->jitter()));
    row[9] = concat(milliseconds(sequence->delay().mean));
  }
  return row;
}

Row group_row(const View& view) {
  const Traffic& traffic = view.group->statistics().all();
  Row row = {view.group->name(), std::to_string(traffic.datagrams), size_text(traffic.bytes),
             concat(Decimal::of(traffic.datagrams_per_second, 0)), rate(traffic)};
  if (view.numbered) row[5] = std::to_string(view.lost);
  if (const std::uint64_t dropped = view.group->dropped(); dropped != 0) {
    row[0] += concat(" (", dropped, " dropped here)");
  }
  return row;
}

std::string laid_out(const std::vector<Row>& rows, std::size_t columns) {
  std::array<std::size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < kColumns; ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + blanks : concat("  ", blanks, row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += cut_to_columns(line, columns) + '\n';
  }
  return text;
}

}  // namespace

std::string statistics_json(Receiver& receiver, double time, bool final) {
  std::string text;
  for (const auto& group : receiver.groups()) {
    const View view = view_of(*group);
    const std::string head = concat("{\"time\":", Decimal::of(time, 3), ",\"group\":\"",
                                    group->name(), "\",\"source\":");
    const std::string tail = final ? ",\"final\":true}\n" : ",\"final\":false}\n";
    const std::uint64_t dropped = group->dropped();
    text += concat(head, "null,", traffic_json(group->statistics().all()),
                   ",\"sources\":", view.sources.size(),
                   ",\"forgotten\":", group->statistics().forgotten(), ",\"dropped\":", dropped,
                   ",\"lost\":", view.lost,
                   ",\"lost_on_the_way\":", view.lost > dropped ? view.lost - dropped : 0, tail);
    for (const Source* source : view.sources) {
      text += concat(head, '"', source->address, "\",", traffic_json(source->traffic),
                     ",\"numbered\":", sequence_json(source->sequence.get()), tail);
    }
  }
  return text;
}

std::string statistics_table(Receiver& receiver, std::size_t rows, std::size_t columns) {
  std::vector<Row> table = {{"GROUP, SOURCE", "DATAGRAMS", "SIZE", "/S", "RATE", "LOST",
                             "REORDERED", "DOUBLE", "JITTER MS", "DELAY MS"}};
  for (const auto& group : receiver.groups()) {
    const View view = view_of(*group);
    table.push_back(group_row(view));
    for (const Source* source : view.sources) table.push_back(source_row(*source));
  }
  if (table.size() > rows && rows > 1) {
    const std::size_t more = table.size() - (rows - 1);
    table.resize(rows - 1);
    table.push_back({concat("  … and ", more, " more")});
  }
  return laid_out(table, columns);
}

}  // namespace sluice::tools
