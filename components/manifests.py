"""Pod templates in Kubernetes manifests of any kind: what their pods ask for, and where they may land.

Ray (clusters, jobs, services), Spark applications, the Kubeflow training jobs, Argo's workflows and all built-in kinds
are understood: Spark and Argo write their pods in fields of their own, the others hold a `template`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from .job_classes.args import PodShape, Role

SPARK_KINDS = frozenset({"SparkApplication", "ScheduledSparkApplication"})
WORKFLOW_KINDS = frozenset({"Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"})
SPARK_OVERHEAD_MIB = 384
"""Least memory that Spark adds to a JVM's. Source: Spark configuration, spark.kubernetes.memoryOverhead, 3.5."""

SPARK_OVERHEAD = {"Python": 0.4, "R": 0.4}
"""Share of memory that Spark adds, by type of application; others 0.1. Source: the same page, memoryOverheadFactor."""

BYTES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "P": 10**15,
    "E": 10**18,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
    "Pi": 2**50,
    "Ei": 2**60,
}
SPARK_BYTES = {"": 2**20, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class UnreadableQuantity(ValueError):
    """A quantity that is none."""


class UnreadableTemplate(ValueError):
    """A pod template whose parts are not of the kind that Kubernetes wants."""


@dataclass(frozen=True)
class PodTemplate:
    """One pod template. `path` is where it stands in the manifest; `role` is "" where the kind does not tell.

    node is the manifest's own mapping: for Spark the driver or executor, else the pod template.
    """

    path: str
    role: Role | Literal[""]
    node: dict[str, Any]
    spark: str = ""
    """The type of the Spark application, "" for all other kinds."""
    argo: bool = False
    """Whether it is a template of a workflow, which holds the fields of a pod beside its own."""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What a workflow says for all its templates, and Spark's template of the pod: what the node itself says goes
    first."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What holds labels and annotations."""
        own = self.node if self.spark else self.node.get("metadata") or {}
        shared = self.defaults.get("metadata") or {}
        parts = [key for key in ("labels", "annotations") if shared.get(key)]
        return {**own, **{key: {**shared[key], **(own.get(key) or {})} for key in parts}} if parts else own

    @property
    def spec(self) -> Mapping[str, Any]:
        """What holds tolerations, node selector and affinity."""
        if self.argo:
            shared = self.defaults
            main = [_over(shared.get(key) or {}, self.node[key]) for key in ("container", "script") if key in self.node]
            main += (self.node.get("containerSet") or {}).get("containers") or []
            return {**shared, **self.node, "containers": main}
        return self.node if self.spark else self.node.get("spec") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the pods."""
        return self.metadata.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Annotations of the pods."""
        return self.metadata.get("annotations") or {}

    def pod_spec(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """The spec of a pod, as far as the template tells; amounts of Spark's pods are as Spark writes them.

        manifest: the one that the template stands in.
        """
        if self.argo:
            shared = _workflow_spec(manifest)[1]
            found = {key: self.spec.get(key, shared.get(key)) for key in ARGO_FIELDS}
            main = [{"name": "main", **container} for container in self.spec["containers"]]
            sidecars = self.spec.get("sidecars") or []
            spec = {**found, "containers": [*main, *sidecars], "hostNetwork": shared.get("hostNetwork")}
            return _stated(spec)
        return self._spark_pod(manifest) if self.spark else self.spec

    def _spark_pod(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
        """A pod that Spark makes: it requests CPU and memory, and has a limit of memory, whatever is written."""
        spec = manifest.get("spec") or {}
        spec = (spec.get("template") or {}) if "schedule" in spec else spec
        memory = self.node.get("memory", "1g")
        name = "driver" if self.role == "leader" else "executor"
        base = self.defaults.get("spec") or {}
        given = base.get("containers") or [{}]
        place = next((at for at, one in enumerate(given) if one.get("name") == f"spark-kubernetes-{name}"), 0)
        main = {
            "name": "spark",
            "image": self.node.get("image")
            or _spark_setting(spec, f"spark.kubernetes.{name}.container.image")
            or spec.get("image")
            or _spark_setting(spec, "spark.kubernetes.container.image")
            or "",
            "resources": {
                "requests": {"cpu": self.node.get("coreRequest", self.node.get("cores", 1)), "memory": memory},
                "limits": {"memory": memory},
            },
            "securityContext": self.node.get("securityContext"),
        }
        stated = {
            "securityContext": self.node.get("podSecurityContext"),
            "priorityClassName": self.node.get("priorityClassName"),
            "serviceAccountName": self.node.get("serviceAccount"),
            "hostNetwork": self.node.get("hostNetwork"),
        }
        beside = [*given[:place], *given[place + 1 :], *(self.node.get("sidecars") or [])]
        return _stated(
            {
                **base,
                **_stated(stated),
                "containers": [{**given[place], **_stated(main)}, *beside],
                "initContainers": [*(base.get("initContainers") or []), *(self.node.get("initContainers") or [])]
                or None,
                "volumes": [*(base.get("volumes") or []), *(spec.get("volumes") or [])] or None,
            }
        )

    def pods(self, manifest: Mapping[str, Any]) -> int:
        """How many pods of the template a job starts with: replicas, parallelism or executors, else one."""
        if self.spark:
            return _count(self.node.get("instances"))
        if self.argo:
            return 1  # The parallelism of a workflow is of all its steps, and a limit.
        around: Any = manifest
        for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", self.path.rpartition(".")[0]):
            around = around[int(index)] if index else around[key]
        for name in ("replicas", "parallelism"):
            if isinstance(around, Mapping) and name in around:
                return _count(around[name])
        return 1

    def check(self) -> None:
        """Raise `UnreadableTemplate` where a part is not of the kind that Kubernetes wants."""
        mappings = {"metadata": self.metadata, "spec": self.spec, "gpu": self.node.get("gpu") or {}}
        for name, part in mappings.items():
            if not isinstance(part, Mapping):
                raise UnreadableTemplate(f"{self.path}: {name} is not a mapping")
        for name, part in {
            "labels": self.labels,
            "annotations": self.annotations,
            "nodeSelector": self.spec.get("nodeSelector") or {},
            "affinity": self.spec.get("affinity") or {},
        }.items():
            if not isinstance(part, Mapping) or not all(isinstance(value, str | Mapping) for value in part.values()):
                raise UnreadableTemplate(f"{self.path}: {name} is not a mapping of texts")
        for name in ("containers", "initContainers", "tolerations"):
            items = self.spec.get(name) or ()
            if not isinstance(items, list | tuple) or not all(isinstance(item, Mapping) for item in items):
                raise UnreadableTemplate(f"{self.path}: {name} is not a list of mappings")
        if self.spark and self.node.get("gpu") and not {"name", "quantity"} <= set(self.node["gpu"]):
            raise UnreadableTemplate(f"{self.path}: gpu needs name and quantity")

    @property
    def requests(self) -> Mapping[str, str]:
        """What a pod asks for, as Kubernetes counts it: the sum of its containers or its largest init container,
        whatever is more; requests before limits."""
        if self.spark:
            return self._spark_requests()
        totals: dict[str, float] = {}
        for container in self.spec.get("containers") or ():
            for name, amount in _asked(container).items():
                totals[name] = totals.get(name, 0) + amount
        for container in self.spec.get("initContainers") or ():
            for name, amount in _asked(container).items():
                totals[name] = max(totals.get(name, 0), amount)
        return {name: f"{total:g}" if name != "memory" else str(round(total)) for name, total in totals.items()}

    def _spark_requests(self) -> Mapping[str, str]:
        memory = number(self.node.get("memory", "1g"), SPARK_BYTES)
        share = SPARK_OVERHEAD.get(self.spark, 0.1)
        overhead = self.node.get("memoryOverhead")
        added = number(overhead, SPARK_BYTES) if overhead else max(share * memory, SPARK_OVERHEAD_MIB * 2**20)
        cores = self.node.get("coreRequest", self.node.get("cores", 1))
        asked = {"cpu": f"{number(cores):g}", "memory": str(round(memory + added))}
        gpu = self.node.get("gpu") or {}
        return {**asked, **({str(gpu["name"]): str(gpu["quantity"])} if gpu else {})}

    def shape(self) -> PodShape | None:
        """What a pod asks for, None where its first container does not say: what stands beside it asks for little, and
        would hide that. Raises `UnreadableQuantity`."""
        asked = self.requests
        first = _asked(next(iter(self.spec.get("containers") or ()), {})) if not self.spark else asked
        if not all({resource, f"kubernetes.io/batch-{resource}"} & first.keys() for resource in ("cpu", "memory")):
            return None
        batch_cpu, batch_memory = asked.get("kubernetes.io/batch-cpu"), asked.get("kubernetes.io/batch-memory")
        vcpu = float(batch_cpu) / 1000 if batch_cpu else float(asked.get("cpu", 0))
        memory = float(batch_memory or asked.get("memory", 0)) / 2**30
        if not vcpu or not memory:
            return None
        shared, core = asked.get("aliyun.com/gpu-mem"), asked.get("aliyun.com/gpu-core.percentage")
        for name in ("nvidia.com/gpu", "aliyun.com/gpu", "aliyun.com/gpu-mem", "aliyun.com/gpu-core.percentage"):
            if not float(asked.get(name, 0)).is_integer():
                raise UnreadableQuantity(f"{name} = {asked[name]} is not a whole number")
        return PodShape.model_construct(
            vcpu=vcpu,
            memory_gib=round(memory, 3),
            gpus=int(float(asked.get("nvidia.com/gpu", asked.get("aliyun.com/gpu", 0)))),
            gpu_memory_gib=int(float(shared)) if shared else None,
            gpu_core_percent=int(float(core)) if core else None,
        )

    def tolerates(self, key: str, value: str) -> bool:
        """Whether pods tolerate a taint of effect NoSchedule."""
        for toleration in self.spec.get("tolerations") or ():
            exists = toleration.get("operator", "Equal") == "Exists"
            same_key = toleration.get("key") == key or (exists and not toleration.get("key"))
            same_value = exists or toleration.get("value", "") == value
            if same_key and same_value and toleration.get("effect", "NoSchedule") == "NoSchedule":
                return True
        return False

    def node_labels(self) -> Iterator[tuple[str, str]]:
        """Labels of nodes that the pods ask for, by selector or by required affinity."""
        yield from (self.spec.get("nodeSelector") or {}).items()
        required = ((self.spec.get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED) or {}
        for term in required.get("nodeSelectorTerms") or ():
            for expression in term.get("matchExpressions") or ():
                if expression.get("operator") == "In":
                    yield from ((expression["key"], value) for value in expression.get("values") or ())


def _over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Values over others, and objects in them likewise."""
    both = {key for key in base.keys() & own.keys() if isinstance(base[key], Mapping) and isinstance(own[key], Mapping)}
    return {**base, **own, **{key: _over(base[key], own[key]) for key in both}}


def _stated(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values without those that are not there."""
    return {key: value for key, value in values.items() if value is not None}


def _spark_setting(spec: Mapping[str, Any], key: str) -> Any:
    """A setting of Spark under `sparkConf`; what that is itself where its parts are not known yet."""
    settings = spec.get("sparkConf")
    return settings.get(key) if isinstance(settings, Mapping) else settings


def _count(value: object) -> int:
    """A number of pods; one where none is said, or what only a workflow knows."""
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else 1


def _asked(container: Mapping[str, Any]) -> dict[str, float]:
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: number(quantity) for name, quantity in asked.items()}


def number(quantity: object, units: Mapping[str, int] = BYTES) -> float:
    """A quantity, such as `500m`, `4`, `16Gi` or Spark's `4g`, as a number of its base unit."""
    match = re.fullmatch(r"\s*\+?((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)\s*", str(quantity))
    if match is None:
        raise UnreadableQuantity(f"{quantity!r} is not a quantity")
    amount, unit = float(match[1]), match[2]
    if units is SPARK_BYTES:
        unit = unit.lower().removesuffix("b").removesuffix("i")
    elif unit == "m":
        return amount / 1000
    if unit not in units:
        raise UnreadableQuantity(f"{quantity!r} has an unknown unit")
    return amount * units[unit]


def pod_templates(manifest: Mapping[str, Any]) -> Sequence[PodTemplate]:
    """The pod templates of one manifest, in its order."""
    kind = str(manifest.get("kind", ""))
    if kind == "Pod":
        return [PodTemplate("", "", dict(manifest))]
    if kind in SPARK_KINDS:
        path, spec = "spec", manifest.get("spec") or {}
        if kind == "ScheduledSparkApplication":
            path, spec = "spec.template", spec.get("template") or {}
        language = str(spec.get("type") or "Scala")
        roles: tuple[tuple[str, Role], ...] = (("driver", "leader"), ("executor", "worker"))
        return [
            PodTemplate(f"{path}.{name}", role, spec[name], language, defaults=spec[name].get("template") or {})
            for name, role in roles
            if isinstance(spec.get(name), dict)
        ]
    if kind in WORKFLOW_KINDS:
        return [
            PodTemplate(
                path, "", template, argo=True, defaults=_workflow_spec(manifest)[1].get("templateDefaults") or {}
            )
            for path, template in _workflow_templates(manifest)
            if {"container", "script", "containerSet"} & template.keys()
        ]
    return list(_templates(manifest.get("spec") or {}, "spec"))


PARTIAL_KINDS = frozenset({"ClusterServingRuntime", "ClusterTrainingRuntime", "ServingRuntime", "TrainingRuntime"})
"""Kinds whose pods are only a part: what runs on them says the rest."""


def pod_parts(manifest: Mapping[str, Any]) -> Sequence[PodTemplate]:
    """What a manifest says of pods of which something else says the rest: there what must not be can be looked for, not
    what must. Source: kserve/kserve v0.20.0, ServingRuntimePodSpec of v1alpha1 and PredictorSpec of v1beta1."""
    kind, spec = str(manifest.get("kind", "")), manifest.get("spec") or {}
    if kind.endswith("ServingRuntime"):
        return [PodTemplate("spec", "", {"spec": spec})] if "containers" in spec else []
    if kind in PARTIAL_KINDS or kind.endswith("Patch"):
        return [PodTemplate("", "", dict(manifest))] if kind == "PodPatch" else list(_templates(spec, "spec"))
    predictor = spec.get("predictor") if kind == "InferenceService" else None
    model = predictor.get("model") if isinstance(predictor, Mapping) else None
    if not isinstance(predictor, Mapping) or not isinstance(model, Mapping):
        return []
    container = {"name": "kserve-container", **model}
    # What stands beside containers of its own is a whole pod.
    around = {} if "containers" in predictor else predictor
    return [PodTemplate("spec.predictor.model", "", {"spec": {**around, "containers": [container]}})]


ARGO_FIELDS = (
    *("initContainers", "priorityClassName", "volumes", "serviceAccountName", "securityContext"),
    "automountServiceAccountToken",
)
"""Fields of a pod that a template of a workflow has, or the workflow for all of them. Source: argoproj/argo-workflows
v4.1, fields of Template and WorkflowSpec."""


def _workflow_spec(manifest: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The spec of a workflow, and where it stands."""
    path, spec = "spec", manifest.get("spec") or {}
    if manifest.get("kind") == "CronWorkflow":
        path, spec = "spec.workflowSpec", spec.get("workflowSpec") or {}
    return path, spec


def _workflow_templates(manifest: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    path, spec = _workflow_spec(manifest)
    templates: list[Any] = spec.get("templates") or []
    for index, template in enumerate(templates):
        if isinstance(template, dict):
            yield f"{path}.templates[{index}]", template


def embedded(manifest: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The manifests that a workflow creates, each with where it stands, in the workflow's namespace if it names none.

    What only the workflow knows, such as its name, stands in them as Argo writes it; texts that are no YAML before that
    is filled in are passed over.
    """
    for path, _, job in _created(manifest):
        yield f"{path}.resource.manifest", job


def _created(manifest: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Where a template of a workflow stands, its `resource`, and the manifest in that."""
    if manifest.get("kind") not in WORKFLOW_KINDS:
        return
    namespace = (manifest.get("metadata") or {}).get("namespace")
    for path, template in _workflow_templates(manifest):
        resource = template.get("resource") or {}
        if resource.get("action", "create") not in ("apply", "create", "replace"):
            continue  # What it changes or asks for is there already.
        text = resource.get("manifest")
        try:
            job = yaml.safe_load(text) if isinstance(text, str) else None
        except yaml.YAMLError:
            continue
        if isinstance(job, dict) and "kind" in job:
            own: Any = job.get("metadata")
            inherited = {"namespace": namespace} if namespace else {}
            metadata: dict[str, Any] = {**inherited, **(own if isinstance(own, dict) else {})}
            yield path, resource, {**job, "metadata": metadata}


def with_embedded(manifest: Mapping[str, Any], change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """A manifest that a function changed, and in a workflow those that it creates, too, where that changes them."""
    copy = change(manifest)
    for _, resource, job in _created(copy):
        changed = change(job)
        if changed != job:
            # As JSON, which is YAML without line breaks of its own.
            resource["manifest"] = json.dumps(changed, ensure_ascii=False)
    return copy


TEMPLATES = ("template", "submitterPodTemplate", "podTemplate", "leaderTemplate", "workerTemplate")
"""Keys of pod templates: those of most kinds, of Ray, of Flink, and of LeaderWorkerSets."""

SERVING = ("predictor", "transformer", "explainer", "workerSpec")
"""Keys of what KServe makes pods of."""


def _templates(node: Any, path: str) -> Iterator[PodTemplate]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            below = f"{path}.{key}"
            spec = value.get("spec") if isinstance(value, dict) else None
            if key in TEMPLATES and isinstance(spec, dict) and "containers" in spec:
                yield PodTemplate(below, _role(path), value)
            elif key in SERVING and isinstance(value, dict) and "containers" in value:
                # KServe writes the pod's spec in place.
                yield PodTemplate(below, "service", {"metadata": value, "spec": value})
                if "workerSpec" in value:
                    yield from _templates({"workerSpec": value["workerSpec"]}, below)
            else:
                yield from _templates(value, below)
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _templates(value, f"{path}[{index}]")


def _role(path: str) -> Role | Literal[""]:
    if path.endswith((".headGroupSpec", ".Launcher")):
        return "leader"
    return "worker" if re.search(r"\.workerGroupSpecs\[\d+\]$|\.Worker$", path) else ""


REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def _both(own: Mapping[str, Any], placement: Mapping[str, Any]) -> dict[str, Any]:
    """An affinity that demands what both demand of nodes: each term of one with each term of the other, unless it is in
    it already, as where a chart has written it. What it says of other pods is its own where it says something."""
    merged: dict[str, Any] = {**placement, **own}
    if "nodeAffinity" not in placement:
        return merged
    theirs = placement["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    node = dict(own.get("nodeAffinity") or {})
    mine = (node.get(REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
    terms = [
        term
        for a in mine
        for term in (
            [a]
            if any(_demands(a, b) for b in theirs)
            else [
                {key: [*a.get(key, ()), *b.get(key, ())] for key in SELECTORS if key in a or key in b} for b in theirs
            ]
        )
    ]
    merged["nodeAffinity"] = {**node, REQUIRED: {"nodeSelectorTerms": terms}}
    return merged


def _demands(term: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a term demands all that another one does."""
    return all(expression in term.get(key, ()) for key in SELECTORS for expression in other.get(key, ()))


SELECTORS = ("matchExpressions", "matchFields")


def placed(manifest: Mapping[str, Any], placements: Mapping[str, Mapping[str, Any]], label: str) -> dict[str, Any]:
    """A manifest of which each pod template with a job class has what the class's placement says.

    placements: by class, as `JobClassPlan.placement`; label: the pod label that names the class. What a template says
    of resources stays; its own labels, annotations and tolerations are kept beside those of the placement.
    """
    copy: dict[str, Any] = deepcopy(dict(manifest))
    for template in pod_templates(copy):
        placement = placements.get(template.labels.get(label, ""))
        if placement is None:
            continue
        node = template.node if copy.get("kind") != "Pod" else copy
        metadata = node if template.spark else node.setdefault("metadata", {})
        spec = node if template.spark or template.argo else node.setdefault("spec", {})
        for key in ("labels", "annotations"):
            if placement[key]:
                metadata[key] = {**(metadata.get(key) or {}), **placement[key]}
        if placement["affinity"]:
            spec["affinity"] = _both(spec.get("affinity") or {}, placement["affinity"])
        own = [t for t in spec.get("tolerations") or () if t not in placement["tolerations"]]
        if own or placement["tolerations"]:
            spec["tolerations"] = [*own, *placement["tolerations"]]
        spec["priorityClassName"] = placement["priorityClassName"]
    return copy
