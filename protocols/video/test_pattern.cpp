#include "protocols/video/test_pattern.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "protocols/video/jpeg_squares.h"

namespace sluice::video {
namespace {

constexpr std::uint32_t kSide = 16;
constexpr std::uint32_t kBits = 32, kCheckBits = 8, kCells = kBits + kCheckBits;

constexpr Colour kBlack{0, 0, 0}, kWhite{255, 255, 255}, kGround{64, 64, 64}, kBlock{0, 128, 255};
constexpr std::array<Colour, 8> kBars{{{191, 191, 191},
                                       {0, 191, 191},
                                       {191, 191, 0},
                                       {0, 191, 0},
                                       {191, 0, 191},
                                       {0, 0, 191},
                                       {191, 0, 0},
                                       {16, 16, 16}}};

// Five rows of three bits, the upper row first.
constexpr std::uint32_t kDigitWidth = 3, kDigitHeight = 5;
constexpr std::uint16_t kDigits[10] = {
    0b111'101'101'101'111, 0b010'110'010'010'111, 0b111'001'111'100'111, 0b111'001'111'001'111,
    0b101'101'111'001'001, 0b111'100'111'001'111, 0b111'100'111'101'111, 0b111'001'001'010'010,
    0b111'101'111'101'111, 0b111'101'111'001'111};

/// The lower 32 bits of a number and their CRC (polynomial 0x07), which begins and ends as no flat
/// picture has it: neither all white nor all black cells are a number.
std::uint64_t cells_of(std::uint64_t number) {
  const auto low = static_cast<std::uint32_t>(number);
  std::uint8_t check = 0xa5;
  for (int shift = 24; shift >= 0; shift -= 8) {
    check = static_cast<std::uint8_t>(check ^ (low >> shift));
    for (int bit = 0; bit < 8; ++bit) {
      check = static_cast<std::uint8_t>((check & 0x80) != 0 ? check << 1 ^ 0x07 : check << 1);
    }
  }
  return std::uint64_t{low} << kCheckBits | check;
}

/// Where the cells are: the last rows, as many as are needed.
struct Grid {
  std::uint32_t columns, rows;
  std::uint32_t cell_rows() const { return (kCells + columns - 1) / columns; }
  std::size_t first_cell() const { return std::size_t{rows - cell_rows()} * columns; }
};

/// There and back again, from 0 to `last`.
std::uint32_t to_and_fro(std::uint64_t step, std::uint32_t last) {
  const std::uint64_t at = step % (2 * last);
  return static_cast<std::uint32_t>(at <= last ? at : 2 * last - at);
}

class Canvas {
 public:
  explicit Canvas(Grid grid)
      : grid_(grid), squares_(std::size_t{grid.columns} * grid.rows, kGround) {}

  void draw(std::uint64_t number) {
    const std::uint32_t above = grid_.rows - grid_.cell_rows(), bars = above / 3;
    for (std::uint32_t row = 0; row < bars; ++row) {
      for (std::uint32_t column = 0; column < grid_.columns; ++column) {
        at(row, column) = kBars[column * kBars.size() / grid_.columns];
      }
    }
    const std::uint32_t top = to_and_fro(number / 3, above - 2);
    const std::uint32_t left = to_and_fro(number, grid_.columns - 2);
    for (std::uint32_t i = 0; i < 4; ++i) at(top + i / 2, left + i % 2) = kBlock;
    draw_digits(number, bars + (above - bars - kDigitHeight) / 2);
    draw_cells(number);
  }
  const std::vector<Colour>& squares() const { return squares_; }

 private:
  Colour& at(std::uint32_t row, std::uint32_t column) {
    return squares_[std::size_t{row} * grid_.columns + column];
  }

  /// As many of the last digits as there is room for, in the middle.
  void draw_digits(std::uint64_t number, std::uint32_t top) {
    std::string digits = std::to_string(number);
    const std::size_t room = (grid_.columns + 1) / (kDigitWidth + 1);
    if (digits.size() > room) digits.erase(0, digits.size() - room);
    const auto width = static_cast<std::uint32_t>(digits.size() * (kDigitWidth + 1) - 1);
    std::uint32_t left = (grid_.columns - width) / 2;
    for (const char digit : digits) {
      for (std::uint32_t i = 0; i < kDigitWidth * kDigitHeight; ++i) {
        const bool lit = (kDigits[digit - '0'] >> (kDigitWidth * kDigitHeight - 1 - i) & 1) != 0;
        if (lit) at(top + i / kDigitWidth, left + i % kDigitWidth) = kWhite;
      }
      left += kDigitWidth + 1;
    }
  }

  void draw_cells(std::uint64_t number) {
    const std::uint64_t cells = cells_of(number);
    for (std::uint32_t i = 0; i < kCells; ++i) {
      squares_[grid_.first_cell() + i] = (cells >> (kCells - 1 - i) & 1) != 0 ? kWhite : kBlack;
    }
  }

  Grid grid_;
  std::vector<Colour> squares_;
};

/// How bright the middle of a square is, 0 to 255; its rim may hold something of its neighbours.
unsigned brightness(std::span<const std::byte> bgr, std::size_t stride, std::size_t row,
                    std::size_t column) {
  constexpr std::size_t kRim = 4, kMiddle = kSide - 2 * kRim;
  unsigned sum = 0;
  for (std::size_t y = 0; y < kMiddle; ++y) {
    const std::size_t at = (row * kSide + kRim + y) * stride + (column * kSide + kRim) * 3;
    for (const std::byte byte : bgr.subspan(at, kMiddle * 3)) sum += static_cast<unsigned>(byte);
  }
  return static_cast<unsigned>(sum / (kMiddle * kMiddle * 3));
}

}  // namespace

std::vector<std::byte> TestPattern::draw_bgr(std::uint64_t number) const {
  const Grid grid{width / kSide, height / kSide};
  Canvas canvas(grid);
  canvas.draw(number);
  const std::size_t stride = std::size_t{grid.columns} * kSide * 3;
  std::vector<std::byte> pixels(stride * grid.rows * kSide);
  std::byte* line = pixels.data();
  for (std::uint32_t row = 0; row < grid.rows; ++row) {
    for (std::size_t i = 0; i < stride; i += 3) {
      const Colour& colour = canvas.squares()[std::size_t{row} * grid.columns + i / 3 / kSide];
      line[i] = std::byte{colour.blue};
      line[i + 1] = std::byte{colour.green};
      line[i + 2] = std::byte{colour.red};
    }
    const std::byte* first = line;
    for (line += stride; line < first + stride * kSide; line += stride) {
      std::memcpy(line, first, stride);
    }
  }
  return pixels;
}

std::vector<std::byte> TestPattern::draw_jpeg(std::uint64_t number, int quality) const {
  const Grid grid{width / kSide, height / kSide};
  Canvas canvas(grid);
  canvas.draw(number);
  return squares_to_jpeg(canvas.squares(), grid.columns, quality);
}

std::optional<std::uint64_t> read_number(std::span<const std::byte> bgr, std::uint32_t width,
                                         std::uint32_t height) {
  const Grid grid{width / kSide, height / kSide};
  if (grid.columns == 0 || grid.cell_rows() > grid.rows ||
      bgr.size() < std::size_t{width} * height * 3) {
    return std::nullopt;
  }
  std::uint64_t cells = 0;
  for (std::uint32_t i = 0; i < kCells; ++i) {
    const std::size_t square = grid.first_cell() + i;
    const unsigned level =
        brightness(bgr, std::size_t{width} * 3, square / grid.columns, square % grid.columns);
    if (level >= 96 && level < 160) return std::nullopt;
    cells = cells << 1 | (level >= 160 ? 1 : 0);
  }
  const std::uint64_t number = cells >> kCheckBits;
  if (cells_of(number) != cells) return std::nullopt;
  return number;
}

}  // namespace sluice::video
