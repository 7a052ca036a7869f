"""Capacity arithmetic: what tenants are promised, beside what there is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..inputs import Problem
from .args import TenantArgs
from .planning import amount_path, amounts


@dataclass(frozen=True)
class Available:
    """What there is of one resource.

    firm: what can be relied on, for guarantees; most: everything that may be there at times, such as spot; source: what
    it is made of, in words.
    """

    firm: float
    most: float
    source: str


@dataclass(frozen=True)
class PromiseRow:
    """One resource: what all tenants together are guaranteed and may use, beside what there is.

    path: where a tenant says it; resource, unit: in words. Tenants that are parts of others count with these.
    """

    path: str
    resource: str
    unit: str
    guaranteed: float
    maximum: float
    available: Available

    @property
    def ratio(self) -> float | None:
        """Over-commitment: what tenants may use, by what there may be. None: there is nothing."""
        return self.maximum / self.available.most if self.available.most else None

    @property
    def fits(self) -> bool:
        """Whether the guarantees can be kept."""
        return self.guaranteed <= self.available.firm + 1e-9

    @property
    def note(self) -> str:
        """What to know of it: that not all can have their maximum at once."""
        if not self.fits:
            return "the guarantees do not fit"
        return "not all maxima at once" if self.maximum > self.available.most + 1e-9 else ""


NAMES: Mapping[str, tuple[str, str]] = {
    "vcpu": ("vCPU", ""),
    "memoryGib": ("memory", "GiB"),
    "gpuMemoryGib": ("memory of shared GPUs", "GiB"),
    "pods": ("pods", ""),
    "throttling": ("OSS download", "Gbit/s"),
}


def promise_rows(tenants: Mapping[str, TenantArgs], available: Mapping[str, Available]) -> Sequence[PromiseRow]:
    """The rows of the table, one for each resource that tenants are promised or that there is.

    available: by path, as in a tenant's `resources`, with `pods`, `throttling` and `budget.<currency>`; what it does
    not hold is not limited.
    """
    roots = [args for args in tenants.values() if args.parent not in tenants]
    sums: dict[str, tuple[float, float]] = {}
    for args in roots:
        for path, promise in amounts(args).items():
            before = sums.get(path, (0, 0))
            sums[path] = (before[0] + promise.guaranteed, before[1] + promise.most)
    return [
        PromiseRow(path, *_named(path), *sums.get(path, (0.0, 0.0)), available[path])
        for path in dict.fromkeys([*available, *sums])
        if path in available and (available[path].most or any(sums.get(path, ())))
    ]


def _named(path: str) -> tuple[str, str]:
    kind, _, name = path.partition(".")
    if kind == "gpus":
        return f"GPUs {name}", ""
    return ("budget", f"{name} a month") if kind == "budget" else NAMES[path]


def promise_problems(tenants: Mapping[str, TenantArgs], rows: Sequence[PromiseRow]) -> Iterator[Problem]:
    """Guarantees that do not fit; paths begin with a tenant's name, that of the largest promise."""
    for row in rows:
        if row.fits:
            continue
        parts = {
            name: amounts(args)[row.path].guaranteed
            for name, args in tenants.items()
            if args.parent not in tenants and row.path in amounts(args)
        }
        parts = {name: part for name, part in parts.items() if part}
        largest = max(parts, key=parts.__getitem__)
        terms = " + ".join(f"{name} {part:,.12g}" for name, part in parts.items())
        total = f" = {row.guaranteed:,.12g}" if len(parts) > 1 else ""
        what = f"{row.resource} {row.unit}".rstrip()
        message = (
            f"{what}: {terms}{total} guaranteed, "
            f"but {row.available.firm:,.12g} can be relied on ({row.available.source})"
        )
        yield Problem(f"{largest}.{amount_path(row.path)}", parts[largest], message)
