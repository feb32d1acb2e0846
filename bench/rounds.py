"""Several programs in alternation, first another one each round, and what is printed of them."""

from measuring import Failed, median, spread, verdict


class Rounds:
    """`results[name]` has one dictionary of figures a round. One that fails is named, left out."""

    def __init__(self, rounds, measures):
        """`measures` is {name: function that measures once}."""
        self.order, self.results = list(measures), {}
        runs = list(measures)
        for number in range(rounds):
            at = number % max(len(runs), 1)
            for name in runs[at:] + runs[:at]:
                try:
                    self.results.setdefault(name, []).append(measures[name]())
                except (Failed, OSError) as error:
                    print(f"  {name:<12} left out: {error}", flush=True)
                    runs.remove(name)
                    self.results.pop(name, None)

    def column(self, name, figure):
        return [result[figure] for result in self.results[name]]

    def median(self, name, figure):
        return median(self.column(name, figure)) if name in self.results else None

    def show(self, **figures):
        """A row for each program: {figure: (unit, digits)}."""
        for name in [name for name in self.order if name in self.results]:
            shown = (f"{spread(self.column(name, figure), digits)} {unit}"
                     for figure, (unit, digits) in figures.items())
            print(f"  {name:<12} " + "; ".join(shown), flush=True)

    def ratios(self, one, other, figure):
        """Round by round; none if one of the two was left out, or too small to be told from 0."""
        if not {one, other} <= set(self.results) or 0 in self.column(other, figure):
            return []
        return [a / b for a, b in zip(self.column(one, figure), self.column(other, figure))]

    def beside(self, one, other, **figures):
        """Shows the ratios: {figure: its name}."""
        found = {name: self.ratios(one, other, figure) for figure, name in figures.items()}
        shown = ", ".join(f"{name} {spread(each)}" for name, each in found.items() if each)
        if shown:
            print(f"  {one}/{other}: {shown}", flush=True)

    def hold(self, what, values, limit, sign="at most", digits=2):
        """Their median beside the target."""
        if values:
            verdict(what, median(values), limit, sign=sign, digits=digits)
