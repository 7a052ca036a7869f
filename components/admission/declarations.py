"""The rules over pods, jobs, claims and Services: one expression each, for previews and for admission alike.

Expressions are in CEL as Gatekeeper runs it (engine K8sNativeValidation): `variables.anyObject` is what is looked at,
`variables.params` holds the rule's parameters, further `variables` are defined below, and functions are those of
Kubernetes. Sources: open-policy-agent/gatekeeper v3.23.0 (2026-07-08), website/docs/validating-admission-policy.md and
pkg/drivers/k8scel. ACK's policies and their parameters: https://www.alibabacloud.com/help/doc-detail/359819.html,
copies of 2025-12-31 and 2026-03-26.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from ..inputs import Args
from .args import Level

Severity = Literal["critical", "high", "medium", "low"]
Kinds = Mapping[str, Sequence[str]]
"""Kinds by API group."""

PODS: Kinds = {"": ("Pod",)}
SERVERS: Kinds = {"apps": ("Deployment", "StatefulSet")}
CLAIMS: Kinds = {"": ("PersistentVolumeClaim",)}
SERVICES: Kinds = {"": ("Service",)}
TRAINING: Kinds = {"kubeflow.org": ("MPIJob", "PyTorchJob", "TFJob", "XGBoostJob")}
JOBS: Kinds = {
    "batch": ("Job",),
    "jobset.x-k8s.io": ("JobSet",),
    **TRAINING,
    "ray.io": ("RayCluster", "RayJob"),
    "sparkoperator.k8s.io": ("SparkApplication",),
    "trainer.kubeflow.org": ("TrainJob",),
}

POD = "variables.anyObject.spec"
CONTAINERS = (
    "variables.pod.containers + (has(variables.pod.initContainers) ? variables.pod.initContainers : [])"
    " + (has(variables.pod.ephemeralContainers) ? variables.pod.ephemeralContainers : [])"
)
POD_VARIABLES = {"pod": POD, "containers": CONTAINERS}
"""The spec of a pod, and all its containers."""

LASTING_VARIABLES = {
    "pod": POD,
    "containers": CONTAINERS.rpartition(" + (")[0],
}
"""The same without ephemeral containers, which have no resources and no say in much else."""


class Parameters(Args):
    """Base of what a rule can be told; a rule without any has none."""


class Capabilities(Parameters):
    """Parameters of `capabilities-dropped`."""

    allowed: Sequence[str] = ("NET_BIND_SERVICE",)
    """Capabilities that containers may add."""


BASELINE_CAPABILITIES = (
    *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP"),
    *("SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
"""What containers may add at Pod Security's level `baseline`. Source: kubernetes.io/docs/concepts/security/
pod-security-standards, Baseline, Capabilities; kyverno/policies, pod-security/baseline, has the same list."""


class AddedCapabilities(Parameters):
    """Parameters of `capabilities-within-baseline`."""

    allowed: Sequence[str] = BASELINE_CAPABILITIES
    """Capabilities that containers may add."""


class Registries(Parameters):
    """Parameters of `images-from-registries`."""

    registries: Sequence[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]*(/[A-Za-z0-9._-]+)*/$")]] = ()
    """Registries and repositories that pods may pull from, each ending in a slash. Empty: the rule does not apply."""


class Labels(Parameters):
    """Parameters of `labels-present` and `jobs-name-their-queue`."""

    labels: Sequence[Annotated[str, Field(pattern=r"^([a-z0-9.-]+/)?[A-Za-z0-9][A-Za-z0-9._-]*$")]] = ()
    """Keys of the labels that must be there. Empty: the rule does not apply."""


class Priorities(Parameters):
    """Parameters of `priority-allowed`."""

    priorities: Sequence[str] = ()
    """Priority classes that pods may name, the cluster's global default among them if it has one: Kubernetes writes it
    into pods that name none before it asks at admission. Empty: the rule does not apply."""


class Gangs(Parameters):
    """Parameters of `gang-size`."""

    partial: bool = False
    """Whether jobs may start with fewer than all of their pods, as elastic ones may in any case."""


class Sizes(Parameters):
    """Parameters of `volumes-within-size`."""

    largest: Annotated[str, Field(pattern=r"^([1-9][0-9]*([KMGTP]i|[kMGTP]))?$")] = ""
    """The most that one claim may ask for, such as `500Gi`. Empty: the rule does not apply."""


Filled = Callable[[Mapping[str, Any], Sequence[str]], Mapping[str, Any]]
"""Parameters of one of ACK's policies, out of a rule's parameters and the namespaces in which it is held."""


def _nothing(parameters: Mapping[str, Any], namespaces: Sequence[str]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class AckPolicy:
    """One of ACK's policies. whole: whether it holds all pods of a namespace where the rule is about some."""

    name: str
    filled: Filled = _nothing
    whole: bool = False


@dataclass(frozen=True)
class Declaration:
    """One rule over objects of some kinds.

    must: a sentence that says what must be true; how: how to get there; offenders: CEL that gives a list of texts, what
    in the object breaks the rule; says: what is said behind these; level: at previews; admission: at admission; kinds:
    what it looks at; required: the parameter without which it does not apply, "" for none; ack: ACK's policies that
    together mean the same, none where there is none; preview: the rule of another area that holds it at previews, ""
    for its own; tenants: what else holds it in the namespaces of tenants; about: parts of metadata whose changes
    admission looks at, besides those of the spec; parts: whether previews look at parts of pods, too, since it is about
    what must not be there.
    """

    name: str
    severity: Severity
    must: str
    how: str
    offenders: str
    says: str
    reference: str
    level: Literal["mandatory", "advisory"] = "advisory"
    admission: Level = "disabled"
    kinds: Kinds = field(default_factory=lambda: PODS)
    variables: Mapping[str, str] = field(default_factory=lambda: POD_VARIABLES)
    parameters: type[Parameters] = Parameters
    required: str = ""
    ack: Sequence[AckPolicy] = ()
    preview: str = ""
    tenants: str = ""
    about: Sequence[str] = ()
    parts: bool = False

    @property
    def kind(self) -> str:
        """The kind of its constraints."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    def applies(self, parameters: Mapping[str, Any]) -> bool:
        """Whether it has the parameter without which it does not apply. parameters: by their names in YAML."""
        return not self.required or bool(parameters[self.required])


PRIVILEGES = "https://kubernetes.io/docs/concepts/security/pod-security-standards"
RESOURCES = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"
CONTEXT = "has(c.securityContext)"
BASELINE = "Pod Security, level `baseline`"
RESTRICTED = "Pod Security warns, level `restricted`"
ADMITTED = "the tenant's ValidatingAdmissionPolicy"

ADDRESS_TYPE = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type"
IPV6_ADDRESS_TYPE = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-ipv6-address-type"
OLDER, NEWER = "alicloud-loadbalancer", "alibaba-cloud-loadbalancer"
"""In the keys of annotations: the name until September 2019, which still counts, and that of today. Source: the rule's
reference, 2026-03-26."""


def _said(key: str) -> str:
    """CEL: what an annotation says, under its key or its older one; an empty text where nothing does."""
    annotations, older = "variables.annotations", key.replace(NEWER, OLDER)
    return (
        f"'{key}' in {annotations} && {annotations}['{key}'] != '' ? {annotations}['{key}'] : "
        f"'{older}' in {annotations} ? {annotations}['{older}'] : ''"
    )


MINIMUM_LABEL = "pod-group.scheduling.sigs.k8s.io/min-available"
MINIMUM_ANNOTATION = "gang.scheduling.koordinator.sh/min-available"

LARGEST = {"cpu": "1024", "memory": "32Ti"}
"""Above any node: ACK's policy takes a maximum of requests, and the rule knows none."""


def _minimum(part: str, key: str) -> str:
    """CEL: whether a replica `r` of a training job says another number of pods than the job has."""
    said = f"variables.replicas[r].template.metadata.{part}"
    return (
        f"has({said}) && '{key}' in {said} && (variables.fewer ? int({said}['{key}']) > variables.pods : "
        f"int({said}['{key}']) != variables.pods)"
    )


DECLARATIONS: Sequence[Declaration] = (
    Declaration(
        name="containers-have-requests",
        severity="high",
        level="mandatory",
        admission="deny",
        must="Containers must request CPU and memory, or the scheduler cannot tell where they fit.",
        how=(
            "Set resources.requests.cpu and resources.requests.memory, of each container or of the pod as a whole; "
            "limits count as requests, too."
        ),
        variables={
            **LASTING_VARIABLES,
            "together": (
                "['cpu', 'memory'].filter(r, has(variables.pod.resources) && "
                "(has(variables.pod.resources.requests) && r in variables.pod.resources.requests || "
                "has(variables.pod.resources.limits) && r in variables.pod.resources.limits))"
            ),
        },
        # What is requested for the pod as a whole is there for its containers. Source: kubernetes.io/docs/tasks/
        # configure-pod-container/assign-pod-level-resources, of v1.32.
        offenders=(
            "variables.containers.filter(c, !['cpu', 'memory'].all(r, r in variables.together || has(c.resources) && "
            "(has(c.resources.requests) && r in c.resources.requests || "
            "has(c.resources.limits) && r in c.resources.limits))).map(c, c.name)"
        ),
        says="must request CPU and memory: set resources.requests.",
        reference=RESOURCES,
        ack=[AckPolicy("ACKContainerRequests", lambda parameters, namespaces: LARGEST)],
        tenants="LimitRange: defaults where none are stated",
    ),
    Declaration(
        name="containers-have-memory-limits",
        severity="medium",
        level="mandatory",
        admission="warn",
        must="Containers must have a memory limit, or one that leaks takes its node along.",
        how="Set resources.limits.memory, of each container or of the pod as a whole.",
        variables={
            **LASTING_VARIABLES,
            "bounded": (
                "has(variables.pod.resources) && has(variables.pod.resources.limits) && "
                "has(variables.pod.resources.limits.memory)"
            ),
        },
        offenders=(
            "variables.bounded ? [] : variables.containers.filter(c, !(has(c.resources) && has(c.resources.limits) && "
            "has(c.resources.limits.memory))).map(c, c.name)"
        ),
        says="must have a memory limit: set resources.limits.memory.",
        reference=RESOURCES,
    ),
    Declaration(
        name="services-have-probes",
        severity="medium",
        admission="warn",
        must="Deployments and model servers must say when their ports answer.",
        how="Give each container that has ports a readinessProbe.",
        kinds=SERVERS,
        variables={"containers": "variables.anyObject.spec.template.spec.containers"},
        offenders=(
            "variables.containers.filter(c, has(c.ports) && size(c.ports) > 0 && !has(c.readinessProbe)).map(c, c.name)"
        ),
        says="must say when it is ready: set readinessProbe.",
        reference="https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle#container-probes",
        ack=[
            AckPolicy(
                "ACKRequiredProbes",
                lambda parameters, namespaces: {
                    "probes": ["readinessProbe"],
                    "probeTypes": ["tcpSocket", "httpGet", "exec"],
                },
                whole=True,
            )
        ],
    ),
    Declaration(
        name="containers-not-privileged",
        parts=True,
        severity="critical",
        level="mandatory",
        admission="deny",
        must="Containers must not be privileged: they would be root on their node.",
        how="Remove securityContext.privileged; add single capabilities where one is needed.",
        offenders=(
            f"variables.containers.filter(c, {CONTEXT} && has(c.securityContext.privileged) && "
            "c.securityContext.privileged).map(c, c.name)"
        ),
        says="must not be privileged: remove securityContext.privileged.",
        reference=PRIVILEGES,
        ack=[AckPolicy("ACKPSPPrivilegedContainer")],
        tenants=BASELINE,
    ),
    Declaration(
        name="containers-no-escalation",
        severity="medium",
        admission="warn",
        must="Containers must not gain more privileges than they start with.",
        how="Set securityContext.allowPrivilegeEscalation to false.",
        offenders=(
            f"variables.containers.filter(c, !({CONTEXT} && has(c.securityContext.allowPrivilegeEscalation) && "
            "!c.securityContext.allowPrivilegeEscalation)).map(c, c.name)"
        ),
        says="must not gain privileges: set securityContext.allowPrivilegeEscalation to false.",
        reference=PRIVILEGES,
        ack=[AckPolicy("ACKPSPAllowPrivilegeEscalationContainer")],
        tenants=RESTRICTED,
    ),
    Declaration(
        name="pods-without-host-access",
        parts=True,
        severity="critical",
        level="mandatory",
        admission="deny",
        must="Pods must not reach into their node: its network, processes, files or ports.",
        how="Remove hostNetwork, hostPID, hostIPC, hostProcess of Windows, hostPath volumes and hostPorts.",
        offenders=(
            "(has(variables.pod.hostNetwork) && variables.pod.hostNetwork ? ['hostNetwork'] : [])"
            " + (has(variables.pod.hostPID) && variables.pod.hostPID ? ['hostPID'] : [])"
            " + (has(variables.pod.hostIPC) && variables.pod.hostIPC ? ['hostIPC'] : [])"
            " + (has(variables.pod.volumes) ? variables.pod.volumes : [])"
            ".filter(v, has(v.hostPath)).map(v, 'hostPath of ' + v.name)"
            " + variables.containers.filter(c, has(c.ports) && c.ports.exists(p, has(p.hostPort) && p.hostPort != 0))"
            ".map(c, 'hostPort of ' + c.name)"
            " + (has(variables.pod.securityContext) && has(variables.pod.securityContext.windowsOptions) && "
            "has(variables.pod.securityContext.windowsOptions.hostProcess) && "
            "variables.pod.securityContext.windowsOptions.hostProcess ? ['hostProcess'] : [])"
            f" + variables.containers.filter(c, {CONTEXT} && has(c.securityContext.windowsOptions) && "
            "has(c.securityContext.windowsOptions.hostProcess) && c.securityContext.windowsOptions.hostProcess)"
            ".map(c, 'hostProcess of ' + c.name)"
        ),
        says="must be removed: pods must not reach into their node.",
        reference=PRIVILEGES,
        ack=[
            AckPolicy("ACKPSPHostNamespace"),
            AckPolicy(
                "ACKPSPHostNetworkingPorts",
                lambda parameters, namespaces: {"hostNetwork": False, "min": 0, "max": 0},
            ),
            AckPolicy("ACKBlockVolumeTypes", lambda parameters, namespaces: {"volumes": ["hostPath"]}),
        ],
        tenants=f"{BASELINE}; {ADMITTED}",
    ),
    Declaration(
        name="capabilities-within-baseline",
        parts=True,
        severity="critical",
        level="mandatory",
        admission="deny",
        must="Containers must not add capabilities that are as good as root on their node, such as SYS_ADMIN or ALL.",
        how="Remove from securityContext.capabilities.add what Pod Security's level baseline does not have.",
        offenders=(
            f"variables.containers.filter(c, {CONTEXT} && has(c.securityContext.capabilities) && "
            "has(c.securityContext.capabilities.add) && "
            "!c.securityContext.capabilities.add.all(a, a in variables.params.allowed)).map(c, c.name)"
        ),
        says="must not add capabilities beyond those allowed: remove them from securityContext.capabilities.add.",
        reference=PRIVILEGES,
        parameters=AddedCapabilities,
        tenants=BASELINE,
    ),
    Declaration(
        name="capabilities-dropped",
        severity="medium",
        admission="warn",
        must="Containers must drop all capabilities, and add back what is allowed alone.",
        how="Set securityContext.capabilities.drop to [ALL].",
        offenders=(
            f"variables.containers.filter(c, !({CONTEXT} && has(c.securityContext.capabilities) && "
            "has(c.securityContext.capabilities.drop) && 'ALL' in c.securityContext.capabilities.drop && "
            "(!has(c.securityContext.capabilities.add) || "
            "c.securityContext.capabilities.add.all(a, a in variables.params.allowed)))).map(c, c.name)"
        ),
        says="must drop all capabilities but those allowed: set securityContext.capabilities.drop to [ALL].",
        reference=PRIVILEGES,
        parameters=Capabilities,
        ack=[
            AckPolicy(
                "ACKPSPCapabilities",
                lambda parameters, namespaces: {
                    "allowedCapabilities": parameters["allowed"],
                    "requiredDropCapabilities": ["ALL"],
                },
            )
        ],
        tenants=RESTRICTED,
    ),
    Declaration(
        name="images-not-latest",
        parts=True,
        severity="medium",
        level="mandatory",
        admission="deny",
        must="Images must have a tag other than latest, or a digest, or pods of one job may run different ones.",
        how="Name a version as the image's tag, or a digest.",
        # What a workflow fills in is known when its pods are made.
        offenders=(
            "variables.containers.filter(c, has(c.image) && !c.image.contains('@') && !c.image.contains('{{') && "
            "(c.image.endsWith(':latest') || !c.image.matches(':[^/]+$'))).map(c, c.name)"
        ),
        says="must name an image that stays the same: give it a tag other than latest, or a digest.",
        reference="https://kubernetes.io/docs/concepts/containers/images",
    ),
    Declaration(
        name="images-from-registries",
        parts=True,
        severity="high",
        level="mandatory",
        admission="deny",
        must="Images must come from allowed registries.",
        how="Pull from one of the rule's registries, or add the image's to them.",
        offenders=(
            "variables.containers.filter(c, has(c.image) && "
            "!variables.params.registries.exists(r, c.image.startsWith(r))).map(c, c.name)"
            " + (has(variables.pod.volumes) ? variables.pod.volumes : []).filter(v, has(v.image) && "
            "has(v.image.reference) && !variables.params.registries.exists(r, v.image.reference.startsWith(r)))"
            ".map(v, 'volume ' + v.name)"
        ),
        says="must pull from an allowed registry: change image.",
        reference="https://kubernetes.io/docs/concepts/containers/images",
        parameters=Registries,
        required="registries",
        ack=[AckPolicy("ACKAllowedRepos", lambda parameters, namespaces: {"repos": parameters["registries"]})],
        tenants=ADMITTED,
    ),
    Declaration(
        name="pods-read-only-root",
        severity="low",
        must="Containers should not write to their own root file system.",
        how="Set securityContext.readOnlyRootFilesystem to true, and mount volumes where something is written.",
        variables=LASTING_VARIABLES,
        offenders=(
            f"variables.containers.filter(c, !({CONTEXT} && has(c.securityContext.readOnlyRootFilesystem) && "
            "c.securityContext.readOnlyRootFilesystem)).map(c, c.name)"
        ),
        says="should not write to its root: set securityContext.readOnlyRootFilesystem to true.",
        reference="https://kubernetes.io/docs/tasks/configure-pod-container/security-context/",
        ack=[AckPolicy("ACKPSPReadOnlyRootFilesystem")],
    ),
    Declaration(
        name="pods-not-root",
        severity="low",
        must="Containers should not run as root.",
        how="Set runAsNonRoot, or a runAsUser other than 0, in the securityContext of the pod or the container.",
        variables={
            **LASTING_VARIABLES,
            "nobody": (
                "has(variables.pod.securityContext) && (has(variables.pod.securityContext.runAsNonRoot) && "
                "variables.pod.securityContext.runAsNonRoot || has(variables.pod.securityContext.runAsUser) && "
                "variables.pod.securityContext.runAsUser > 0)"
            ),
        },
        offenders=(
            f"variables.containers.filter(c, !({CONTEXT} && has(c.securityContext.runAsUser) ? "
            f"c.securityContext.runAsUser > 0 : {CONTEXT} && has(c.securityContext.runAsNonRoot) ? "
            "c.securityContext.runAsNonRoot : variables.nobody)).map(c, c.name)"
        ),
        says="should not run as root: set securityContext.runAsNonRoot to true.",
        reference=PRIVILEGES,
        ack=[
            AckPolicy(
                "ACKPSPAllowedUsers",
                lambda parameters, namespaces: {
                    "runAsUser": {"rule": "MustRunAsNonRoot"},
                    **{key: {"rule": "RunAsAny"} for key in ("runAsGroup", "supplementalGroups", "fsGroup")},
                },
            )
        ],
        tenants=RESTRICTED,
    ),
    Declaration(
        name="labels-present",
        about=["labels"],
        severity="low",
        level="mandatory",
        admission="deny",
        must="Pods must carry the labels by which they are told apart.",
        how="Add the labels to metadata.labels of the pod or its template.",
        offenders=(
            "variables.params.labels.filter(l, !(has(variables.anyObject.metadata.labels) && "
            "l in variables.anyObject.metadata.labels))"
        ),
        says="must be among the pod's labels: add it to metadata.labels.",
        reference="https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
        variables={},
        parameters=Labels,
        required="labels",
        ack=[
            AckPolicy(
                "ACKRequiredLabels",
                lambda parameters, namespaces: {
                    "labels": [{"key": label, "allowedRegex": ".*"} for label in parameters["labels"]]
                },
            )
        ],
    ),
    Declaration(
        name="jobs-name-their-queue",
        about=["labels"],
        severity="medium",
        level="mandatory",
        admission="warn",
        must="Jobs must carry the label that names their queue, or they pass it by.",
        how="Add the label of the queues' engine to metadata.labels of the job; `make job` and the charts do.",
        # What another job made has its place in the queue by that one; a schedule has none.
        kinds=JOBS,
        variables={},
        offenders=(
            "has(variables.anyObject.metadata.ownerReferences) && variables.anyObject.metadata.ownerReferences"
            ".exists(o, !(o.kind in ['CronJob', 'ScheduledSparkApplication'])) ? [] : "
            "variables.params.labels.filter(l, "
            "!(has(variables.anyObject.metadata.labels) && l in variables.anyObject.metadata.labels))"
        ),
        says="must be among the job's labels: add it to metadata.labels, with the queue's name.",
        reference="https://kueue.sigs.k8s.io/docs/reference/labels-and-annotations",
        parameters=Labels,
        required="labels",
    ),
    Declaration(
        name="priority-allowed",
        parts=True,
        severity="medium",
        level="mandatory",
        admission="deny",
        must="Pods must have an allowed priority class, or they displace those of others.",
        how=(
            "Name one of the rule's priority classes under priorityClassName, or none; list a class with "
            "globalDefault, too, which Kubernetes writes into pods that name none."
        ),
        offenders=(
            "has(variables.pod.priorityClassName) && variables.pod.priorityClassName != '' && "
            "!(variables.pod.priorityClassName in variables.params.priorities) ? [variables.pod.priorityClassName] : []"
        ),
        says="must not be its priority class: change priorityClassName.",
        reference="https://kubernetes.io/docs/concepts/configuration/pod-priority-preemption/",
        variables={"pod": POD},
        parameters=Priorities,
        required="priorities",
        tenants=ADMITTED,
    ),
    Declaration(
        name="gang-size",
        severity="high",
        level="mandatory",
        admission="deny",
        must="A training job that starts together must wait for as many pods as it has.",
        how="Set the gang's min-available to the sum of all replicas.",
        kinds=TRAINING,
        variables={
            "replicas": " : ".join(
                f"has({POD}.{key}) ? {POD}.{key}"
                for key in ("pytorchReplicaSpecs", "tfReplicaSpecs", "mpiReplicaSpecs")
            )
            + f" : {POD}.xgbReplicaSpecs",
            "pods": (
                "variables.replicas.map(r, has(variables.replicas[r].replicas) ? variables.replicas[r].replicas : 1)"
                ".sum()"
            ),
            "fewer": f"variables.params.partial || has({POD}.elasticPolicy)",
        },
        offenders=(
            "variables.replicas.filter(r, has(variables.replicas[r].template.metadata) && "
            f"({_minimum('labels', MINIMUM_LABEL)} || {_minimum('annotations', MINIMUM_ANNOTATION)}))"
        ),
        says="must wait for all pods of the job: set min-available of its gang to the sum of replicas.",
        reference="https://www.alibabacloud.com/help/doc-detail/178169.htm",
        parameters=Gangs,
    ),
    Declaration(
        name="no-automounted-tokens",
        severity="low",
        must="Pods without a service account of their own should have no token for the API server.",
        how="Set automountServiceAccountToken to false, or name a service account that may do what the pod needs.",
        offenders=(
            "has(variables.pod.automountServiceAccountToken) && !variables.pod.automountServiceAccountToken || "
            "has(variables.pod.serviceAccountName) && variables.pod.serviceAccountName != 'default' ? [] : "
            "['automountServiceAccountToken']"
        ),
        says="should be false: the pod has no service account of its own.",
        reference="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
        variables={"pod": POD},
        ack=[AckPolicy("ACKBlockAutomountToken", whole=True)],
    ),
    Declaration(
        name="volumes-within-size",
        severity="medium",
        level="mandatory",
        admission="deny",
        must="Claims must stay within the size that is allowed for one.",
        how="Lower resources.requests.storage, or raise the rule's limit.",
        kinds=CLAIMS,
        variables={"asked": f"string({POD}.resources.requests.storage)"},
        offenders=(
            "quantity(variables.asked).isGreaterThan(quantity(variables.params.largest)) ? [variables.asked] : []"
        ),
        says="is more than one claim may ask for: lower resources.requests.storage.",
        reference="https://kubernetes.io/docs/concepts/storage/persistent-volumes#resources",
        parameters=Sizes,
        required="largest",
        ack=[
            AckPolicy(
                "ACKPVCConstraint",
                lambda parameters, namespaces: {"maxSize": parameters["largest"], "allowNamespaces": list(namespaces)},
            )
        ],
        tenants="ResourceQuota: the sum of all claims",
    ),
    Declaration(
        name="services-internal",
        about=["annotations"],
        severity="high",
        level="mandatory",
        admission="deny",
        must="Load balancers must not be reachable from the Internet.",
        how=f"Set the annotation {ADDRESS_TYPE} to intranet, also beside the id of a load balancer that is there.",
        kinds=SERVICES,
        variables={
            "annotations": (
                "has(variables.anyObject.metadata.annotations) ? variables.anyObject.metadata.annotations : {}"
            ),
            "reach": _said(ADDRESS_TYPE),
            "reach6": _said(IPV6_ADDRESS_TYPE),
        },
        # A balancer that is there already is not known here: the annotation must say of it, too, that it is internal.
        offenders=(
            f"has({POD}.type) && {POD}.type == 'LoadBalancer' && "
            "(variables.reach != 'intranet' || variables.reach6 == 'internet') ? ['type LoadBalancer'] : []"
        ),
        says=f"must be internal: set the annotation {ADDRESS_TYPE} to intranet.",
        reference=(
            "https://www.alibabacloud.com/help/en/ack/ack-managed-and-ack-dedicated/user-guide/"
            "add-annotations-to-the-yaml-file-of-a-service-to-configure-clb-instances"
        ),
        ack=[AckPolicy("ACKBlockInternetLoadBalancer")],
        preview="load-balancers-internal",
        tenants="ResourceQuota: no load balancers at all",
    ),
)
"""All rules, in the order in which they are documented."""
