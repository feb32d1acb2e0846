#include "tools/terminal/line_painter.h"

#include <algorithm>
#include <utility>

#include "reactor/text.h"
#include "tools/terminal/char_width.h"

namespace sluice::tools {
namespace {

constexpr std::string_view kClearBelow = "\x1b[J", kClearToEdge = "\x1b[K";
constexpr std::string_view kNotShown = "\x1b[7m?\x1b[27m";

/// How a cluster is written: what no terminal should see, and what cannot fit, as a sign.
std::string_view written(std::string_view cluster, std::size_t cluster_columns, std::size_t columns,
                         std::string& room) {
  const CodePoint base = first_code_point(cluster);
  if (!base.valid || !is_shown(base.value) || cluster_columns > columns) return kNotShown;
  if (columns_of(base.value) > 0) return cluster;
  return room = concat(' ', cluster);  // marks with nothing to sit on
}

}  // namespace

void LinePainter::set_size(std::size_t columns, std::size_t rows) {
  columns_ = std::max<std::size_t>(columns, 1);
  rows_ = std::max<std::size_t>(rows, 1);
}

void LinePainter::paint(std::string& out, std::string_view prompt, std::string_view line,
                        std::size_t cursor) {
  Picture next = draw(prompt, line, cursor);
  if (painted_ && next.top != shown_.top) erase(out);
  if (!painted_) {
    shown_ = {};
    pen_ = {};
    painted_ = true;
  }
  const std::size_t same = same_cells(next);
  if (same < next.cells.size() || same < shown_.cells.size() || next.end != shown_.end) {
    write_from(out, next, same);
  }
  move(out, next.cursor);
  shown_ = std::move(next);
}

void LinePainter::erase(std::string& out) {
  if (!painted_) return;
  move(out, {0, 0});
  out += kClearBelow;
  forget();
}

void LinePainter::leave(std::string& out, std::string_view mark) {
  const bool on_row_of_its_own =
      painted_ && mark.empty() && shown_.end.row > 0 && shown_.end.column == 0;
  if (!on_row_of_its_own) out += concat(mark, "\r\n");
  forget();
}

void LinePainter::forget() {
  painted_ = false;
}

void LinePainter::resize(std::string& out, std::size_t columns, std::size_t rows) {
  set_size(columns, rows);
  if (!painted_) return;
  Place place;
  for (const Cell& cell : shown_.cells) {
    const bool reached =
        cell.place.row > shown_.cursor.row ||
        (cell.place.row == shown_.cursor.row && cell.place.column >= shown_.cursor.column);
    if (place.column + cell.columns > columns_) place = {place.row + 1, 0};
    if (reached) break;
    place.column += cell.columns;
  }
  if (place.column >= columns_) ++place.row;
  pen_ = {std::min(place.row, rows_ - 1), columns_};
  erase(out);
}

LinePainter::Picture LinePainter::draw(std::string_view prompt, std::string_view line,
                                       std::size_t cursor) const {
  Picture picture;
  append(picture, prompt, std::string_view::npos);
  append(picture, line, cursor);
  fit(picture);
  return picture;
}

void LinePainter::append(Picture& picture, std::string_view text, std::size_t cursor) const {
  std::string room;
  for (std::size_t at = 0; at < text.size();) {
    const Cluster cluster = first_cluster(text.substr(at));
    const std::size_t width = std::min(cluster.columns, cluster.columns > columns_ ? 1 : columns_);
    const std::string_view shown =
        written(text.substr(at, cluster.bytes), cluster.columns, columns_, room);
    Place& end = picture.end;
    if (end.column + width > columns_) end = {end.row + 1, 0};
    if (at == cursor) picture.cursor = end;
    picture.cells.push_back({picture.bytes.size(), shown.size(), width, end});
    picture.bytes += shown;
    end.column += width;
    at += cluster.bytes;
  }
  if (picture.end.column == columns_) picture.end = {picture.end.row + 1, 0};
  if (cursor == text.size()) picture.cursor = picture.end;
}

/// Of what is taller than the screen, keeps the rows shown before if the cursor is in them.
void LinePainter::fit(Picture& picture) const {
  const std::size_t height = picture.end.row + 1;
  if (height <= rows_) return;
  std::size_t top = std::min(painted_ ? shown_.top : height, height - rows_);
  top = std::clamp(top, picture.cursor.row - std::min(picture.cursor.row, rows_ - 1),
                   picture.cursor.row);
  std::erase_if(picture.cells, [&](const Cell& cell) {
    return cell.place.row < top || cell.place.row >= top + rows_;
  });
  for (Cell& cell : picture.cells) cell.place.row -= top;
  picture.cursor.row -= top;
  picture.end.row -= top;
  picture.cut = picture.end.row >= rows_;
  if (picture.cut) picture.end = {rows_ - 1, 0};
  picture.top = top;
}

std::size_t LinePainter::same_cells(const Picture& next) const {
  std::size_t same = 0;
  while (same < std::min(next.cells.size(), shown_.cells.size())) {
    const Cell& a = next.cells[same];
    const Cell& b = shown_.cells[same];
    if (a.place != b.place || std::string_view(next.bytes).substr(a.begin, a.bytes) !=
                                  std::string_view(shown_.bytes).substr(b.begin, b.bytes)) {
      break;
    }
    ++same;
  }
  return same;
}

/// Writes the cells from `first` on, behind the last one that stays, and clears what is behind.
void LinePainter::write_from(std::string& out, const Picture& next, std::size_t first) {
  Place at;
  if (first > 0) {
    const Cell& last = next.cells[first - 1];
    at = {last.place.row, last.place.column + last.columns};
    if (at.column == columns_) at = {at.row + 1, 0};
  }
  move(out, at);
  for (std::size_t i = first; i < next.cells.size(); ++i) {
    const Cell& cell = next.cells[i];
    // A wide character goes to the next row by itself, but may leave there what was.
    if (cell.place.row > at.row && at.column < columns_) out += kClearToEdge;
    out += std::string_view(next.bytes).substr(cell.begin, cell.bytes);
    at = {cell.place.row, cell.place.column + cell.columns};
  }
  if (next.cut) {
    if (at.column < columns_) out += kClearToEdge;
    out += '\r';
    at.column = 0;
  } else {
    if (at.column == columns_) {
      out += " \r";
      at = {at.row + 1, 0};
    }
    if (first < shown_.cells.size()) out += kClearBelow;
  }
  pen_ = at;
}

void LinePainter::move(std::string& out, Place to) {
  if (to.row < pen_.row) out += concat("\x1b[", pen_.row - to.row, 'A');
  if (to.row > pen_.row) out += concat("\x1b[", to.row - pen_.row, 'B');
  if (to.column != pen_.column) {
    out += '\r';
    if (to.column > 0) out += concat("\x1b[", to.column, 'C');
  }
  pen_ = to;
}

}  // namespace sluice::tools
