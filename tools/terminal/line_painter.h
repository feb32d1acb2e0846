#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::tools {

/// Shows a prompt and a line, wrapped over as many rows as they take, and remembers what stands on
/// the screen, so that only what has changed is sent. Moves the cursor from where it is, never to a
/// place on the screen: the first row may be any.
///
/// Rows are wrapped by the terminal itself: it knows then that they belong together, when it wraps
/// them anew after a resize and when a person copies them. Where a line ends at the very edge, the
/// cursor is brought to the next row by a blank, since a terminal keeps it on the last column until
/// something follows. What is taller than the screen is shown around the cursor.
class LinePainter {
 public:
  /// At least one of each. To be set before the first paint(); later by resize().
  void set_size(std::size_t columns, std::size_t rows);

  /// Brings the screen from what it shows to this. `cursor` is a byte of `line`.
  void paint(std::string& out, std::string_view prompt, std::string_view line, std::size_t cursor);
  /// Takes all of it off the screen; the cursor stands where the first row began.
  void erase(std::string& out);
  /// Leaves it there, with `mark` behind; the cursor goes to a row of its own below. What was
  /// painted last must have had the cursor at its end.
  void leave(std::string& out, std::string_view mark = {});
  /// The screen shows something else: the next paint() begins where the cursor is.
  void forget();
  /// The terminal has another size, and has wrapped anew what it shows, as most do: takes it off.
  void resize(std::string& out, std::size_t columns, std::size_t rows);

 private:
  struct Place {
    std::size_t row = 0, column = 0;
    bool operator==(const Place&) const = default;
  };
  struct Cell {
    std::size_t begin, bytes;  // of Picture::bytes
    std::size_t columns;
    Place place;
  };
  /// Rows of cells, from the row `top` of the whole on.
  struct Picture {
    std::string bytes;
    std::vector<Cell> cells;
    Place cursor;
    Place end;  // never beyond the edge
    std::size_t top = 0;
    bool cut = false;  // it goes on below the screen
  };

  Picture draw(std::string_view prompt, std::string_view line, std::size_t cursor) const;
  void append(Picture& picture, std::string_view text, std::size_t cursor) const;
  void fit(Picture& picture) const;
  std::size_t same_cells(const Picture& next) const;
  void write_from(std::string& out, const Picture& next, std::size_t first);
  void move(std::string& out, Place to);

  std::size_t columns_ = 80, rows_ = 24;
  bool painted_ = false;
  Picture shown_;
  Place pen_;  // where the cursor is
};

}  // namespace sluice::tools
