"""Values of charts: what the catalog, the platform and the user say, laid over each other, and what is wrong with
them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import catalog
from ..inputs import Problem, join, one_of
from .args import OperatorResources, OperatorsArgs

SECRET_KEY = re.compile(
    r"(?i)(pass|password|passwd|passphrase|token|credentials?|(cookie|client|shared|jwt|webhook|app)_?secret"
    r"|(access|secret|private|fernet|encryption|api)_?key(_?secret)?|secret_?access_?key)$"
)
"""Names of values that hold a secret."""

REFERENCE = re.compile(r"(?i)existing|secret_?(key_?)?ref|secret_?name")
"""Names of values below which Secrets, and keys in them, are named."""

SECRET_VALUE = re.compile(r"\bLTAI[A-Za-z0-9]{12,}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@")
"""Shapes of an Alibaba Cloud access key id, of a private key, and of a URL with a password."""

ACK_IMAGES = "registry-{region}-vpc.ack.aliyuncs.com"
"""Registry of ACK's own images in a region. Source: AliyunContainerService/benchmark-for-spark@6cb2181a, April 2025."""

CPU_LIMIT_RATIO = 4
LEAST_CPU_LIMIT = 2
"""CPU limit of controllers by what they ask for, and at least, in vCPUs."""

KINDS: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "list": (list, tuple),
    "map": (Mapping,),
}


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings laid over each other, later ones win; lists are replaced."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            before: Any = result.get(key)
            if isinstance(before, Mapping) and isinstance(value, Mapping):
                result[key] = merged(before, value)  # pyright: ignore[reportUnknownArgumentType]
            else:
                result[key] = value
    return result


def at(path: str, value: Any) -> dict[str, Any]:
    """A mapping that holds a value at a path of keys, such as `controller.replicas`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def mirrored(image: str, registry: str) -> str:
    """An image without tag, or a registry's host alone, as a mirror has it: the host replaced.

    `quay.io/kuberay/operator` becomes `<registry>/kuberay/operator`, `argoproj/cli` `<registry>/argoproj/cli`, and
    `quay.io` `<registry>`.
    """
    host, slash, rest = image.partition("/")
    is_host = "." in host or ":" in host or host == "localhost"
    return registry if is_host and not slash else f"{registry}/{rest if is_host else image}"


def mirrored_images(images: Mapping[str, str], registry: str) -> dict[str, str]:
    """The images of a chart by the paths of their values, as a mirror has them.

    A repository without a host stays as it is where the chart has a value for the host: beside it, or for all images.
    """
    hosts = {path for path, image in images.items() if "." in image and "/" not in image}
    shared = any(path.rpartition(".")[0] in ("", "global") for path in hosts)

    def has_host(path: str, image: str) -> bool:
        beside = any(host.rpartition(".")[0] == path.rpartition(".")[0] for host in hosts)
        return path not in hosts and (shared or beside) and "." not in image.partition("/")[0]

    return {path: mirrored(image, registry) for path, image in images.items() if not has_host(path, image)}


def chart_values(
    form: Mapping[str, Any],
    *,
    version: str,
    region: str,
    replicas: int,
    resources: OperatorResources,
    operators: OperatorsArgs,
    node_selector: Mapping[str, str],
    tolerations: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """The values of a chart as the catalog and the platform state them. form: a chart's part of the catalog."""
    asked = {
        "requests": {"cpu": _cpu(resources.vcpu), "memory": _memory(resources.memory_gib)},
        # Stated, for the charts' own limits may be below what is asked for here.
        "limits": {
            "cpu": _cpu(max(LEAST_CPU_LIMIT, CPU_LIMIT_RATIO * resources.vcpu)),
            "memory": _memory(max(resources.memory_limit_gib, resources.memory_gib)),
        },
    }
    settings: Mapping[str, Any] = {
        "replicas": replicas,
        "resources": asked,
        "nodeSelector": dict(node_selector),
        "tolerations": [dict(toleration) for toleration in tolerations],
        "priorityClassName": operators.priority_class_name,
    }
    found: dict[str, Any] = merged(_of_version(form.get("values", {}), version))
    if "regionalImages" in form and region:
        found = merged(found, at(form["regionalImages"], ACK_IMAGES.format(region=region)))
    for key, value in settings.items():
        for path in form.get(key, ()) if value else ():
            found = merged(found, at(path, value))
    if operators.registry is not None:
        for path, image in mirrored_images(_of_version(form.get("images", {}), version), operators.registry).items():
            found = merged(found, at(path, image))
    if replicas > 1:
        for path, value in form.get("disruptionBudget", {}).items():
            found = merged(found, at(path, value))
    return found


def _of_version(value: Any, version: str) -> Any:
    """A part of the catalog in which `{version}` stands for the chart's version."""
    if isinstance(value, Mapping):
        return {key: _of_version(item, version) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value.replace("{version}", version) if isinstance(value, str) else value


def stated(values: Mapping[str, Any], path: str) -> bool:
    """Whether values hold something at a path of keys."""
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None  # pyright: ignore[reportUnknownMemberType]
    return found not in (None, "")


def _cpu(vcpu: float) -> str:
    return f"{round(vcpu * 1000)}m"


def _memory(gib: float) -> str:
    return f"{round(gib * 1024)}Mi"


def value_problems(chart: str, values: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that a chart does not have, and values of another type; paths are below `values`.

    Nothing is checked of charts whose values the catalog does not know.
    """
    tree = catalog.chart_values().get(chart)
    if tree is not None:
        yield from _tree_problems("values", values, tree, f"a value of the chart {chart}")


def _tree_problems(path: str, values: Mapping[str, Any], tree: Mapping[str, Any], what: str) -> Iterator[Problem]:
    for key, value in values.items():
        where = join(path, key)
        kind = tree.get(key)
        if kind is None:
            # Nobody knows what an unknown value holds.
            yield Problem(where, value if isinstance(value, bool | int | float) else "…", one_of(key, tree, what))
        elif isinstance(kind, Mapping):
            if isinstance(value, Mapping):
                yield from _tree_problems(where, value, kind, what)  # pyright: ignore[reportUnknownArgumentType]
            elif value is not None:
                yield Problem(where, value, "must be a mapping")
        elif kind in KINDS and value is not None and not _is(value, kind):
            yield Problem(where, value, f"must be a {kind}")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, KINDS[kind])


def secret_problems(path: str, values: Any) -> Iterator[Problem]:
    """Texts that look like secrets; the problems do not repeat them."""
    message = "looks like a secret; name an existing Secret in the chart's own value for it"
    if isinstance(values, Mapping):
        entries: Mapping[str, Any] = values
        named = str(entries.get("name", ""))
        for key, value in entries.items():
            where = join(path, str(key))
            if REFERENCE.search(str(key)):
                continue
            secret = SECRET_KEY.search(str(key)) or (key == "value" and SECRET_KEY.search(named))
            if isinstance(value, str) and value and secret:
                yield Problem(where, "…", message)
            else:
                yield from secret_problems(where, value)
    elif isinstance(values, list | tuple):
        items: Sequence[Any] = values
        for index, value in enumerate(items):
            yield from secret_problems(f"{path}[{index}]", value)
    elif isinstance(values, str) and SECRET_VALUE.search(values):
        yield Problem(path, "…", "holds a key or a password; values stand in the state and in the cluster")
