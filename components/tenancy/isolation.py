"""Who reaches whom: computed from the resources that a program registers, not from what it means to register.

An upper bound: what cannot be decided counts as reachable. Pods are judged by what their namespace allows, whatever
labels their owners give them.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import permutations
from typing import Any, Literal

from ..capacity import Resource
from ..identity import document
from . import network_policies, ram_policies, rbac
from .planning import (
    METADATA_SERVICE,
    NAME_LABEL,
    TENANT_LABEL,
    Surroundings,
    TenantPlan,
    own_bucket,
    prefix_of,
    tenant_assets,
)

Kind = Literal["network", "API", "identity", "data", "quota"]
PLATFORM = "platform"
"""Stands for what belongs to no tenant: nodes, roles and data of the platform."""

EVERYBODY = "*"
EVERY_SUBJECT = (
    *("group/system:authenticated", "group/system:unauthenticated", "group/system:serviceaccounts"),
    "user/system:anonymous",
)
"""Subjects that all tenants' people or pods are."""

UNKNOWN = "[unknown]"

NAMESPACES = ("kubernetes:core/v1:Namespace", "kubernetes:core/v1:NamespacePatch")
QUOTA = "kubernetes:core/v1:ResourceQuota"
VOLUME = "kubernetes:core/v1:PersistentVolume"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
STORAGE_CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
CLUSTER = "alicloud:cs/managedKubernetes:ManagedKubernetes"
ROLE = "alicloud:ram/role:Role"
POLICY = "alicloud:ram/policy:Policy"
ATTACHMENT = "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment"
BUCKET_POLICY = "alicloud:oss/bucketPolicy:BucketPolicy"

DATASET = "kubernetes:data.fluid.io/v1alpha1:Dataset"

HELD = (
    *("requests.cpu", "requests.memory", "pods"),
    *("requests.nvidia.com/gpu", "requests.aliyun.com/gpu", "requests.aliyun.com/gpu-mem"),
    *("requests.storage", "persistentvolumeclaims"),
)
"""What a quota must limit, or a tenant could take what others were promised."""


@dataclass(frozen=True)
class Asset:
    """Something that belongs to one tenant alone: an action of RAM on a resource, which may be a pattern."""

    tenant: str
    label: str
    action: str
    resource: str


@dataclass(frozen=True)
class Way:
    """How one tenant reaches another.

    source, target: tenants, `platform` or `*`; how: in words; what: which of the target's data, else "".
    """

    source: str
    target: str
    kind: Kind
    how: str
    what: str = ""


@dataclass(frozen=True)
class Isolation:
    """Everything that any tenant reaches of another."""

    tenants: Sequence[str]
    ways: Sequence[Way]

    def between(self, source: str, target: str, kind: Kind) -> list[str]:
        """How one reaches the other; empty for not at all."""
        return [
            way.how
            for way in self.ways
            if way.kind == kind and way.source in (source, EVERYBODY) and way.target in (target, EVERYBODY)
        ]


@dataclass
class _Seen:
    """What the resources say, by what it is looked up with."""

    tenant_of: dict[str, str] = field(default_factory=dict[str, str])
    labels: dict[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    policies: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict[str, list[Mapping[str, Any]]])
    limited: dict[str, set[str]] = field(default_factory=dict[str, set[str]])
    enforced: bool = True


def tenant_isolation(
    resources: Iterable[Resource], assets: Iterable[Asset], pod_networks: Sequence[IPv4Network] = ()
) -> Isolation:
    """Who reaches whom.

    resources: all that the program registers, unknown values as `[unknown]`; assets: what belongs to whom;
    pod_networks: where pods have their addresses.
    """
    known = list(resources)
    seen = _look(known)
    ways = [*_network_ways(seen, pod_networks)]
    members, api = _api_ways(known, seen)
    ways += api
    takers, identity = _identity_ways(known, seen)
    ways += identity
    ways += _data_ways(known, seen, list(assets), takers, members)
    ways += _file_ways(known, seen)
    ways += _quota_ways(seen)
    return Isolation(sorted(set(seen.tenant_of.values())), list(dict.fromkeys(ways)))


def after_apply() -> dict[str, Callable[[str, Mapping[str, Any]], tuple[str, Mapping[str, Any]]]]:
    """Ids and outputs of the resources that policies and volumes name, as the cloud would give them.

    Without them, documents that hold one are unknown in a first preview as a whole, and who may take a role could not
    be said. By type, from a resource's name and inputs.
    """
    issuer = "https://oidc.example.com/cluster"
    metadata = {
        "ramOidcProviderArn": "acs:ram::1:oidc-provider/ack-rrsa-cluster",
        "ramOidcProviderName": "ack-rrsa-cluster",
        "rrsaOidcIssuerUrl": issuer,
    }
    return {
        CLUSTER: lambda name, inputs: ("", {"rrsaMetadata": metadata}),
        "alicloud:kms/key:Key": lambda name, inputs: ("key", {}),
        "alicloud:cr/registryEnterpriseInstance:RegistryEnterpriseInstance": lambda name, inputs: ("cri-registry", {}),
        "alicloud:log/project:Project": lambda name, inputs: (str(inputs.get("projectName")), {}),
        "alicloud:nas/mountTarget:MountTarget": lambda name, inputs: ("", {"mountTargetDomain": f"{name}.nas"}),
        "alicloud:oss/bucket:Bucket": lambda name, inputs: (str(inputs.get("bucket")), {}),
        ROLE: lambda name, inputs: (str(inputs.get("roleName")), {}),
    }


def declared(plans: Mapping[str, TenantPlan]) -> Mapping[tuple[str, str, Kind, str], str]:
    """What tenants share because their declarations say so: source, target, kind and what, with the reason."""
    shared: dict[tuple[str, str, Kind, str], str] = {}
    for name, plan in plans.items():
        for entry, prefix in plan.args.prefixes.items():
            what = f"{prefix.bucket}/{prefix_of(name, plan.args, entry)}"
            for reader in prefix.readers:
                shared[reader, name, "data", what] = f"{name} lets it read {entry}"
    tenants_of: dict[str, list[str]] = {}
    for name, plan in plans.items():
        for person in dict.fromkeys(person for people in plan.people.values() for person in people):
            tenants_of.setdefault(person, []).append(name)
    for person, names in tenants_of.items():
        for one, other in permutations(names, 2):
            own: list[tuple[Kind, str]] = [
                ("data", own_bucket(plans[other].id, role)) for role in plans[other].args.buckets
            ]
            both: list[tuple[Kind, str]] = [("API", ""), ("quota", ""), *own]
            for kind, what in both:
                shared.setdefault((one, other, kind, what), f"{person} is a member of both")
    return shared


def assets_of(plans: Mapping[str, TenantPlan], around: Surroundings) -> list[Asset]:
    """What belongs to the tenants alone."""
    return [Asset(name, *asset) for name, plan in plans.items() for asset in tenant_assets(name, plan, around)]


def _look(resources: Sequence[Resource]) -> _Seen:
    seen = _Seen()
    for resource in resources:
        metadata = resource.inputs.get("metadata") or {}
        if resource.type in NAMESPACES:
            labels = {**(metadata.get("labels") or {}), NAME_LABEL: metadata["name"]}
            seen.labels[metadata["name"]] = labels
            if TENANT_LABEL in labels:
                seen.tenant_of[metadata["name"]] = labels[TENANT_LABEL]
        elif resource.type == network_policies.NETWORK_POLICY:
            seen.policies.setdefault(metadata["namespace"], []).append(resource.inputs.get("spec") or {})
        elif resource.type == QUOTA:
            hard = (resource.inputs.get("spec") or {}).get("hard") or {}
            seen.limited.setdefault(metadata["namespace"], set()).update(hard)
        elif resource.type == CLUSTER:
            configs = [str(addon.get("config") or "") for addon in resource.inputs.get("addons") or ()]
            seen.enforced = any(re.search(r'"NetworkPolicy"\s*:\s*"true"', config) for config in configs)
    return seen


def _network_ways(seen: _Seen, pod_networks: Sequence[IPv4Network]) -> Iterator[Way]:
    if not seen.enforced:
        yield Way(EVERYBODY, EVERYBODY, "network", "the cluster's network does not enforce network policies")
        yield Way(EVERYBODY, PLATFORM, "identity", "the metadata service gives away the node's role")
        return
    spaces = {
        name: network_policies.Namespace(name, seen.labels[name], seen.policies.get(name, ()))
        for name in seen.tenant_of
    }
    for name, target in spaces.items():
        callers = _callers(target, pod_networks)
        for caller in spaces if callers is None else callers & spaces.keys():
            one, other = seen.tenant_of[caller], seen.tenant_of[name]
            ports = network_policies.open_ports(spaces[caller], target, pod_networks) if one != other else ()
            if ports:
                yield Way(one, other, "network", f"{caller} to {name}: {', '.join(map(str, ports))}")
    for name, space in spaces.items():
        if network_policies.egress_ports(space, IPv4Address(METADATA_SERVICE)):
            how = f"pods in {name} reach the metadata service, which gives away the node's role"
            yield Way(seen.tenant_of[name], PLATFORM, "identity", how)


def _callers(target: network_policies.Namespace, pod_networks: Sequence[IPv4Network]) -> set[str] | None:
    """The namespaces that a namespace's ingress rules name; None where they may admit others, too."""
    named: set[str] = set()
    isolated = False
    for spec in target.policies:
        types = spec.get("policyTypes") or ("Ingress",)
        if "Ingress" not in types:
            continue
        isolated = isolated or not (spec.get("podSelector") or {})
        for rule in spec.get("ingress") or ():
            if not rule.get("from"):
                return None
            for peer in rule["from"]:
                if "ipBlock" in peer:
                    cidr = IPv4Network(peer["ipBlock"]["cidr"], strict=False)
                    if any(cidr.overlaps(network) for network in pod_networks):
                        return None
                    continue
                if "namespaceSelector" not in peer:
                    named.add(target.name)
                    continue
                expressions = (peer["namespaceSelector"] or {}).get("matchExpressions") or ()
                names = [e["values"] for e in expressions if e["key"] == NAME_LABEL and e["operator"] == "In"]
                if not names:
                    return None
                named.update(names[0])
    return named if isolated else None


def _api_ways(resources: Sequence[Resource], seen: _Seen) -> tuple[Mapping[str, Collection[str]], list[Way]]:
    """The tenants of every person, and what the API server lets whom do."""
    grants = rbac.grants(resources)
    members: dict[str, set[str]] = {}
    for grant in grants:
        if grant.namespace in seen.tenant_of and not grant.subject.startswith("service-account/"):
            members.setdefault(grant.subject, set()).add(seen.tenant_of[grant.namespace])
    ways: list[Way] = []
    for grant in grants:
        if not any(rule.resources for rule in grant.rules):
            continue
        wide = grant.namespace == ""
        target = EVERYBODY if wide else seen.tenant_of.get(grant.namespace, PLATFORM)
        for source in _tenants_of(grant.subject, seen, members):
            if source == target:
                continue
            where = "every namespace" if wide else grant.namespace
            how = f"{grant.subject} has {grant.role} in {where}"
            ways.append(Way(source, target, "API", how))
            if wide:
                ways.append(Way(source, PLATFORM, "API", how))
            if rbac.allows(grant, "create", "", "pods", grant.namespace) or any(
                rbac.allows(grant, "create", group, resource, grant.namespace)
                for group, resource in (("batch", "jobs"), ("ray.io", "rayclusters"))
            ):
                ways.append(Way(source, target, "quota", f"{how}, so its pods count there"))
    return members, ways


def _tenants_of(subject: str, seen: _Seen, members: Mapping[str, Collection[str]]) -> Collection[str]:
    """The tenants behind a subject."""
    kind, _, name = subject.partition("/")
    space = name.removeprefix("system:serviceaccounts:").partition("/")[0]
    if kind == "service-account" or name.startswith("system:serviceaccounts:"):
        return [seen.tenant_of[space]] if space in seen.tenant_of else []
    if subject in EVERY_SUBJECT:
        return [EVERYBODY]
    # Inside the cluster, a RAM user is the user of that number.
    return members.get(subject) or (members.get(f"ram-user/{name}", ()) if kind == "user" else ())


def _identity_ways(resources: Sequence[Resource], seen: _Seen) -> tuple[Mapping[str, Collection[str]], list[Way]]:
    """The tenants that can take each RAM role by its name, and the ways that come of it."""
    takers: dict[str, Collection[str]] = {}
    ways: list[Way] = []
    for resource in resources:
        if resource.type != ROLE:
            continue
        name = str(resource.inputs.get("roleName"))
        owner = (resource.inputs.get("tags") or {}).get(TENANT_LABEL, PLATFORM)
        takers[name] = taking = _takers(str(resource.inputs.get("assumeRolePolicyDocument")), seen)
        ways += [
            Way(tenant, owner, "identity", f"can take the RAM role {name}") for tenant in taking if tenant != owner
        ]
    return takers, ways


def _takers(text: str, seen: _Seen) -> Collection[str]:
    """The tenants whose pods can take a role. text: its trust policy."""
    try:
        trust = ram_policies.parse_policy(text)
    except ram_policies.UnreadablePolicy:
        return [EVERYBODY]
    spaces: set[str] = set()
    providers: dict[str, None] = {}
    for statement in trust:
        if statement.effect == "Allow":
            spaces |= _spaces(statement, seen)
            # Services, such as OSS itself, are no pods.
            named = statement.principals or ("*",)
            providers |= dict.fromkeys(p for p in named if "oidc-provider" in p or "*" in p)
    return {
        seen.tenant_of[space]
        for space in spaces
        if any(
            ram_policies.assumable(trust, provider, {"oidc:sub": f"system:serviceaccount:{space}:*"})
            for provider in providers
        )
    }


def _spaces(statement: ram_policies.Statement, seen: _Seen) -> set[str]:
    """The tenants' namespaces whose pods a statement of a trust policy may be about."""
    subjects = statement.conditions.get("StringEquals", {}).get("oidc:sub", ())
    exact = [re.fullmatch(r"system:serviceaccount:([a-z0-9-]+):[a-z0-9.-]+", subject) for subject in subjects]
    named = {match[1] for match in exact if match}
    return named & seen.tenant_of.keys() if exact and all(exact) else set(seen.tenant_of)


def _data_ways(
    resources: Sequence[Resource],
    seen: _Seen,
    assets: Sequence[Asset],
    takers: Mapping[str, Collection[str]],
    members: Mapping[str, Collection[str]],
) -> Iterator[Way]:
    documents = {
        str(r.inputs.get("policyName")): str(r.inputs.get("policyDocument")) for r in resources if r.type == POLICY
    }
    people = {person.partition("/")[2]: tenants for person, tenants in members.items()}
    held: dict[str, list[tuple[str, Sequence[ram_policies.Statement]]]] = {}
    denied: dict[str, list[ram_policies.Statement]] = {}
    for resource in resources:
        if resource.type == ATTACHMENT:
            role, policy = str(resource.inputs.get("roleName")), str(resource.inputs.get("policyName"))
            for tenant in takers.get(role, ()):
                held.setdefault(tenant, []).append((f"the RAM role {role}", _read(documents.get(policy, ""))))
        elif resource.type == VOLUME:
            claim = resource.inputs["spec"].get("claimRef") or {}
            space, attributes = claim.get("namespace", ""), resource.inputs["spec"]["csi"]["volumeAttributes"]
            if space in seen.tenant_of and attributes.get("bucket"):
                path = str(attributes.get("path", "/")).lstrip("/")
                bucket = "*" if attributes["bucket"] == UNKNOWN else attributes["bucket"]
                mounted = _allowed(f"acs:oss:*:*:{bucket}/{path}*")
                held.setdefault(seen.tenant_of[space], []).append((f"the volume {claim['name']}", mounted))
        elif resource.type == BUCKET_POLICY:
            bucket, statements = str(resource.inputs.get("bucket")), _read(str(resource.inputs.get("policy")))
            # What is denied to some only does not keep the others out.
            denied[bucket] = [s for s in statements if s.effect == "Deny" and "*" in (s.principals or ("*",))]
            for statement in statements:
                for tenant in _grantees(statement, seen, takers, people) if statement.effect == "Allow" else ():
                    held.setdefault(tenant, []).append((f"the policy of {bucket}", [statement]))
    for space, name, point, _ in _dataset_mounts(resources):
        if space in seen.tenant_of and point.startswith("oss://"):
            mounted = _allowed(f"acs:oss:*:*:{point.removeprefix('oss://')}*")
            held.setdefault(seen.tenant_of[space], []).append((f"the dataset {name}", mounted))
    index = _AssetIndex(assets)
    for tenant, policies in held.items():
        for source, statements in policies:
            for asset in index.near(statements):
                bucket = asset.resource.partition("acs:oss:*:*:")[2].partition("/")[0]
                everything = [*statements, *denied.get(bucket, ())]
                context = {"acs:SecureTransport": "true"}
                if asset.tenant != tenant and ram_policies.could(everything, asset.action, asset.resource, context):
                    yield Way(tenant, asset.tenant, "data", f"{source} reads {asset.label}", asset.label)


def _dataset_mounts(resources: Sequence[Resource]) -> Iterator[tuple[str, str, str, bool]]:
    """What datasets show a namespace, as namespace, dataset, mount point and whether it is written: those that refer to
    another one show what that one mounts."""
    mounts: dict[str, list[Mapping[str, Any]]] = {}
    for resource in resources:
        if resource.type == DATASET:
            metadata = resource.inputs["metadata"]
            mounts[f"{metadata['namespace']}/{metadata['name']}"] = list(resource.inputs["spec"].get("mounts") or ())
    claims: dict[str, Mapping[str, Any]] = {}
    for resource in resources:
        if resource.type == VOLUME and (claim := resource.inputs["spec"].get("claimRef")):
            claims[f"{claim['namespace']}/{claim['name']}"] = resource.inputs["spec"]["csi"]["volumeAttributes"]
    # Caches themselves show nobody anything: who refers to them does.
    caches = _caches(resources)
    for resource in resources:
        if resource.type != DATASET:
            continue
        metadata, spec = resource.inputs["metadata"], resource.inputs["spec"]
        if f"{metadata['namespace']}/{metadata['name']}" in caches:
            continue
        writes = "ReadOnlyMany" not in (spec.get("accessModes") or ("ReadOnlyMany",))
        for mount in spec.get("mounts") or ():
            point = str(mount["mountPoint"])
            if not point.startswith("dataset://"):
                yield metadata["namespace"], metadata["name"], _through(point, metadata["namespace"], claims), writes
                continue
            space, name, *below = point.removeprefix("dataset://").split("/")
            for behind in mounts.get(f"{space}/{name}", ()):
                source = _through(str(behind["mountPoint"]), space, claims)
                # With one mount, a directory of the dataset is one of its source; of several, all count.
                part = f"{source.rstrip('/')}/{'/'.join(below)}/" if below and behind.get("path") == "/" else source
                yield metadata["namespace"], metadata["name"], part, writes


def _caches(resources: Sequence[Resource]) -> set[str]:
    """The datasets that others refer to, as namespace and name."""
    points = [
        str(mount["mountPoint"])
        for resource in resources
        if resource.type == DATASET
        for mount in resource.inputs["spec"].get("mounts") or ()
    ]
    return {"/".join(p.removeprefix("dataset://").split("/")[:2]) for p in points if p.startswith("dataset://")}


def _through(point: str, space: str, claims: Mapping[str, Mapping[str, Any]]) -> str:
    """A mount point, and of a claim what its volume shows."""
    if not point.startswith("pvc://"):
        return point
    claim, _, path = point.removeprefix("pvc://").partition("/")
    attributes = claims.get(f"{space}/{claim}", {})
    if attributes.get("bucket"):
        return f"oss://{attributes['bucket']}{str(attributes.get('path', '/')).rstrip('/')}/{path}"
    return f"{attributes['server']}{str(attributes.get('path', '/')).rstrip('/')}/{path}" if attributes else point


def _file_ways(resources: Sequence[Resource], seen: _Seen) -> Iterator[Way]:
    """Directories of file systems that two tenants see, one of them to write: by volumes, and by claims of classes."""
    classes: dict[str, str] = {}
    places: list[tuple[str, str, bool]] = []
    # What lies there serves caches, which count where they are shown.
    cached = {cache.partition("/")[0] for cache in _caches(resources)}
    for resource in resources:
        if resource.type == STORAGE_CLASS:
            server = (resource.inputs.get("parameters") or {}).get("server")
            classes[resource.inputs["metadata"]["name"]] = f"{server}/"
    for resource in resources:
        metadata, spec = resource.inputs.get("metadata") or {}, resource.inputs.get("spec") or {}
        if resource.type == VOLUME and (attributes := (spec.get("csi") or {}).get("volumeAttributes") or {}).get(
            "server"
        ):
            space = (spec.get("claimRef") or {}).get("namespace", "")
            if space in cached:
                continue
            place = f"{attributes['server']}:{str(attributes.get('path', '/')).rstrip('/')}/"
            places.append((seen.tenant_of.get(space, PLATFORM), place, not spec["csi"].get("readOnly")))
        elif resource.type == CLAIM and spec.get("storageClassName") in classes:
            # Each claim has a directory of its own, somewhere below that of the class.
            below = f"{classes[spec['storageClassName']]}{metadata.get('namespace')}-{metadata.get('name')}/"
            places.append((seen.tenant_of.get(metadata.get("namespace", ""), PLATFORM), below, True))
    for space, _, point, writes in _dataset_mounts(resources):
        if "://" not in point:
            server, _, path = point.partition("/")
            place = f"{server}:/{path.strip('/')}/" if path else f"{server}:/"
            places.append((seen.tenant_of.get(space, PLATFORM), place, writes))
    places.sort(key=lambda place: place[1])
    above: list[tuple[str, str, bool]] = []
    for tenant, place, writes in places:
        while above and not place.startswith(above[-1][1]):
            above.pop()
        for other, outer, also in above:
            if other != tenant and (writes or also):
                for source, target in ((tenant, other), (other, tenant)):
                    yield Way(source, target, "data", f"both see {outer}, and one writes it", outer)
        above.append((tenant, place, writes))


def _grantees(
    statement: ram_policies.Statement,
    seen: _Seen,
    takers: Mapping[str, Collection[str]],
    people: Mapping[str, Collection[str]],
) -> set[str]:
    """The tenants to which a statement of a bucket policy gives something. people: tenants by the number in RAM."""
    found: set[str] = set()
    for principal in statement.principals or ("*",):
        role = re.fullmatch(r"arn:sts::[^:]*:assumed-role/([^/*?]+)/.*", principal)
        if role:
            found.update(takers.get(role[1], ()))
        elif "*" in principal or "?" in principal:
            found.update(seen.tenant_of.values())
        else:
            found.update(people.get(principal, ()))
    return found


def _read(text: str) -> Sequence[ram_policies.Statement]:
    try:
        return ram_policies.parse_policy(text)
    except ram_policies.UnreadablePolicy:
        return _allowed("*")


def _allowed(resource: str) -> Sequence[ram_policies.Statement]:
    action = "*" if resource == "*" else "oss:GetObject"
    return ram_policies.parse_policy(document([{"Effect": "Allow", "Action": action, "Resource": resource}]))


class _AssetIndex:
    """Finds the assets that a statement may touch without trying them all."""

    def __init__(self, assets: Sequence[Asset]) -> None:
        self._assets = sorted(assets, key=lambda asset: _stem(asset.resource))
        self._stems = [_stem(asset.resource) for asset in self._assets]
        self._lengths = sorted({len(stem) for stem in self._stems})

    def near(self, statements: Sequence[ram_policies.Statement]) -> list[Asset]:
        """The assets whose fixed beginning begins with that of a statement's resource, or is its beginning."""
        found: dict[int, None] = {}
        for statement in statements:
            if statement.effect != "Allow":
                continue
            for resource in ("*",) if statement.not_resources else statement.resources:
                stem = _stem(resource)
                for length in self._lengths:
                    if length < len(stem):
                        found |= dict.fromkeys(self._range(stem[:length], stem[:length] + "\0"))
                # Without a wildcard it is that one thing, and not what is below it.
                end = "\0" if _is_literal(resource) else "\U0010ffff"
                found |= dict.fromkeys(self._range(stem, stem + end))
        return [self._assets[at] for at in found]

    def _range(self, first: str, end: str) -> range:
        return range(bisect_left(self._stems, first), bisect_left(self._stems, end))


ARN = re.compile(r"acs:[a-z]+:[^:]*:[^:]*:")


def _is_literal(resource: str) -> bool:
    """Whether a resource has no wildcard beyond region and account."""
    return not re.search(r"[*?]", ARN.sub("", resource, count=1))


def _stem(resource: str) -> str:
    """The part of a resource before its first wildcard, without region and account, which are wildcards by habit."""
    return re.split(r"[*?]", ARN.sub("", resource, count=1), maxsplit=1)[0]


def _quota_ways(seen: _Seen) -> Iterator[Way]:
    for space, tenant in seen.tenant_of.items():
        missing = [name for name in HELD if name not in seen.limited.get(space, ())]
        if missing:
            how = f"{space} has no limit of {', '.join(missing)}, so it can take what others were promised"
            yield Way(tenant, EVERYBODY, "quota", how)
