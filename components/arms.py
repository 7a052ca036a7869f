"""Whom alarms of managed Prometheus reach: contacts and dispatch rules of ARMS."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_alicloud as alicloud

ALARM_NAME = "_aliyun_arms_alert_name"
"""Key by which a dispatch rule knows alarms by name. Source: terraform-provider-alicloud @81c43b6,
website/docs/r/arms_dispatch_rule."""

CHANNELS: Mapping[str, str] = {"mail": "email", "phone": "sms", "dingtalk": "dingTalk"}
"""How a dispatch rule calls the ways to reach somebody. Source: the same page."""


@dataclass(frozen=True)
class Contact:
    """Somebody who can be told. name: in ARMS."""

    name: str
    resource: alicloud.arms.AlertContact


def contacts(
    resource_name: str,
    name: str,
    opts: pulumi.ResourceOptions,
    *,
    mail: Iterable[str] = (),
    phone: Iterable[str] = (),
    dingtalk: Iterable[str] = (),
) -> list[Contact]:
    """A contact for each address. resource_name, name: first parts of their names."""

    def contact(address: str, **way: str) -> Contact:
        # Another address is another contact: what was confirmed for one must not stand for the other.
        key = hashlib.sha256(address.encode()).hexdigest()[:8]
        full = f"{name}-{key}"
        resource = alicloud.arms.AlertContact(
            f"{resource_name}-{key}",
            alert_contact_name=full,
            email=way.get("email"),
            phone_num=way.get("phone"),
            # Whoever has the address can write to the group.
            ding_robot_webhook_url=pulumi.Output.secret(way["robot"]) if "robot" in way else None,
            opts=opts,
        )
        return Contact(full, resource)

    return [
        *(contact(address, email=address) for address in mail),
        *(contact(number, phone=number) for number in phone),
        *(contact(address, robot=address) for address in dingtalk),
    ]


def dispatch_rule(
    resource_name: str,
    name: str,
    pattern: str,
    objects: Sequence[alicloud.arms.DispatchRuleNotifyRuleNotifyObjectArgsDict],
    channels: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> alicloud.arms.DispatchRule:
    """A rule that tells some of alarms whose name matches a pattern. channels: keys of `CHANNELS`.

    Alarms name their rule themselves; the pattern must match no others of the account. Waits are those of the vendor's
    examples, their units UNCONFIRMED.
    """
    return alicloud.arms.DispatchRule(
        resource_name,
        dispatch_rule_name=name,
        dispatch_type="CREATE_ALERT",
        is_recover=True,
        group_rules=[
            {"group_wait_time": 5, "group_interval": 15, "repeat_interval": 600, "grouping_fields": ["alertname"]}
        ],
        label_match_expression_grids=[
            {
                "label_match_expression_groups": [
                    {"label_match_expressions": [{"key": ALARM_NAME, "operator": "re", "value": pattern}]}
                ]
            }
        ],
        notify_rules=[
            {
                "notify_objects": list(objects),
                "notify_channels": [CHANNELS[channel] for channel in channels],
                "notify_start_time": "00:00",
                "notify_end_time": "23:59",
            }
        ],
        opts=opts,
    )
