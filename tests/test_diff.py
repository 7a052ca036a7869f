"""Comparing two documents: what counts as a change, and what forces a replacement."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from stacks.preview.diff import compare, summary
from stacks.preview.document import (
    Document,
    DocumentCapacity,
    DocumentCost,
    DocumentPolicies,
    DocumentRange,
    DocumentResource,
)

SWITCH = "alicloud:vpc/switch:Switch"
NOTHING = DocumentRange(minimum=0, maximum=0)


def resource(inputs: Mapping[str, Any], type_token: str = SWITCH, **further: Any) -> DocumentResource:
    fields: dict[str, Any] = {
        "urn": "urn:pulumi:s::p::t::name",
        "type": type_token,
        "name": "name",
        "custom": True,
        "parent": "",
        "provider": "",
        "options": {},
        "dependencies": [],
        "property_dependencies": {},
        "unknown_outputs": [],
    }
    return DocumentResource.model_validate({**fields, "inputs": inputs, **further})


def document(*resources: DocumentResource) -> Document:
    return Document(
        environment="s",
        project="p",
        flavor="ack",
        region="cn-hangzhou",
        resources=resources,
        outputs={},
        findings=[],
        policies=DocumentPolicies(),
        capacity=DocumentCapacity(
            nodes=NOTHING,
            vcpu=NOTHING,
            memory_gib=NOTHING,
            gpus=NOTHING,
            pods=NOTHING,
            serverless_pods=0,
            gpus_by_model={},
            pools=[],
            addresses=[],
            address_needs=[],
            unknown_instance_types=[],
        ),
        cost=DocumentCost(price_date="", complete=True, totals={}, lines=[]),
    )


@pytest.mark.parametrize(
    ("before", "after", "action", "lines"),
    [
        (resource({"a": 1}), resource({"a": 1}), None, []),
        (resource({"tags": {"a": "1"}}), resource({"tags": {"a": "2"}}), "changed", ['tags.a: "1" -> "2"']),
        (
            resource({"cidrBlock": "10.0.0.0/24"}),
            resource({"cidrBlock": "10.0.0.0/23"}),
            "replaced",
            ['cidrBlock: "10.0.0.0/24" -> "10.0.0.0/23" (forces replacement)'],
        ),
        (resource({"list": [1, 2]}), resource({"list": [1, 3]}), "changed", ["list[1]: 2 -> 3"]),
        (resource({"list": [1]}), resource({"list": [1, 3]}), "changed", ["list: [1] -> [1, 3]"]),
        (resource({}), resource({"new": True}), "changed", ["new: absent -> true"]),
        (
            resource({"a": 1}, options={}),
            resource({"a": 1}, options={"protect": True}),
            "changed",
            ["options.protect: absent -> true"],
        ),
        (
            resource({"a": 1}, options={"replaceOnChanges": ["a"]}),
            resource({"a": 2}, options={"replaceOnChanges": ["a"]}),
            "replaced",
            ["a: 1 -> 2 (forces replacement)"],
        ),
        (
            resource({"addons": [1]}, options={"ignoreChanges": ["addons"]}),
            resource({"addons": [2]}, options={"ignoreChanges": ["addons"]}),
            None,
            [],
        ),
        (
            resource({"vpcId": "[unknown]"}, property_dependencies={"vpcId": ["urn:pulumi:s::p::t::one"]}),
            resource({"vpcId": "[unknown]"}, property_dependencies={"vpcId": ["urn:pulumi:s::p::t::two"]}),
            "replaced",
            ['vpcId: ["one"] -> ["two"] (forces replacement)'],
        ),
        (
            resource({"namespace": "a"}, "kubernetes:helm.sh/v3:Release"),
            resource({"namespace": "b"}, "kubernetes:helm.sh/v3:Release"),
            "replaced",
            ['namespace: "a" -> "b" (forces replacement)'],
        ),
        (
            resource({}, provider="one"),
            resource({}, provider="two"),
            "replaced",
            ['provider: "one" -> "two" (forces replacement)'],
        ),
    ],
)
def test_one_resource(
    before: DocumentResource, after: DocumentResource, action: str | None, lines: Sequence[str]
) -> None:
    changes = compare("main", document(before), document(after)).changes
    assert [change.action for change in changes] == ([action] if action else [])
    assert [line for change in changes for line in change.lines()] == lines


def test_a_replacement_drags_along_what_takes_its_value() -> None:
    cluster = "alicloud:cs/managedKubernetes:ManagedKubernetes"
    pool = resource(
        {"clusterId": "[unknown]"},
        "alicloud:cs/nodePool:NodePool",
        urn="urn:pulumi:s::p::t::pool",
        name="pool",
        property_dependencies={"clusterId": ["urn:pulumi:s::p::t::name"]},
    )
    entry = resource(
        {"target": "[unknown]"},
        "alicloud:dns/record:Record",
        urn="urn:pulumi:s::p::t::record",
        name="record",
        property_dependencies={"target": ["urn:pulumi:s::p::t::pool"]},
    )
    before = document(resource({"serviceCidr": "a"}, cluster), pool, entry)
    after = document(resource({"serviceCidr": "b"}, cluster), pool, entry)
    changes = compare("main", before, after).changes
    assert [(change.name, change.action, *change.lines()) for change in changes] == [
        ("name", "replaced", 'serviceCidr: "a" -> "b" (forces replacement)'),
        ("pool", "replaced", 'clusterId: "of name" -> "of name, replaced" (forces replacement)'),
        ("record", "changed", 'target: "of pool" -> "of pool, replaced"'),
    ]


def test_summary() -> None:
    other = resource({}, urn="urn:pulumi:s::p::t::other", name="other")
    assert summary(compare("main", document(other), document(resource({})))) == "1 to add, 1 to remove"
    assert summary(compare("main", None, document(other))) == "1 to add"
    assert summary(compare("main", document(other), document(other))) == "no change"


def test_components_do_not_count_in_the_summary() -> None:
    component = resource({}, custom=False)
    assert summary(compare("main", None, document(component))) == "no change"
