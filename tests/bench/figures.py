"""A figure: what was measured how often, and where the time went. None is an assertion: machines differ."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median


@dataclass(kw_only=True)
class Figure:
    """One measured number, of seconds unless it says so, and the parts that it is made of."""

    name: str
    unit: str = "s"
    aim: str = ""
    """What we hope for on two cores."""
    samples: list[float] = field(default_factory=list)
    parts: dict[str, list[float]] = field(default_factory=dict)
    unit_of_parts: str = ""
    """If it is another."""

    @contextmanager
    def sample(self) -> Iterator[None]:
        """Measure what is done within."""
        began = time.perf_counter()
        yield
        self.samples.append(time.perf_counter() - began)

    def part(self, name: str, seconds: float) -> None:
        """Note how much of the last sample one part of it was."""
        self.parts.setdefault(name, []).append(seconds)

    def line(self) -> str:
        """The figure with its parts, if they are few, in one line."""
        unit = self.unit_of_parts or self.unit
        parts = [f"{name} {median(samples):.1f} {unit}" for name, samples in self.parts.items()]
        return "; ".join([_row(self.name, self.samples, self.unit, self.aim), *(parts if len(parts) < 4 else ())])

    def lines(self) -> Iterator[str]:
        """The figure as a row of docs/benchmarks.md, its parts below it."""
        yield _row(self.name, self.samples, self.unit, self.aim)
        for name, samples in self.parts.items():
            yield _row(f"  {name}", samples, self.unit_of_parts or self.unit, "")


def _row(name: str, samples: list[float], unit: str, aim: str) -> str:
    if not samples:
        return f"{name:48} not measured"
    return (
        f"{name:48} {median(samples):6.1f} {unit}  ({min(samples):.1f} to {max(samples):.1f}, {len(samples)} runs)"
        f"{f'  aim {aim}' if aim else ''}"
    )
