"""What a terminal would show: an emulator of just the sequences that the line editor sends.

Anything else it is sent is an error. At the last column it waits for what follows, as terminals do,
and a resize wraps anew what had been wrapped, as most of them do. Widths are those of Unicode as
Python knows it, not the program's own table.
"""

import codecs
import re
import unicodedata

SEQUENCE = re.compile(r"\x1b\[(\??)(\d*)([A-Za-z])")
BLANK = " "


def width_of(character):
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Row:
    """Cells: a character with its marks, None where nothing was written, "" right of a wide one."""

    def __init__(self):
        self.cells = []
        self.goes_on = False  # in the next row, into which the terminal has wrapped it

    def put(self, column, text, width):
        self.cells += [None] * (column + width - len(self.cells))
        for at in range(column, column + width):
            self.split(at)
        self.cells[column:column + width] = [text] + [""] * (width - 1)

    def split(self, at):
        """Half of a wide character that is written over leaves a blank."""
        if self.cells[at] == "" and at > 0:
            self.cells[at - 1] = BLANK
        if at + 1 < len(self.cells) and self.cells[at + 1] == "":
            self.cells[at + 1] = BLANK
        self.cells[at] = BLANK

    def clear_from(self, column):
        if column < len(self.cells):
            self.split(column)
            del self.cells[column:]
        self.goes_on = False

    def text(self):
        return "".join(BLANK if cell is None else cell for cell in self.cells).rstrip()


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.height = columns, rows
        self.rows = [Row() for _ in range(rows)]  # those that left at the top come first
        self.top = 0
        self.row = self.column = 0  # of the cursor; the row counts from the first of `rows`
        self.waits = False
        self.pasting = False  # bracketed paste is switched on
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.rest = ""

    # --- what is asked of it ---

    def lines(self):
        """The text of every row on the screen, without blanks at its end."""
        return [row.text() for row in self.rows[self.top:self.top + self.height]]

    def all_lines(self):
        """With the rows that left at the top, without empty ones below."""
        texts = [row.text() for row in self.rows]
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def cursor(self):
        return self.row - self.top, self.column

    def __str__(self):
        return "\n".join(f"|{line}" for line in self.lines()) + f"\ncursor at {self.cursor()}"

    # --- what it is sent ---

    def feed(self, data):
        text = self.rest + self.decoder.decode(data)
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = SEQUENCE.match(text, at)
                if not found:
                    if len(text) - at > 16:
                        raise AssertionError(f"an odd sequence: {text[at:at + 16]!r}")
                    break  # the rest is still to come
                self.obey(*found.groups())
                at = found.end()
                continue
            self.take(text[at])
            at += 1
        self.rest = text[at:]

    def take(self, character):
        if character == "\r":
            self.column, self.waits = 0, False
        elif character == "\n":
            self.waits = False
            self.down()
        elif character == "\b":
            self.column, self.waits = max(self.column - 1, 0), False
        elif unicodedata.category(character) == "Cc":
            raise AssertionError(f"a control character was sent: {character!r}")
        else:
            self.put(character, width_of(character))

    def put(self, character, width):
        if width == 0:
            cells = self.rows[self.row].cells
            at = self.column if self.waits else self.column - 1
            while cells[at] == "":
                at -= 1
            cells[at] += character
            return
        if self.waits or self.column + width > self.columns:
            self.rows[self.row].goes_on = True
            self.column, self.waits = 0, False
            self.down()
        self.rows[self.row].put(self.column, character, width)
        self.column += width
        if self.column == self.columns:
            self.column, self.waits = self.columns - 1, True

    def down(self):
        self.row += 1
        if self.row == self.top + self.height:
            self.top += 1
            self.rows.append(Row())

    def obey(self, private, number, final):
        count = int(number or 1)
        if private:
            assert number == "2004" and final in "hl", (number, final)
            self.pasting = final == "h"
        elif final == "m":
            assert number in ("7", "27"), number
        elif final == "H":
            assert not number
            self.row, self.column, self.waits = self.top, 0, False
        else:
            assert not self.waits, f"{final} while the cursor waits at the edge"
            self.move_or_clear(number, count, final)

    def move_or_clear(self, number, count, final):
        if final == "A":
            self.row = max(self.row - count, self.top)
        elif final == "B":
            self.row = min(self.row + count, self.top + self.height - 1)
        elif final == "C":
            self.column = min(self.column + count, self.columns - 1)
        elif final == "K":
            assert not number
            self.rows[self.row].clear_from(self.column)
        elif final == "J":
            assert number in ("", "2"), number
            if number:
                first = self.top
            else:
                self.rows[self.row].clear_from(self.column)
                first = self.row + 1
            for row in range(first, self.top + self.height):
                self.rows[row] = Row()
        else:
            raise AssertionError(f"CSI {number}{final} is not known")

    # --- its size ---

    def resize(self, columns, rows):
        """Rows that were one are wrapped anew, with the cursor where it was in the text."""
        used = max([self.row] + [i for i, row in enumerate(self.rows) if row.text()])
        rewrapped, cursor = [], (0, 0)
        line, at = [], None  # a line over several rows; where in it the cursor is
        for number, row in enumerate(self.rows[:used + 1]):
            if number == self.row:
                at = len(line) + self.column
            line += row.cells
            if row.goes_on and number < used:
                continue
            first = len(rewrapped)
            wrapped, place = wrap(line, columns, at)
            rewrapped += wrapped
            if at is not None:
                cursor = (first + place[0], place[1])
            line, at = [], None
        self.columns, self.height = columns, rows
        self.row, self.column = cursor
        self.waits = False
        self.top = max(0, len(rewrapped) - rows)
        self.rows = rewrapped + [Row() for _ in range(self.top + rows - len(rewrapped))]


def wrap(cells, columns, at):
    """The cells in rows of `columns`, and where the cell number `at` comes to lie."""
    rows, column, place = [Row()], 0, (0, 0)
    number = 0
    padded = cells + [None] * max(0, (at or 0) + 1 - len(cells))
    while number < len(padded):
        cell = padded[number]
        width = 2 if number + 1 < len(padded) and padded[number + 1] == "" else 1
        if column + width > columns and (number < len(cells) or number == at):
            rows[-1].goes_on = number < len(cells)
            rows.append(Row())
            column = 0
        if at is not None and number <= at < number + width:
            place = (len(rows) - 1, column)
        if number < len(cells):
            rows[-1].put(column, cell, width)
        column += width
        number += width
    return rows, place
