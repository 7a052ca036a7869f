"""Alarms on object storage: CloudMonitor events of throttling, metrics of bandwidth and errors, and whom they reach."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from .inputs import Args, Problem, require_valid

THROTTLED_EVENTS: Mapping[str, Sequence[str]] = {
    "INFO": (
        *("BucketEgressBandwidth", "BucketIngressBandwidth", "BucketQps"),
        *("UserEgressBandwidth", "UserIngressBandwidth", "UserQps"),
    ),
    "WARN": (
        *("BucketEgressBandwidthThresholdExceeded", "BucketIngressBandwidthThresholdExceeded"),
        *("BucketQpsThresholdExceeded", "UserEgressBandwidthThresholdExceeded"),
        *("UserIngressBandwidthThresholdExceeded", "UserQpsThresholdExceeded"),
    ),
}
"""System events of OSS: INFO at 80 % of a throttle, WARN when it is exceeded, for buckets and for the account ("User").
There is none for requesters, bucket groups or pools. Source: help.aliyun.com/zh/oss/oss-system-events, 2026-03-20."""

BYTES_A_MINUTE = 7_500_000_000
"""Bytes that 1 Gbit/s moves in 60 seconds, the period of OSS metrics."""

BANDWIDTH_METRICS: Mapping[str, tuple[str, str]] = {
    "upload": ("InternetRecv", "IntranetRecv"),
    "download": ("InternetSend", "IntranetSend"),
}
"""Bytes a minute of a bucket, by Internet and intranet; namespace acs_oss_dashboard.
Source: alibabacloud.com/help/en/oss/user-guide/access-monitoring-data, 2026-03-24."""


@dataclass(frozen=True)
class CloudAlarm:
    """An alarm that CloudMonitor raises, not Prometheus. meaning: what it does to whom; steps: what to do."""

    severity: Literal["critical", "warning"]
    meaning: str
    steps: Sequence[str]


STORAGE_ALARMS: Mapping[str, CloudAlarm] = {
    "BucketNearThrottle": CloudAlarm(
        "warning",
        "A bucket, or the account, has reached 80 % of a throttle: soon requests wait or are refused.",
        (
            "The event names the bucket and the direction; CloudMonitor shows who began when.",
            "Look at the dashboard Storage and throttling: do caches read what they should have?",
            "Move guarantees between traffic classes (`throttling.classes`), or ask for a larger pool.",
        ),
    ),
    "BucketThrottled": CloudAlarm(
        "critical",
        "A throttle is exceeded: requests to the bucket wait, or are refused with 503 and tried again.",
        (
            "Jobs of high priority suffer? Lower `maximum` of the class that takes the bandwidth: it works in minutes.",
            "Look for jobs that began when the event did, and start them with fewer readers.",
            "A cache in front of what many read (`datasets`) takes the load off the bucket.",
        ),
    ),
    "BucketBandwidthHigh": CloudAlarm(
        "warning",
        "A bucket moves most of what it may, by its own metrics, for three minutes.",
        ("As for BucketNearThrottle.",),
    ),
    "BucketServerErrors": CloudAlarm(
        "critical",
        "The service itself fails requests to a bucket; clients try again, and jobs slow down or fail.",
        (
            "CloudMonitor, OSS, the bucket: which errors, since when?",
            "status.alibabacloud.com: is it the region? Otherwise open a ticket with some request ids.",
        ),
    ),
}
"""The alarms on buckets, which have no metrics in Prometheus."""


class NotificationArgs(Args):
    """Whom alarms reach."""

    mail: Sequence[Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]] = ()
    """Mail addresses. Each must be confirmed by hand, by the link that CloudMonitor sends."""

    dingtalk: Sequence[Annotated[str, Field(pattern=r"^https://oapi\.dingtalk\.com/.+$")]] = ()
    """Web hooks of DingTalk robots."""

    webhooks: Annotated[Sequence[Annotated[str, Field(pattern=r"^https://.+$")]], Field(max_length=5)] = ()
    """Addresses that get events as JSON by POST, at most 5."""

    @property
    def silent(self) -> bool:
        """Whether nobody is told."""
        return not (self.mail or self.dingtalk or self.webhooks)


class StorageAlarmArgs(Args):
    """Alarms on buckets. They need `notifications`."""

    throttling: bool = True
    """Whether the events of throttling are told: 80 % of a throttle reached, and exceeded."""

    event_product: str = "oss"
    """How CloudMonitor spells the product; whether `oss` or `OSS` is UNCONFIRMED."""

    bandwidth_percent: Annotated[int, Field(ge=1, le=100)] = 80
    """Share of a bucket's bandwidth limit from which on its metrics alarm."""

    server_error_percent: Annotated[float, Field(gt=0, le=100)] = 1
    """Share of requests that fail in the service from which on a bucket alarms."""

    silence_minutes: Annotated[int, Field(ge=5, le=1440)] = 30
    """Minutes until the same alarm is told again."""


def alarm_problems(args: NotificationArgs) -> list[Problem]:
    """What is wrong with notifications; paths are relative to them."""
    problems: list[Problem] = []
    for key, values in (("mail", args.mail), ("dingtalk", args.dingtalk), ("webhooks", args.webhooks)):
        doubled = sorted({value for value in values if values.count(value) > 1})
        if doubled:
            problems.append(Problem(key, list(values), f"names {', '.join(doubled)} twice"))
    if args.webhooks and not (args.mail or args.dingtalk):
        message = "get events alone; alarms on metrics need mail or dingtalk beside them"
        problems.append(Problem("webhooks", list(args.webhooks), message))
    return problems


def bandwidth_threshold(gigabits: float, percent: int) -> str:
    """Bytes a minute that are a share of a bandwidth in Gbit/s, as CloudMonitor wants thresholds."""
    return str(round(gigabits * percent / 100 * BYTES_A_MINUTE))


class StorageAlarms(pulumi.ComponentResource):
    """Contacts, a rule for the events of throttling, and metric alarms of buckets.

    Example:

        StorageAlarms("storage-alarms", NotificationArgs(mail=["ops@example.com"]), name="acme-dev",
                      buckets={"raw": raw.name}, limits={"raw": {"download": 20}})
    """

    contact_group: pulumi.Output[str]
    """Name of the group that alarms reach."""

    def __init__(
        self,
        resource_name: str,
        notifications: NotificationArgs,
        args: StorageAlarmArgs | None = None,
        *,
        name: str,
        buckets: Mapping[str, pulumi.Input[str]],
        limits: Mapping[str, Mapping[str, float]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register contacts, rule and alarms.

        name: first part of the names in CloudMonitor; buckets: names by role; limits: bandwidth in Gbit/s by role and
        direction (`upload`, `download`), for the alarms on it. Raises `InvalidInput` with all problems before anything
        is registered.
        """
        args = args or StorageAlarmArgs()
        problems = alarm_problems(notifications)
        if notifications.silent:
            problems.append(Problem("mail", None, "missing; name somebody who is told"))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:alarms:StorageAlarms", resource_name, None, opts)
        group = self._contacts(resource_name, notifications, name)
        self.contact_group = group.alarm_contact_group_name
        if args.throttling:
            self._events(resource_name, notifications, args, name, group)
        for role, bucket in buckets.items():
            self._metrics(resource_name, args, name, role, bucket, (limits or {}).get(role, {}), group)
        self.register_outputs({"contactGroup": self.contact_group})

    def _contacts(
        self, resource_name: str, notifications: NotificationArgs, name: str
    ) -> alicloud.cms.AlarmContactGroup:
        channels = [
            *({"channels_mail": address} for address in notifications.mail),
            *({"channels_ding_web_hook": address} for address in notifications.dingtalk),
        ]
        contacts = [
            alicloud.cms.AlarmContact(
                f"{resource_name}-contact-{key}",
                # 40 characters at most. Another address is another contact: this one's is not looked at again.
                alarm_contact_name=f"{name[:31]}-{key}",
                describe=f"Alarms of {name}",
                **channel,
                # Until an address is confirmed, the service gives it back as empty.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["channelsMail"]),
            )
            for channel in channels
            for key in (hashlib.sha256(next(iter(channel.values())).encode()).hexdigest()[:8],)
        ]
        return alicloud.cms.AlarmContactGroup(
            f"{resource_name}-contacts",
            alarm_contact_group_name=name,
            describe=f"Alarms of {name}",
            contacts=[contact.alarm_contact_name for contact in contacts],
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _events(
        self,
        resource_name: str,
        notifications: NotificationArgs,
        args: StorageAlarmArgs,
        name: str,
        group: alicloud.cms.AlarmContactGroup,
    ) -> None:
        for level, events in THROTTLED_EVENTS.items():
            alicloud.cms.EventRule(
                f"{resource_name}-throttling-{level.lower()}",
                rule_name=f"{name}-oss-throttling-{level.lower()}",
                description=f"OSS throttling: {'80 % of a limit reached' if level == 'INFO' else 'a limit exceeded'}",
                status="ENABLED",
                silence_time=args.silence_minutes * 60,
                event_pattern={
                    "product": args.event_product,
                    "name_lists": list(events),
                    "level_lists": [level],
                    "event_type_lists": ["*"],
                },
                contact_parameters=[
                    {
                        "contact_parameters_id": "1",
                        "contact_group_name": group.alarm_contact_group_name,
                        # The vendor's example; what each level means is UNCONFIRMED.
                        "level": "3",
                    }
                ],
                webhook_parameters=[
                    {"webhook_parameters_id": str(index), "method": "POST", "protocol": "https", "url": url}
                    for index, url in enumerate(notifications.webhooks, 2)
                ]
                or None,
                opts=pulumi.ResourceOptions(parent=self),
            )

    def _metrics(
        self,
        resource_name: str,
        args: StorageAlarmArgs,
        name: str,
        role: str,
        bucket: pulumi.Input[str],
        limits: Mapping[str, float],
        group: alicloud.cms.AlarmContactGroup,
    ) -> None:
        dimensions = pulumi.Output.from_input(bucket).apply(lambda value: json.dumps([{"BucketName": value}]))
        alarms = [("errors", "ServerErrorRate", f"{args.server_error_percent:g}")]
        alarms += [
            (f"{direction}-{where}", metric, bandwidth_threshold(limits[direction], args.bandwidth_percent))
            for direction, metrics in BANDWIDTH_METRICS.items()
            if direction in limits
            for where, metric in zip(("internet", "intranet"), metrics, strict=True)
        ]
        for kind, metric, threshold in alarms:
            alicloud.cms.Alarm(
                f"{resource_name}-{role}-{kind}",
                name=f"{name}-{role}-{kind}",
                project="acs_oss_dashboard",
                metric=metric,
                metric_dimensions=dimensions,
                period=60,
                escalations_warn={
                    "statistics": "Value",
                    "comparison_operator": ">=",
                    "threshold": threshold,
                    "times": 3,
                },
                contact_groups=[group.alarm_contact_group_name],
                silence_time=args.silence_minutes * 60,
                opts=pulumi.ResourceOptions(parent=self),
            )
