"""`make bench`: what a preview of production costs beside what it cannot do without, and how it grows.

Figures of one run on one machine: read the ratios, not the seconds.
"""

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from components.inputs import Args
from stacks.loading import DIRECTORY, PROJECT, StackConfig, read_stack_config

RUNS = 11
GROWTH = (10, 100, 1000)
FLEET = (50, 100, 200, 500)
ROOT = DIRECTORY.parent

FLOOR = """
import asyncio, importlib, json, os, sys
import pulumi, pulumi_alicloud, pulumi_kubernetes, pulumi_policy
from pulumi.runtime import mocks, stack

class Echo(mocks.Mocks):
    def new_resource(self, args):
        return "", args.inputs
    def call(self, args):
        return {}

resources = json.loads(sys.stdin.read())

def program():
    for index, (module, name, token, inputs) in enumerate(resources):
        getattr(importlib.import_module(module), name)
        pulumi.CustomResource(token, f"bare-{index}", inputs)

loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
mocks.set_mocks(Echo(), preview=True)
loop.run_until_complete(stack.run_pulumi_func(program))
loop.close()
"""
"""The same SDK modules, and as many resources with the same inputs, in Pulumi's own mock runtime: nothing of ours."""
SHORT_FLOOR = f"import gc; gc.disable()\n{FLOOR}\nos._exit(0)"
"""The same with the two shortcuts that the preview takes: nothing is collected, and nothing freed at the end."""


class Figure(Args):
    """Median, minimum and maximum of several runs, in seconds."""

    median: float
    minimum: float
    maximum: float


def timed(commands: Sequence[Sequence[str]], stdin: str) -> Sequence[Figure]:
    """Time commands as whole processes, in turns so that a busy moment hits all of them, after a round not counted."""
    seconds: list[list[float]] = [[] for _ in commands]
    for turn in range(RUNS + 1):
        for command, own in zip(commands, seconds, strict=True):
            start = time.perf_counter()
            subprocess.run(command, input=stdin, cwd=ROOT, check=True, text=True, stdout=subprocess.DEVNULL)
            if turn:
                own.append(time.perf_counter() - start)
    return [Figure(median=statistics.median(own), minimum=min(own), maximum=max(own)) for own in seconds]


def preview_of_production() -> None:
    """The preview beside the same imports and the same number of bare resources, without and with its shortcuts."""
    resources = _production_resources()
    python = sys.executable
    commands = ([python, "-m", "stacks.preview", "prod"], [python, "-c", FLOOR], [python, "-c", SHORT_FLOOR])
    preview, floor, short_floor = timed(commands, json.dumps(resources))
    print(f"Preview of prod, {len(resources)} resources, {RUNS} runs each; median (minimum to maximum) in seconds")
    for name, figure in (
        ("whole command", preview),
        ("SDK imports and bare resources", floor),
        ("the same with its shortcuts", short_floor),
    ):
        print(f"  {name:32} {figure.median:6.2f}  ({figure.minimum:.2f} to {figure.maximum:.2f})")
    for name, figure in (("own share of the whole", floor), ("own share, its shortcuts given", short_floor)):
        print(f"  {name:32} {1 - figure.median / preview.median:6.0%}")


def _production_resources() -> list[tuple[str, str, str, dict[str, object]]]:
    """SDK module, class, type token and inputs of every resource of the two SDKs."""
    command = [sys.executable, "-m", "stacks.preview", "prod", "--format", "json"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found: list[tuple[str, str, str, dict[str, object]]] = []
    for resource in json.loads(output)["resources"]:
        package, module, name = resource["type"].split(":")
        group, _, version = module.partition("/")
        path = f"pulumi_alicloud.{group}"
        if package == "kubernetes":
            own = "." not in group or (group.endswith(".k8s.io") and not group.endswith(".sigs.k8s.io"))
            path = (
                f"pulumi_kubernetes.{group.partition('.')[0]}.{version}" if own else "pulumi_kubernetes.apiextensions"
            )
            name = name if own else "CustomResource"
        if package in ("alicloud", "kubernetes"):
            found.append((path, name, resource["type"], resource["inputs"]))
    return found


def rules() -> None:
    """What the rules of the pack take of a preview of production, by a thousand resources, and which take most."""
    from policies.evaluation import evaluate, settings
    from policies.rules import RULES
    from stacks.loading import load_environment
    from stacks.policy_config import policy_config
    from stacks.preview.findings import recorded_resources
    from stacks.preview.recording import record_environment

    gc.disable()  # As the preview does.
    config = read_stack_config("prod")
    whole, _ = preview_of({}, "prod")
    environment = load_environment("prod", config)
    resources = recorded_resources(record_environment("prod", config))
    said = settings(RULES, policy_config(environment, "prod"))
    seconds: dict[str, float] = {}
    for rule in RULES:
        start = time.perf_counter()
        evaluate([rule], resources, said)
        seconds[rule.name] = time.perf_counter() - start
    total = sum(seconds.values())
    most = sorted(seconds, key=lambda name: -seconds[name])[:5]
    print(f"\n{len(RULES)} rules over {len(resources)} registrations of prod, one run in one process")
    print(f"  a thousand resources             {1000 * total / len(resources):6.2f} s")
    print(f"  share of the whole preview       {total / whole:6.0%}")
    print(f"  most: {', '.join(f'{name} {seconds[name] / total:.0%}' for name in most)}")


def growth() -> None:
    """Time to load, record, judge and price an environment with many pools and buckets, and with many tenants."""
    gc.disable()  # As the preview does.
    for what, counts, values in (("pools and buckets", GROWTH, with_pools), ("tenants", FLEET, with_tenants)):
        print(f"\nGrowth with {what}, one run each, within one process")
        print(f"  {what:>18} {'resources':>10} {'seconds':>9} {'ms a resource':>14}")
        for count in counts:
            seconds, resources = preview_of(values(count))
            print(f"  {count:18,} {resources:10,} {seconds:9.2f} {1000 * seconds / resources:14.2f}")


def with_pools(count: int) -> dict[str, object]:
    """Sections of an environment with this many pools and buckets, half each."""
    half = count // 2
    pool = {"kind": "cpu", "instanceTypes": ["ecs.g8i.2xlarge"], "size": 1, "maxPods": 16}
    return {
        "nodePools": {f"pool-{index}": pool for index in range(half)},
        "buckets": {f"bucket-{index}": {} for index in range(half)},
        "network": {
            "cidr": "10.0.0.0/12",
            "zones": ["cn-hangzhou-h"],
            "scalePerZone": {"nodes": half + 50, "pods": 50_000},
        },
        "serviceQuotas": {"nodePoolsPerCluster": half + 50},
    }


def with_tenants(count: int) -> dict[str, object]:
    """Sections of an environment with this many tenants, each with a namespace, two kinds of jobs and its data."""
    return {
        "tenants": {
            f"team-{index:03}": {
                "owners": [f"ram-user/{index + 1}"],
                "engineers": [f"ram-user/{count + index + 1}"],
                "costCenter": "fleet",
                "namespaces": {f"team-{index:03}": {"jobs": ["ray", "spark"]}},
                "prefixes": {"raw": {"bucket": "raw"}},
                "resources": {"vcpu": {"maximum": 1}, "memoryGib": {"maximum": 4}, "pods": 4},
            }
            for index in range(count)
        },
        "serviceQuotas": {"ramRoles": 2 * count + 50, "ramPolicies": 2 * count + 50},
    }


def preview_of(sections: Mapping[str, object], stack: str = "dev") -> tuple[float, int]:
    """Preview an environment with other sections; give the seconds and the number of resources."""
    from policies.rules import RULES
    from stacks.loading import load_environment
    from stacks.policy_config import policy_config
    from stacks.preview.document import build
    from stacks.preview.findings import run_policies
    from stacks.preview.recording import record_environment

    values = dict(read_stack_config(stack).values)
    sections = {"quotas": {}, **sections} if sections else {}
    values |= {f"{PROJECT}:{key}": json.dumps(value) for key, value in sections.items()}
    config = StackConfig(values)
    start = time.perf_counter()
    environment = load_environment(stack, config)
    recording = record_environment(stack, config)
    findings = run_policies(recording, RULES, policy_config(environment, stack))
    document = build(environment, recording, findings)
    return time.perf_counter() - start, len(document.resources)


if __name__ == "__main__":
    preview_of_production()
    rules()
    growth()
