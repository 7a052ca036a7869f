"""Serverless pods on virtual nodes: sizes, limits, image caches, and the profile that sends pods there."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import Field

from . import catalog
from .catalog import ServerlessOffer
from .inputs import Args, Problem, one_of, require_valid

ComputeClass = Literal["general-purpose", "performance", "gpu"]
ComputeQos = Literal["default", "best-effort"]
Provider = Literal["acs", "eci"]


class ServerlessProfile(Args):
    """Pods that go to virtual nodes though their templates do not say so: an entry of ACK's ConfigMap `eci-profile`."""

    namespace_labels: Mapping[str, str] = {}
    """Labels of the pods' namespace, all of which must match."""

    pod_labels: Mapping[str, str] = {}
    """Labels of the pods, all of which must match. One of both kinds is required."""

    provider: Provider = "eci"
    """`eci`, or `acs` by adding the label `alibabacloud.com/acs`: that a profile may add this label is UNCONFIRMED on
    ACK managed clusters, so prefer job classes for ACS."""

    compute_class: Literal["general-purpose", "performance"] = "general-purpose"
    """ACS compute class. ECI has only `general-purpose`."""

    compute_qos: ComputeQos = "default"
    """`best-effort` is cheaper, and may be evicted with five minutes' notice. With `eci` it means spot."""


class ImageCache(Args):
    """An ECI image cache: images that ECI pods start from without pulling them. It is billed while it exists."""

    images: Annotated[Sequence[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=20)]
    """Images to hold, 1 to 20."""

    size_gib: Annotated[int, Field(ge=20, le=32_768)] = 20
    """Size in GiB; at least twice that of the images."""

    retention_days: Annotated[int, Field(ge=1)] | None = None
    """Days after which it is deleted. None: never."""

    pull_secrets: Sequence[Annotated[str, Field(pattern=r"^[a-z0-9-]+:[a-z0-9.-]+$")]] = ()
    """Pull secrets as `namespace:name`. Images of Container Registry in the same account need none."""


class ServerlessArgs(Args):
    """Serverless pods on virtual nodes, which take what the node pools cannot."""

    maximum_pods: Annotated[int, Field(ge=0, le=50_000)] = 0
    """Serverless pods that must find an address, at most 50,000 (ACK Pro with Terway). 0: none."""

    provider: Provider = "acs"
    """What job classes use: `acs` (compute classes and best-effort) or `eci`."""

    large_pods: bool = False
    """Whether a support ticket opened ACS pods of more than 16 vCPU or 128 GiB."""

    gpu_models: Sequence[str] = ()
    """GPU models for which the account was invited to ACS GPU pods, such as `A10`."""

    image_cache: bool = False
    """Whether ACS pods of job classes use ACS image caches, to which accounts are invited. Their images must then be
    pulled with `imagePullPolicy: Always`."""

    image_caches: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")], ImageCache] = {}
    """ECI image caches by name."""

    profiles: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")], ServerlessProfile] = {}
    """Profiles by name; the first that matches a pod counts, and what the pod says itself stays."""


def smallest_size(offer: ServerlessOffer, vcpu: float, memory_gib: float, *, large: bool) -> tuple[float, float] | None:
    """The size that a pod is rounded up to, as vCPU and GiB: no more vCPU than needed, then the least memory.

    large: whether sizes that need a ticket count. None: larger than any.
    """
    sizes = [*offer.sizes, *(offer.ticket_sizes if large else ())]
    return min((size for size in sizes if size[0] >= vcpu and size[1] >= memory_gib), default=None)


def pod_labels(provider: Provider, compute_class: ComputeClass, qos: ComputeQos) -> dict[str, str]:
    """The labels that send a pod to ACS or ECI. They belong into pod templates, never into selectors."""
    if provider == "eci":
        return {"alibabacloud.com/eci": "true"}
    return {
        "alibabacloud.com/acs": "true",
        "alibabacloud.com/compute-class": compute_class,
        "alibabacloud.com/compute-qos": qos,
    }


def pod_annotations(provider: Provider, qos: ComputeQos) -> dict[str, str]:
    """The annotations that go with the labels: ECI calls its spot pods by annotation."""
    if provider == "eci" and qos == "best-effort":
        return {"k8s.aliyun.com/eci-spot-strategy": "SpotAsPriceGo", "k8s.aliyun.com/eci-spot-fallback": "true"}
    return {}


def serverless_problems(args: ServerlessArgs, region: str, zones: Sequence[str]) -> list[Problem]:
    """What is wrong with serverless pods in a region and its zones; paths are relative to `serverless`."""
    problems: list[Problem] = []
    offers = catalog.serverless()
    models = offers["acs"].gpus
    for index, model in enumerate(args.gpu_models):
        if model not in models:
            problems.append(Problem(f"gpuModels[{index}]", model, one_of(model, models, "a GPU model of ACS")))
    if len(set(args.gpu_models)) < len(args.gpu_models):
        problems.append(Problem("gpuModels", list(args.gpu_models), "names one twice"))
    for key, value in (("gpuModels", list(args.gpu_models)), ("imageCache", args.image_cache)):
        if value and args.provider != "acs":
            problems.append(Problem(key, value, "is for ACS pods; needs provider: acs"))
    if not args.maximum_pods:
        for key, value in (("profiles", args.profiles), ("imageCaches", args.image_caches)):
            if value:
                problems.append(Problem(key, sorted(value), "need maximumPods above 0: there are no serverless pods"))
    else:
        problems += _place_problems("provider", args.provider, region, zones)
    for name, profile in args.profiles.items():
        path = f"profiles.{name}"
        if not profile.namespace_labels and not profile.pod_labels:
            message = "matches every pod of the cluster; give namespaceLabels or podLabels"
            problems.append(Problem(path, None, message))
        if args.maximum_pods and profile.provider != args.provider:
            problems += _place_problems(f"{path}.provider", profile.provider, region, zones)
        if profile.provider == "eci" and profile.compute_class != "general-purpose":
            problems.append(Problem(f"{path}.computeClass", profile.compute_class, "ECI has only general-purpose"))
    return problems


def _place_problems(path: str, provider: Provider, region: str, zones: Sequence[str]) -> list[Problem]:
    """Whether a provider is offered in a region and its zones, as far as sources tell."""
    offer = catalog.serverless()[provider]
    if offer.regions and region in catalog.regions() and region not in offer.regions:
        names = ", ".join(sorted(offer.regions))
        return [Problem(path, provider, f"{provider.upper()} is not open in {region}; open: {names}")]
    sourced = sorted(zone for zone in offer.zones if zone.startswith(f"{region}-"))
    closed = [zone for zone in zones if sourced and zone not in sourced]
    if not closed:
        return []
    message = f"{provider.upper()} is not offered in {', '.join(closed)}; use zones out of {', '.join(sourced)}"
    return [Problem(path, provider, message)]


def profile_selectors(profiles: Mapping[str, ServerlessProfile]) -> list[dict[str, Any]]:
    """The content of the key `selectors` of ACK's ConfigMap `eci-profile`.

    Source: ACK page on configuring an eci-profile, 2026-03-26.
    """
    selectors: list[dict[str, Any]] = []
    for name, profile in profiles.items():
        effect: dict[str, Any] = {}
        labels = pod_labels(profile.provider, profile.compute_class, profile.compute_qos)
        if profile.provider == "acs":
            # A match alone sends a pod to ECI, so only ACS needs labels.
            effect["labels"] = labels
        annotations = pod_annotations(profile.provider, profile.compute_qos)
        if annotations:
            effect["annotations"] = annotations
        selector: dict[str, Any] = {"name": name}
        if profile.namespace_labels:
            selector["namespaceSelector"] = {"matchLabels": dict(profile.namespace_labels)}
        if profile.pod_labels:
            selector["objectSelector"] = {"matchLabels": dict(profile.pod_labels)}
        selectors.append({**selector, **({"effect": effect} if effect else {})})
    return selectors


class Serverless(pulumi.ComponentResource):
    """Profiles and image caches of a cluster's serverless pods.

    The virtual node itself is the system `virtual-node`: let this depend on it. Needs a Kubernetes provider of the
    cluster in `opts`.
    """

    def __init__(
        self,
        resource_name: str,
        args: ServerlessArgs,
        *,
        region: str,
        zones: Sequence[str] = (),
        deleted_with: pulumi.Resource | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register profiles and image caches.

        deleted_with: the cluster's resource, whose end makes their removal needless. Raises `InvalidInput` with all
        problems before anything is registered.
        """
        require_valid(serverless_problems(args, region, zones))
        super().__init__("ack-ai-blueprint:serverless:Serverless", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self, deleted_with=deleted_with)
        if args.profiles:
            # The add-on makes this ConfigMap and keeps its vSwitches there, so only one key of it is ours.
            kubernetes.core.v1.ConfigMapPatch(
                f"{resource_name}-profiles",
                metadata={
                    "name": "eci-profile",
                    "namespace": "kube-system",
                    "annotations": {"pulumi.com/patchForce": "true"},
                },
                data={"selectors": json.dumps(profile_selectors(args.profiles), separators=(",", ":"))},
                opts=child,
            )
        for name, cache in args.image_caches.items():
            kubernetes.apiextensions.CustomResource(
                f"{resource_name}-image-cache-{name}",
                api_version="eci.alibabacloud.com/v1",
                kind="ImageCache",
                metadata={"name": name},
                spec={
                    "images": list(cache.images),
                    "imageCacheSize": cache.size_gib,
                    **({"retentionDays": cache.retention_days} if cache.retention_days else {}),
                    **({"imagePullSecrets": list(cache.pull_secrets)} if cache.pull_secrets else {}),
                },
                opts=child,
            )
        self.register_outputs({})
