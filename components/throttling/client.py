"""Calls of resource pool QoS, over the generic operation of Alibaba Cloud's OSS SDK, which has no typed ones.

Sources: alibabacloud.com/help/en/oss/developer-reference/ resource-pool-qos-operations for the calls; the package
alibabacloud-oss-v2 1.4.1 for signing and errors. Retries are ours: the SDK's do not honour Retry-After.
"""

import base64
import contextlib
import hashlib
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .wire import (
    Malformed,
    PriorityDocument,
    Qos,
    read_page,
    read_priorities,
    read_qos,
    write_priorities,
    write_qos,
)

ENDPOINT = "OSS_THROTTLING_ENDPOINT"
"""Environment variable with another endpoint, for tests: on this machine only, so that no signed call leaves it."""

BACKOFF = "OSS_THROTTLING_BACKOFF_SECONDS"
"""Environment variable: the first wait before a call is repeated. Each further one is twice as long."""

TIMEOUT = "OSS_THROTTLING_TIMEOUT_SECONDS"
"""Environment variable: how long a call may take to be answered."""

CREDENTIALS: Sequence[tuple[str, str, str]] = (
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    ("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_SECURITY_TOKEN"),
    ("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN"),
)
"""Environment variables with key id, secret and token (optional); the first pair that is complete counts. The names are
those of Alibaba Cloud's SDKs, of its Pulumi provider and of the OSS SDK."""

ACTIONS: Sequence[str] = (
    "oss:DeleteBucketQoSInfo",
    "oss:DeleteBucketRequesterQoSInfo",
    "oss:DeleteResourcePoolBucketGroupQoSInfo",
    "oss:DeleteResourcePoolPriorityQosConfiguration",
    "oss:DeleteResourcePoolRequesterPriorityQosConfiguration",
    "oss:DeleteResourcePoolRequesterQoSInfo",
    "oss:GetBucketQoSInfo",
    "oss:GetBucketRequesterQoSInfo",
    "oss:GetResourcePoolBucketGroupQoSInfo",
    "oss:GetResourcePoolInfo",
    "oss:GetResourcePoolPriorityQosConfiguration",
    "oss:GetResourcePoolRequesterPriorityQosConfiguration",
    "oss:GetResourcePoolRequesterQoSInfo",
    "oss:ListResourcePoolBucketGroups",
    "oss:ListResourcePoolBuckets",
    "oss:ListResourcePools",
    "oss:PutBucketQoSInfo",
    "oss:PutBucketRequesterQoSInfo",
    "oss:PutBucketResourcePoolBucketGroup",
    "oss:PutResourcePoolBucketGroupQoSInfo",
    "oss:PutResourcePoolPriorityQosConfiguration",
    "oss:PutResourcePoolRequesterPriorityQosConfiguration",
    "oss:PutResourcePoolRequesterQoSInfo",
)
"""What a RAM identity must be allowed for all of this. The form of a pool's ARN is UNCONFIRMED, so on Resource "*"."""

ATTEMPTS = 6
LONGEST_WAIT = 60.0
BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})
"""Statuses after which a call is repeated; all calls here may be, as they say what is to be, not what to change."""

PAGE = 100


T = TypeVar("T")


class ThrottlingError(Exception):
    """A call that failed, in words that say where and what to do. It holds no credentials.

    retry_after: seconds that the service asks to wait.
    """

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class MissingCredentials(ThrottlingError):
    """There are no credentials in the environment."""


class NotFound(ThrottlingError):
    """404: the pool, the bucket or the setting is not there."""


class NotAllowed(ThrottlingError):
    """403: the identity may not make this call."""


class Refused(ThrottlingError):
    """400 and other refusals of the request itself."""


class Busy(ThrottlingError):
    """409, 429 or 5xx, still after all attempts."""


class Unanswered(ThrottlingError):
    """No answer, or one that was cut short, after all attempts: what was written may or may not have been taken."""


class NotInPool(ThrottlingError):
    """The bucket is not in the pool, and no API can put it there."""


@dataclass(frozen=True)
class Place:
    """Where a call goes: a pool, and where they are given a bucket, a group or a requester in it."""

    region: str
    pool: str = ""
    bucket: str = ""
    group: str = ""
    requester: str = ""

    def __str__(self) -> str:
        parts = {"requester": self.requester, "bucket": self.bucket, "group": self.group, "resource pool": self.pool}
        return ", ".join([*(f"{what} {name}" for what, name in parts.items() if name), f"region {self.region}"])


@dataclass(frozen=True)
class Credentials:
    """An access key. It is never shown."""

    key_id: str
    secret: str
    token: str | None = None

    def __repr__(self) -> str:
        return "Credentials(...)"

    def hidden_in(self, text: str) -> str:
        """The text without any part of them."""
        for part in (self.secret, self.token, self.key_id):
            text = text.replace(part, "[hidden]") if part else text
        return text


def credentials_from(environment: Mapping[str, str]) -> Credentials:
    """The credentials in environment variables."""
    for key_id, secret, token in CREDENTIALS:
        if environment.get(key_id) and environment.get(secret):
            return Credentials(environment[key_id], environment[secret], environment.get(token) or None)
    names = "; ".join(f"{key_id} and {secret}" for key_id, secret, _ in CREDENTIALS)
    raise MissingCredentials(
        f"OSS throttling needs an access key in environment variables: {names}. Profiles, instance roles and the "
        "stack's configuration are not read."
    )


def _seconds(variables: Mapping[str, str], name: str, default: float) -> float:
    try:
        return float(variables.get(name) or default)
    except ValueError:
        raise ThrottlingError(f"{name} = {variables[name]!r} is not a number of seconds") from None


@dataclass(frozen=True)
class PoolBucket:
    """A bucket in a pool. group: None where the list does not tell, "" for none."""

    name: str
    group: str | None


@dataclass(frozen=True)
class _Call:
    """What is sent. bucket: whether to the bucket's host rather than the region's."""

    operation: str
    method: str
    place: Place
    query: Mapping[str, str]
    body: bytes = b""
    bucket: bool = False


class ThrottlingClient:
    """The calls. One object serves all threads: each has its own connection."""

    def __init__(
        self, region: str, environment: Mapping[str, str] | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Raises `MissingCredentials`. environment: variables, those of the process if None."""
        variables = os.environ if environment is None else environment
        self.region = region
        self._credentials = credentials_from(variables)
        self._endpoint = variables.get(ENDPOINT) or None
        if self._endpoint and urlsplit(self._endpoint).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ThrottlingError(f"{ENDPOINT} is for tests on this machine; unset it")
        self._backoff = _seconds(variables, BACKOFF, 1.0)
        self._timeout = _seconds(variables, TIMEOUT, 20.0)
        self._sleep = sleep
        self._local = threading.local()

    def wait(self, attempt: int) -> None:
        """Wait before another attempt, each time twice as long."""
        self._sleep(min(self._backoff * 2 ** (attempt - 1), LONGEST_WAIT))

    # Buckets.

    def put_bucket(self, place: Place, limits: Qos) -> None:
        """Set a bucket's limits."""
        self._put("PutBucketQoSInfo", place, {"qosInfo": ""}, write_qos(limits), bucket=True)

    def get_bucket(self, place: Place) -> Qos:
        """A bucket's limits; `NotFound` without any."""
        return self._get("GetBucketQoSInfo", place, {"qosInfo": ""}, read_qos, bucket=True)

    def delete_bucket(self, place: Place) -> None:
        """Lift a bucket's limits."""
        self._delete("DeleteBucketQoSInfo", place, {"qosInfo": ""}, bucket=True)

    # Requesters of one bucket.

    def put_bucket_requester(self, place: Place, limits: Qos) -> None:
        """Set a requester's limits on a bucket."""
        query = {"requesterQosInfo": "", "qosRequester": place.requester}
        self._put("PutBucketRequesterQoSInfo", place, query, write_qos(limits), bucket=True)

    def get_bucket_requester(self, place: Place) -> Qos:
        """A requester's limits on a bucket; `NotFound` without any."""
        query = {"requesterQosInfo": "", "qosRequester": place.requester}
        return self._get("GetBucketRequesterQoSInfo", place, query, read_qos, bucket=True)

    def delete_bucket_requester(self, place: Place) -> None:
        """Lift a requester's limits on a bucket."""
        query = {"requesterQosInfo": "", "qosRequester": place.requester}
        self._delete("DeleteBucketRequesterQoSInfo", place, query, bucket=True)

    # The pool and its buckets.

    def get_account(self) -> Qos:
        """The account's own limits in the region. They can only be read: there is no call that sets them."""
        return self._get("GetUserQoSInfo", Place(self.region), {"qosInfo": ""}, read_qos)

    def get_pool(self, place: Place) -> Qos:
        """The pool's bandwidth."""
        query = {"resourcePoolInfo": "", "resourcePool": place.pool}
        return self._get("GetResourcePoolInfo", place, query, read_qos)

    def list_pools(self) -> Sequence[str]:
        """The names of the region's pools."""
        pages = self._pages("ListResourcePools", Place(self.region), {"resourcePool": ""}, "ResourcePool")
        return [_first(entry, "name") for entry in pages]

    def list_buckets(self, place: Place) -> Sequence[PoolBucket]:
        """The buckets in a pool."""
        query = {"resourcePoolBuckets": "", "resourcePool": place.pool}
        return [
            PoolBucket(_first(entry, "name"), _first(entry, "group") if "group" in entry else None)
            for entry in self._pages("ListResourcePoolBuckets", place, query, "ResourcePoolBucket")
        ]

    def list_groups(self, place: Place) -> Mapping[str, Sequence[str]]:
        """The buckets of each group of a pool."""
        query = {"resourcePoolBucketGroup": "", "resourcePool": place.pool}
        groups: dict[str, list[str]] = {}
        for entry in self._pages("ListResourcePoolBucketGroups", place, query, "ResourcePoolBucketGroup"):
            groups.setdefault(_first(entry, "name"), []).extend(entry.get("groupbucketinfo", ()))
        return groups

    def group_of(self, place: Place) -> str | None:
        """The group of a bucket, "" for none, None where the bucket is not in the pool."""
        found = next((bucket for bucket in self.list_buckets(place) if bucket.name == place.bucket), None)
        if found is None or found.group:
            return found.group if found else None
        # Older answers list buckets without their group.
        return next((name for name, members in self.list_groups(place).items() if place.bucket in members), "")

    def require_member(self, place: Place, request: str) -> None:
        """Raise `NotInPool` unless the bucket is in the pool. request: the ticket that would put it there."""
        try:
            members = [bucket.name for bucket in self.list_buckets(place)]
        except NotFound as error:
            raise with_request(error, request) from None
        if place.bucket not in members:
            message = (
                f"{place}: the bucket is not in the resource pool (it holds {', '.join(members) or 'none'}), so OSS "
                "takes no throttles for it. Only Alibaba Cloud can add it"
            )
            raise NotInPool(_ask(message, request))

    # Groups.

    def put_membership(self, place: Place) -> None:
        """Put a bucket into a group, out of another if it is in one; an empty group takes it out of its own."""
        query = {"resourcePool": place.pool, "resourcePoolBucketGroup": place.group}
        self._put("PutBucketResourcePoolBucketGroup", place, query, b"", bucket=True)

    def put_group(self, place: Place, limits: Qos) -> None:
        """Set a group's limits."""
        body = write_qos(limits.bandwidth_only())
        self._put("PutResourcePoolBucketGroupQoSInfo", place, self._group(place), body)

    def get_group(self, place: Place) -> Qos:
        """A group's limits; `NotFound` without any."""
        return self._get("GetResourcePoolBucketGroupQoSInfo", place, self._group(place), read_qos)

    def delete_group(self, place: Place) -> None:
        """Lift a group's limits."""
        self._delete("DeleteResourcePoolBucketGroupQoSInfo", place, self._group(place))

    # Requesters of the pool.

    def put_requester(self, place: Place, limits: Qos) -> None:
        """Set a requester's limits in the pool."""
        self._put("PutResourcePoolRequesterQoSInfo", place, self._requester(place), write_qos(limits))

    def get_requester(self, place: Place) -> Qos:
        """A requester's limits in the pool; `NotFound` without any."""
        return self._get("GetResourcePoolRequesterQoSInfo", place, self._requester(place), read_qos)

    def delete_requester(self, place: Place) -> None:
        """Lift a requester's limits in the pool."""
        self._delete("DeleteResourcePoolRequesterQoSInfo", place, self._requester(place))

    # Priorities.

    def put_priorities(self, place: Place, document: PriorityDocument) -> None:
        """Set the priorities of buckets and groups, all of them at once."""
        query = {"priorityQos": "", "resourcePool": place.pool}
        self._put("PutResourcePoolPriorityQosConfiguration", place, query, write_priorities(document))

    def get_priorities(self, place: Place) -> PriorityDocument:
        """The priorities of buckets and groups; `NotFound` without any."""
        query = {"priorityQos": "", "resourcePool": place.pool}
        return self._get("GetResourcePoolPriorityQosConfiguration", place, query, read_priorities)

    def delete_priorities(self, place: Place) -> None:
        """Remove the priorities of buckets and groups."""
        query = {"priorityQos": "", "resourcePool": place.pool}
        self._delete("DeleteResourcePoolPriorityQosConfiguration", place, query)

    def put_requester_priorities(self, place: Place, document: PriorityDocument) -> None:
        """Set the priorities of requesters, all of them at once."""
        query = {"requesterPriorityQos": "", "resourcePool": place.pool}
        self._put("PutResourcePoolRequesterPriorityQosConfiguration", place, query, write_priorities(document))

    def get_requester_priorities(self, place: Place) -> PriorityDocument:
        """The priorities of requesters; `NotFound` without any."""
        query = {"requesterPriorityQos": "", "resourcePool": place.pool}
        return self._get("GetResourcePoolRequesterPriorityQosConfiguration", place, query, read_priorities)

    def delete_requester_priorities(self, place: Place) -> None:
        """Remove the priorities of requesters."""
        query = {"requesterPriorityQos": "", "resourcePool": place.pool}
        self._delete("DeleteResourcePoolRequesterPriorityQosConfiguration", place, query)

    # How calls are made.

    @staticmethod
    def _group(place: Place) -> dict[str, str]:
        query = {"resourcePool": place.pool, "resourcePoolBucketGroup": place.group}
        # The pages of ossutil spell it QoSInfo; the API's own pages and samples so.
        return {"resourcePoolBucketGroupQosInfo": "", **query}

    @staticmethod
    def _requester(place: Place) -> dict[str, str]:
        return {"requesterQosInfo": "", "resourcePool": place.pool, "qosRequester": place.requester}

    def _put(
        self, operation: str, place: Place, query: Mapping[str, str], body: bytes, *, bucket: bool = False
    ) -> None:
        self._call(_Call(operation, "PUT", place, query, body, bucket), lambda _: None)

    def _get(
        self,
        operation: str,
        place: Place,
        query: Mapping[str, str],
        read: Callable[[bytes], T],
        *,
        bucket: bool = False,
    ) -> T:
        return self._call(_Call(operation, "GET", place, query, bucket=bucket), read)

    def _delete(self, operation: str, place: Place, query: Mapping[str, str], *, bucket: bool = False) -> None:
        # What is gone already needs no deleting.
        with contextlib.suppress(NotFound):
            self._call(_Call(operation, "DELETE", place, query, bucket=bucket), lambda _: None)

    def _pages(
        self, operation: str, place: Place, query: Mapping[str, str], entry: str
    ) -> Iterator[Mapping[str, Sequence[str]]]:
        token = ""
        while True:
            full = {**query, "max-keys": str(PAGE), **({"continuation-token": token} if token else {})}
            page = self._call(_Call(operation, "GET", place, full), lambda body: read_page(body, entry))
            yield from page.entries
            if page.next is None or page.next == token:
                return
            token = page.next

    def _call(self, call: _Call, read: Callable[[bytes], T]) -> T:
        """Make a call, again while the service is busy or the answer is missing or cut short."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(call, read)
            except (Busy, Unanswered) as failed:
                if attempt == ATTEMPTS:
                    raise
                asked = failed.retry_after
            backoff = self._backoff * 2 ** (attempt - 1) * random.uniform(0.5, 1)  # noqa: S311
            self._sleep(min(max(backoff, asked), LONGEST_WAIT))
        raise AssertionError

    def _once(self, call: _Call, read: Callable[[bytes], T]) -> T:
        """One attempt. The errors of the SDK do not get out: they may hold what was sent."""
        from alibabacloud_oss_v2 import OperationInput, exceptions

        headers = {}
        if call.body:
            md5 = hashlib.md5(call.body, usedforsecurity=False).digest()
            headers = {"Content-Type": "application/xml", "Content-MD5": base64.b64encode(md5).decode()}
        where = f"{call.operation} of {call.place}"
        try:
            output = self._sdk().invoke_operation(
                OperationInput(
                    op_name=call.operation,
                    method=call.method,
                    bucket=call.place.bucket if call.bucket else None,
                    parameters=dict(call.query),
                    headers=headers,
                    body=call.body or None,
                )
            )
            answer = output.http_response
            return read(b"" if answer is None else answer.content)
        except Malformed as error:
            failure = Unanswered(f"{where}: {error}; tried {ATTEMPTS} times. Try again later")
        except exceptions.OperationError as error:
            cause: Any = error.unwrap()
            if isinstance(cause, exceptions.ServiceError):
                failure = self._failure(call, cause)
            elif isinstance(cause, exceptions.RequestError | exceptions.ResponseError):
                failure = Unanswered(
                    f"{where}: no whole answer from OSS ({type(cause.unwrap()).__name__}), tried {ATTEMPTS} times. "
                    "Check the network and proxies between here and OSS, then try again"
                )
            else:
                failure = Refused(f"{where}: {self._credentials.hidden_in(str(cause))}")
        raise failure

    def _failure(self, call: _Call, error: Any) -> ThrottlingError:
        """What a refusal means and what to do about it."""
        said = self._credentials.hidden_in(f"{error.code}: {(error.message or '').strip()[:300]}")
        where = (
            f"{call.operation} of {call.place}: OSS answered {error.status_code}, {said} (request {error.request_id})"
        )
        if error.status_code == 404:
            return NotFound(f"{where}. There is no such pool, bucket or setting")
        if error.status_code == 403 and error.code in (
            "SignatureDoesNotMatch",
            "InvalidAccessKeyId",
            "RequestTimeTooSkewed",
            "SecurityTokenExpired",
            "InvalidSecurityToken",
        ):
            what = "The access key in the environment variables is wrong, its token has expired, or this clock is wrong"
            return NotAllowed(f"{where}. {what}")
        if error.status_code in (401, 403):
            return NotAllowed(f'{where}. Allow the action oss:{call.operation} to this RAM identity, on Resource "*"')
        if error.status_code in BUSY:
            message = f"{where}. OSS was busy at each of {ATTEMPTS} attempts; try again later"
            return Busy(message, _retry_after(error.headers))
        return Refused(
            f"{where}. A value may be above the account's limits, or with others above the pool's or group's: then "
            "make the others smaller first, in a run of its own"
        )

    def _sdk(self) -> Any:
        """This thread's client of the SDK."""
        client = getattr(self._local, "client", None)
        if client is None:
            # Imported late: a preview makes no call, and should not wait for the SDK.
            import alibabacloud_oss_v2 as oss

            config = oss.config.load_default()
            config.credentials_provider = oss.credentials.StaticCredentialsProvider(
                self._credentials.key_id, self._credentials.secret, self._credentials.token
            )
            config.region = self.region
            config.retry_max_attempts = 1
            config.readwrite_timeout = self._timeout
            config.connect_timeout = min(self._timeout, 10.0)
            if self._endpoint:
                config.endpoint, config.use_path_style = self._endpoint, True
            client = self._local.client = oss.Client(config)
        return client


def preflight(client: ThrottlingClient, pool: str, bandwidth: Qos, buckets: Sequence[str]) -> Sequence[str]:
    """What in the cloud does not fit a plan, in sentences; only reads. bandwidth, buckets: the pool's, as declared.

    The account's limits are read, too, where this is allowed: they hold above the pool, and no API sets them.
    """
    place = Place(client.region, pool)
    try:
        real, members = client.get_pool(place), [bucket.name for bucket in client.list_buckets(place)]
    except NotFound as error:
        return (str(error),)
    findings: list[str] = []
    for item, value in bandwidth.bandwidth_only().items.items():
        if real.items[item] != value:
            key, has = item.replace("_", "."), "unlimited" if real.items[item] < 0 else f"{real.items[item]}Gbps"
            says = "leaves it out" if value < 0 else f"says {value}Gbps"
            findings.append(f"the pool has {key}: {has}, but poolBandwidth {says}; set poolBandwidth.{key}: {has}")
    absent = [bucket for bucket in buckets if bucket not in members]
    if absent:
        findings.append(f"not in the pool {pool}: {', '.join(absent)}; ask Alibaba Cloud's support to add them")
    with contextlib.suppress(NotAllowed, NotFound, Refused):
        account = client.get_account()
        for item, limit in account.bandwidth_only().finite.items():
            if real.items[item] > limit:
                findings.append(f"{item.replace('_', ' ')}: the account has {limit} Gbit/s, less than the pool")
    return tuple(findings)


def with_request(error: NotFound, request: str) -> NotFound:
    """The same error with the text of the ticket by which the pool is ordered."""
    return NotFound(_ask(str(error).removesuffix("."), request))


def _ask(message: str, request: str) -> str:
    return f"{message}; ask support:\n{request}" if request else f"{message}; ask Alibaba Cloud's support by ticket"


def _first(entry: Mapping[str, Sequence[str]], name: str) -> str:
    return next(iter(entry.get(name, ())), "")


def _retry_after(headers: Mapping[str, str] | None) -> float:
    """The seconds of a Retry-After header, which holds seconds or a date; 0 without one."""
    text = str((headers or {}).get("Retry-After") or "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0
