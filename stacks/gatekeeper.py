"""The rules that an environment holds at admission, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from components.admission import AdmissionPlan, plan_admission
from components.inputs import InvalidInput, Problem
from components.platform.planning import SHARED_NAMESPACE, closure
from components.queues import QUEUE_LABELS
from components.queues.planning import engine_of

from .environment import Environment
from .tenancy import surroundings

SYSTEMS = {"ack": ("gatekeeper", "policy-templates"), "upstream": ("gatekeeper",)}
"""The systems that hold rules at admission, by flavour."""


QUEUED = "jobs-name-their-queue"


def admission_plan(environment: Environment, stack: str) -> AdmissionPlan | None:
    """The rules of a valid environment; None where none are held."""
    return _plan(environment, stack) if _held(environment) else None


def _plan(environment: Environment, stack: str) -> AdmissionPlan:
    return plan_admission(
        environment.admission,
        environment.flavor,
        sorted(space for name, tenant in environment.tenants.items() for space in tenant.namespaces_of(name)),
        excluded=platform_namespaces(environment, stack),
        defaults=_defaults(environment),
    )


def _held(environment: Environment) -> bool:
    stated = environment.admission.enabled
    if stated is None:
        return not _missing(environment) and bool(environment.tenants) and environment.in_cluster
    return stated


def _missing(environment: Environment) -> list[str]:
    """Systems that do not run, and without which nothing is held."""
    running = closure(environment.systems, environment.flavor)
    return [name for name in SYSTEMS[environment.flavor] if name not in running]


def _defaults(environment: Environment) -> Mapping[str, Mapping[str, Any]]:
    """Parameters of rules that follow from the rest of an environment."""
    queues = environment.queues
    label = QUEUE_LABELS.get(engine_of(queues, environment.flavor))
    return {QUEUED: {"labels": [label]}} if queues.enabled and label else {}


def preview_parameters(environment: Environment, stack: str) -> Mapping[str, Mapping[str, Any]]:
    """Configuration of the policies of the same names: what an environment says of a rule, previews hold, too."""
    stated = {name: rule.parameters for name, rule in environment.admission.rules.items()}
    found = {name: {**values} for name, values in {**_defaults(environment), **stated}.items() if values}
    if QUEUED in found:
        # What the platform runs for itself does not queue.
        found[QUEUED]["excludedNamespaces"] = list(platform_namespaces(environment, stack))
    return found


def platform_namespaces(environment: Environment, stack: str) -> Sequence[str]:
    """Namespaces of the platform, which rules leave alone."""
    return sorted({SHARED_NAMESPACE, *surroundings(environment, stack).reserved})


def admission_problems(environment: Environment, stack: str) -> Iterator[Problem]:
    """What is wrong with the rules of an environment."""
    admission = environment.admission
    if not _held(environment):
        needs = [*_missing(environment), *([] if environment.tenants else ["tenants"])]
        if admission.enabled is None and admission.rules and needs:
            yield Problem("admission.rules", sorted(admission.rules), f"held nowhere; add {' and '.join(needs)}")
        return
    missing = _missing(environment)
    if missing:
        what = "the system" if len(missing) == 1 else "the systems"
        yield Problem("admission.enabled", True, f"needs {what} {' and '.join(missing)}; switch it on under systems")
    if not environment.in_cluster:
        yield Problem("admission.enabled", True, "the namespaces are not managed with inCluster: false; leave it out")
    try:
        _plan(environment, stack)
    except InvalidInput as invalid:
        yield from (problem.under("admission") for problem in invalid.problems)
