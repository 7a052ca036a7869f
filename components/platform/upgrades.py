"""What newer versions of the catalog would change for the systems that pin theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .args import Flavor, SystemArgs
from .planning import Form, SystemPlan, form_of, window_text
from .values import value_problems


@dataclass(frozen=True)
class Upgrade:
    """A system whose version is not the catalog's newest.

    known: whether the catalog knows the version that runs; changes: of each version on the way, the oldest first;
    definitions_added, definitions_removed: custom resource definitions; values: what of the system's own values the
    newest chart does not take; kubernetes: the newest one's window, in words.
    """

    name: str
    current: str
    newest: str
    known: bool
    changes: Mapping[str, str]
    definitions_added: Sequence[str]
    definitions_removed: Sequence[str]
    values: Sequence[str]
    kubernetes: str


def upgrades(plans: Sequence[SystemPlan], systems: Mapping[str, SystemArgs], flavor: Flavor) -> Sequence[Upgrade]:
    """The upgrades that the catalog has for installed systems. ACK upgrades add-ons that pin no version by itself."""
    found: list[Upgrade] = []
    for plan in plans:
        form = form_of(plan.name, flavor)
        versions = [release["version"] for release in form.releases]
        if versions and plan.version is not None and plan.version != versions[-1]:
            found.append(_upgrade(plan, form, versions, systems.get(plan.name, SystemArgs())))
    return found


def _upgrade(plan: SystemPlan, form: Form, versions: Sequence[str], args: SystemArgs) -> Upgrade:
    known = plan.version in versions
    later = form.releases[versions.index(plan.version) + 1 :] if known and plan.version else form.releases[-1:]
    newest: str = form.releases[-1]["version"]
    before, after = ({*_definitions(form, version)} for version in (plan.version, newest))
    return Upgrade(
        name=plan.name,
        current=plan.version or "",
        newest=newest,
        known=known,
        changes={release["version"]: release.get("changes", "") for release in later},
        definitions_added=sorted(after - before),
        definitions_removed=sorted(before - after),
        values=[str(problem) for problem in value_problems(form.package, args.values)],
        kubernetes=window_text(form.window()),
    )


def _definitions(form: Form, version: str | None) -> Sequence[str]:
    return form.release(version).get("definitions", form.definitions)
