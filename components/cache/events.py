"""Loads that jobs start themselves: who may, and what keeps them to their own datasets.

Fluid's policy `OnEvent` does nothing (v1.0.8), and a DataLoad must lie beside its dataset, where nobody else may make
anything. So service accounts of a dataset's namespaces may make DataLoads there, and an admission policy of Kubernetes
(1.30) looks at each.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .args import PATH
from .planning import DatasetPlan

LOADER = "dataset-loader"
"""Name of role, binding and policy."""

LONGEST_SECONDS = 86_400
"""Seconds after which a finished load goes, at most."""

LOAD_FIELDS = ("dataset", "loadMetadata", "policy", "target", "ttlSecondsAfterFinished")
"""What a job may say of a load; the rest would decide where and how its pod runs."""


def loaders(plans: Iterable[DatasetPlan]) -> Mapping[str, Sequence[str]]:
    """The datasets that jobs of a namespace may load, by namespace. A part is loaded as what it is a part of."""
    found: dict[str, set[str]] = {}
    for plan in plans:
        if any(load.on_event for load in plan.args.loads.values()):
            for namespace in plan.claims:
                found.setdefault(namespace, set()).add(plan.name)
    return {namespace: sorted(names) for namespace, names in sorted(found.items())}


def group_of(namespace: str) -> str:
    """The group of all service accounts of a namespace."""
    return f"system:serviceaccounts:{namespace}"


MOST_LOADS = 50
"""DataLoads in the namespace of caches at a time, finished ones among them."""

MOST_TARGETS = 16
"""Directories of one load at most."""


def load_policy(allowed: Mapping[str, Sequence[str]], namespace: str) -> dict[str, Any]:
    """The spec of a ValidatingAdmissionPolicy over the DataLoads that jobs make.

    It is for all who may not start pods beside the caches anyway, so that whoever loses the right to load is refused
    from then on. allowed: the datasets by the jobs' namespace; namespace: of the caches.
    """
    own = " || ".join(
        f"('{group_of(space)}' in request.userInfo.groups && object.spec.dataset.name in "
        f"[{', '.join(repr(name) for name in names)}])"
        for space, names in allowed.items()
    )
    fields = ", ".join(f"'{name}'" for name in LOAD_FIELDS)
    pods = f"authorizer.group('').resource('pods').namespace('{namespace}').check('create').allowed()"
    rules = {
        own: "spec.dataset.name must be a dataset of the job's namespace",
        f"has(object.spec.dataset.namespace) && object.spec.dataset.namespace == '{namespace}'": (
            f"spec.dataset.namespace must be {namespace}"
        ),
        "object.metadata.name.startsWith(object.spec.dataset.name + '-event-')": (
            "metadata.name must begin with the dataset's name and -event-"
        ),
        "!has(object.metadata.finalizers) && !has(object.metadata.ownerReferences)": (
            "metadata may have neither finalizers nor ownerReferences"
        ),
        f"object.spec.all(key, key in [{fields}])": f"spec may say {', '.join(LOAD_FIELDS)} alone",
        "!has(object.spec.policy) || object.spec.policy == 'Once'": "spec.policy must be Once",
        f"has(object.spec.target) && object.spec.target.size() <= {MOST_TARGETS} && "
        f"object.spec.target.all(t, t.path.matches('{PATH}') && (!has(t.replicas) || t.replicas == 1))": (
            f"spec.target must be at most {MOST_TARGETS} directories such as /a/b, each with one replica"
        ),
        f"has(object.spec.ttlSecondsAfterFinished) && object.spec.ttlSecondsAfterFinished <= {LONGEST_SECONDS}": (
            f"spec.ttlSecondsAfterFinished must be at most {LONGEST_SECONDS}"
        ),
    }
    return {
        "failurePolicy": "Fail",
        "matchConditions": [{"name": "of-jobs", "expression": f"!{pods}"}],
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["data.fluid.io"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE"],
                    "resources": ["dataloads"],
                }
            ]
        },
        "validations": [{"expression": expression, "message": message} for expression, message in rules.items()],
    }
