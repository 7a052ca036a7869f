"""The calls of throttling against the double: signatures, lists, and what is said when they fail."""

import itertools
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from components.throttling import client as client_module
from components.throttling.client import (
    ACTIONS,
    ATTEMPTS,
    Busy,
    MissingCredentials,
    NotAllowed,
    NotFound,
    NotInPool,
    Place,
    Refused,
    ThrottlingClient,
    ThrottlingError,
    Unanswered,
    credentials_from,
    preflight,
)
from components.throttling.wire import Level, PriorityDocument, Qos

from .double import KEY_ID, POOL, REGION, SECRET, TOKEN, Fault, Oss, limits, variables

BUCKET = Place(REGION, POOL, "acme-test-raw")
LIMITS = Qos(upload_total=20, download_total=30, download_internet=5)


@pytest.fixture
def waits() -> list[float]:
    """The seconds that the client waited."""
    return []


@pytest.fixture
def client(endpoint: str, oss: Oss, waits: list[float]) -> ThrottlingClient:
    """A client of the double that does not really wait."""
    return ThrottlingClient(REGION, variables(endpoint), waits.append)


def test_every_call_of_limits(client: ThrottlingClient, oss: Oss) -> None:
    place = Place(REGION, POOL, "acme-test-raw", "lake", "300123456789")
    client.put_membership(place)
    calls: list[tuple[Callable[..., None], Callable[..., Qos], Callable[..., None]]] = [
        (client.put_bucket, client.get_bucket, client.delete_bucket),
        (client.put_bucket_requester, client.get_bucket_requester, client.delete_bucket_requester),
        (client.put_group, client.get_group, client.delete_group),
        (client.put_requester, client.get_requester, client.delete_requester),
    ]
    for put, get, delete in calls:
        with pytest.raises(NotFound):
            get(place)
        put(place, LIMITS)
        assert get(place) == LIMITS
        oss.renamed = True
        assert get(place) == LIMITS
        oss.renamed = False
        delete(place)
        delete(place)
        with pytest.raises(NotFound):
            get(place)


def test_requests_a_second(client: ThrottlingClient, oss: Oss) -> None:
    rated = Qos(upload_total=20, requests_total=500)
    client.put_bucket(BUCKET, rated)
    assert client.get_bucket(BUCKET) == rated
    assert b"Qps" in oss.bodies[0]
    client.put_membership(Place(REGION, POOL, "acme-test-raw", "lake"))
    client.put_group(Place(REGION, POOL, group="lake"), rated)
    assert b"Qps" not in oss.bodies[-1]


def test_both_priorities(client: ThrottlingClient, oss: Oss) -> None:
    minimum = Qos(10, 5, 5, 10, 5, 5)
    buckets = PriorityDocument(3, 1, minimum, (Level(3, minimum, frozenset({("bucket", "acme-test-raw")})),))
    requesters = PriorityDocument(3, 1, minimum, (Level(2, None, frozenset({("requester", "300123456789")})),))
    place = Place(REGION, POOL)
    client.put_priorities(place, buckets)
    client.put_requester_priorities(place, requesters)
    for oss.renamed in (False, True):
        assert client.get_priorities(place) == buckets
        assert client.get_requester_priorities(place) == requesters
    for _ in range(2):
        client.delete_priorities(place)
        client.delete_requester_priorities(place)
    assert not oss.priorities


def test_lists_are_read_to_their_end(client: ThrottlingClient, oss: Oss) -> None:
    oss.page = 2
    assert client.list_pools() == [POOL]
    assert [bucket.name for bucket in client.list_buckets(BUCKET)] == oss.members
    assert len([call for call in oss.calls if "resourcePoolBuckets" in call]) == 3
    for index, bucket in enumerate(oss.members):
        client.put_membership(Place(REGION, POOL, bucket, f"group-{index % 3}"))
    assert client.list_groups(BUCKET)["group-0"] == ["acme-test-raw", "acme-test-scratch"]


@pytest.mark.parametrize("listed", [True, False])
def test_the_group_of_a_bucket(client: ThrottlingClient, oss: Oss, listed: bool) -> None:
    oss.groups_listed = listed
    assert client.group_of(BUCKET) == ""
    client.put_membership(Place(REGION, POOL, BUCKET.bucket, "lake"))
    assert client.group_of(BUCKET) == "lake"
    client.put_membership(BUCKET)
    assert client.group_of(BUCKET) == ""
    assert client.group_of(Place(REGION, POOL, "acme-other")) is None


@pytest.mark.parametrize(
    ("names", "token"),
    [
        (("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"), "ALIBABA_CLOUD_SECURITY_TOKEN"),
        (("ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY"), "ALICLOUD_SECURITY_TOKEN"),
        (("OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET"), "OSS_SESSION_TOKEN"),
    ],
)
def test_credentials_are_bridged(names: tuple[str, str], token: str, endpoint: str, oss: Oss) -> None:
    own = dict(zip(names, (KEY_ID, SECRET), strict=True))
    for given in (own, {**own, token: TOKEN}):
        client = ThrottlingClient(REGION, {**given, "OSS_THROTTLING_ENDPOINT": endpoint})
        assert client.list_pools() == [POOL]
        assert SECRET not in repr(credentials_from(given)) + repr(client)
    with pytest.raises(MissingCredentials, match="ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY"):
        credentials_from({names[0]: KEY_ID})


def test_calls_leave_this_machine_only_to_oss() -> None:
    with pytest.raises(ThrottlingError, match="is for tests on this machine"):
        ThrottlingClient(REGION, variables("https://oss.example.com"))


@pytest.mark.parametrize(
    "wrong", [{"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "wrong"}, {"ALIBABA_CLOUD_ACCESS_KEY_ID": "other"}]
)
def test_a_wrong_signature_is_refused_and_nothing_secret_said(
    wrong: Mapping[str, str], endpoint: str, oss: Oss
) -> None:
    client = ThrottlingClient(REGION, variables(endpoint, **wrong))
    with pytest.raises(NotAllowed, match="The access key in the environment variables is wrong") as error:
        client.put_bucket(BUCKET, LIMITS)
    for value in wrong.values():
        assert f"key {value}" not in str(error.value)
    assert not oss.buckets
    assert (error.value.__cause__, error.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (
            Fault("status", 403, code="AccessDenied"),
            NotAllowed,
            "PutBucketQoSInfo of bucket acme-test-raw, resource pool pool-1, region cn-hangzhou: OSS answered 403, "
            "AccessDenied: An injected fault. (request 5C3D). Allow the action oss:PutBucketQoSInfo",
        ),
        (Fault("status", 400, code="InvalidArgument"), Refused, "A value may be above the account's limits"),
        (Fault("status", 404, code="NoSuchPool"), NotFound, "There is no such pool, bucket or setting"),
        (Fault("status", 503, times=99), Busy, "OSS was busy at each of 6 attempts"),
        (Fault("lost", times=99), Unanswered, "Check the network and proxies"),
    ],
)
def test_errors_say_where_and_what_to_do(
    client: ThrottlingClient, oss: Oss, fault: Fault, error: type[Exception], says: str
) -> None:
    oss.faults.append(fault)
    with pytest.raises(error) as raised:
        client.put_bucket(BUCKET, LIMITS)
    assert says in str(raised.value)
    assert len(oss.calls) == (ATTEMPTS if fault.times > 1 or error in (Busy, Unanswered) else 1)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", 409, times=2),
        Fault("status", 429, times=2),
        Fault("status", 500),
        Fault("status", 503, times=5),
        Fault("lost", times=2),
        Fault("cut", times=2),
        Fault("garbled", times=2),
        Fault("slow"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_calls_are_repeated_until_answered(
    client: ThrottlingClient, oss: Oss, fault: Fault, waits: list[float]
) -> None:
    client.put_bucket(BUCKET, LIMITS)
    oss.faults.append(fault)
    times = fault.times
    assert client.get_bucket(BUCKET) == LIMITS
    assert len(waits) == times
    assert all(later > earlier / 2 for earlier, later in itertools.pairwise(waits))


@pytest.mark.parametrize(("header", "low", "high"), [("7", 7, 7), ("86400", 60, 60), ("soon", 0, 1), ("-3", 0, 1)])
def test_retry_after_is_honoured(
    client: ThrottlingClient, oss: Oss, waits: list[float], header: str, low: float, high: float
) -> None:
    oss.faults.append(Fault("status", 429, retry_after=header))
    client.put_bucket(BUCKET, LIMITS)
    assert len(waits) == 1
    assert low <= waits[0] <= high


def test_retry_after_may_be_a_date(client: ThrottlingClient, oss: Oss, waits: list[float]) -> None:
    oss.faults.append(
        Fault("status", 503, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    )
    client.put_bucket(BUCKET, LIMITS)
    assert 25 < waits[0] <= 30


def test_an_illegal_bucket_name_is_refused_without_a_call(client: ThrottlingClient, oss: Oss) -> None:
    with pytest.raises(Refused, match="Bucket name is invalid"):
        client.put_bucket(Place(REGION, POOL, "UPPER"), LIMITS)
    assert not oss.calls


def test_the_actions_are_those_of_the_calls() -> None:
    source = Path(client_module.__file__).read_text(encoding="utf-8")
    called = set(re.findall(r'\(\s*"((?:Put|Get|Delete|List)\w+)", ', source))
    # Whether there is an action for reading the account's limits is UNCONFIRMED; nothing depends on it.
    assert {f"oss:{operation}" for operation in called - {"GetUserQoSInfo"}} == set(ACTIONS)


def test_membership_is_required(client: ThrottlingClient) -> None:
    client.require_member(BUCKET, "")
    with pytest.raises(NotInPool, match=r"(?s)it holds acme-test-raw, .*ask support:\nRegion: here"):
        client.require_member(Place(REGION, POOL, "acme-other"), "Region: here")
    with pytest.raises(NotFound, match=r"(?s)pool does not exist.*ask support:\nRegion: here"):
        client.require_member(Place(REGION, "pool-2", "acme-test-raw"), "Region: here")


def test_preflight(client: ThrottlingClient, oss: Oss, monkeypatch: pytest.MonkeyPatch) -> None:
    declared = Qos(100, 80, 20, 100, 80, 20)
    assert preflight(client, POOL, declared, oss.members) == ()
    monkeypatch.setattr(oss, "account", limits(TotalUploadBandwidth=60))
    findings: Any = preflight(client, POOL, Qos(90, 80, 20, 100, 80, 20), ["acme-other"])
    assert findings == (
        "the pool has upload.total: 100Gbps, but poolBandwidth says 90Gbps; set poolBandwidth.upload.total: 100Gbps",
        "not in the pool pool-1: acme-other; ask Alibaba Cloud's support to add them",
        "upload total: the account has 60 Gbit/s, less than the pool",
    )
    oss.faults.append(Fault("status", 403, match="/?qosInfo"))
    assert preflight(client, POOL, declared, []) == ()
    assert "does not exist" in preflight(client, "pool-2", declared, [])[0]
