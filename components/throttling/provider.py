"""The settings of a resource pool as Pulumi resources.

They are dynamic providers whose classes lie in this module, so that a state holds their names and no code. Renaming the
module or a class breaks states: keep the old name importable. Creating a setting takes over one that is there already.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import pulumi
from pulumi import dynamic

from .client import NotFound, Place, Refused, ThrottlingClient, ThrottlingError, Unanswered, with_request
from .wire import BANDWIDTH_ITEMS, UNLIMITED, PriorityDocument, Qos, document_of, qos_of

SUPPORT_REQUEST = "supportRequest"
"""Input with the text of the ticket that errors quote; a change of it changes nothing."""

PROVIDER = "__provider"

SETTLING = 6
"""How often a refused value is tried: half a minute in all."""

V = TypeVar("V")


@functools.cache
def client(region: str) -> ThrottlingClient:
    """The client of a region, with credentials from the environment variables. It is made with the first call."""
    return ThrottlingClient(region)


_WAITING = threading.BoundedSemaphore(3)
"""One less than the threads with which the plugin serves the engine, so that what must shrink gets one."""


class Setting(dynamic.ResourceProvider, Generic[V]):
    """What the settings have in common: a place that identifies them, and one value that is put, read and deleted.

    identity: inputs that make up the id; a change replaces. key: the input that holds the value; a change updates.
    """

    serialize_as_secret_always = False

    identity: Sequence[str] = ()
    key = "limits"
    member = False

    # What each kind says.

    def value(self, properties: Mapping[str, Any]) -> V:
        """The value out of its input; ValueError if it is none."""
        raise NotImplementedError

    def shown(self, value: V) -> Any:
        """The inverse of `value`."""
        raise NotImplementedError

    def same(self, one: V, other: V) -> bool:
        """Whether two values amount to the same."""
        return one == other

    def problems(self, value: V) -> Iterator[str]:
        """What is wrong with a value."""
        yield from ()

    def put(self, place: Place, value: V) -> None:
        """Set the value."""
        raise NotImplementedError

    def get(self, place: Place) -> V | None:
        """The value that is set, None or `NotFound` without any."""
        raise NotImplementedError

    def remove(self, place: Place, value: V) -> None:
        """Take the value back."""
        raise NotImplementedError

    # What Pulumi calls.

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> dynamic.CheckResult:
        failures: list[dynamic.CheckFailure] = []
        inputs = dict(news)
        for name in self.identity:
            given = news.get(name)
            if not pulumi.contains_unknowns(given) and (not isinstance(given, str) or not given or "/" in given):
                failures.append(dynamic.CheckFailure(name, f"required: a text without a slash, not {given!r}"))
        if not pulumi.contains_unknowns(news.get(self.key)):
            try:
                value = self.value(news[self.key])
                inputs[self.key] = self.shown(value)
                failures += [dynamic.CheckFailure(self.key, reason) for reason in self.problems(value)]
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                failures.append(dynamic.CheckFailure(self.key, f"not what it must be: {error}"))
        return dynamic.CheckResult(inputs, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.DiffResult:
        replaces = [
            name
            for name in self.identity
            if pulumi.contains_unknowns(_news.get(name)) or _news.get(name) != _olds.get(name)
        ]
        # A setting belongs to its place: made first and deleted then, the new one would be gone.
        changes = bool(replaces) or self._changed(_olds, _news) or _olds.get(PROVIDER) != _news.get(PROVIDER)
        return dynamic.DiffResult(
            changes=changes, replaces=replaces, stables=list(self.identity), delete_before_replace=True
        )

    def _changed(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
        if pulumi.contains_unknowns(news.get(self.key)):
            return True
        try:
            return not self.same(self.value(olds[self.key]), self.value(news[self.key]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return True

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        place = self._place(props)
        if self.member:
            client(place.region).require_member(place, str(props.get(SUPPORT_REQUEST) or ""))
        self._write(place, props)
        return dynamic.CreateResult("/".join(props[name] for name in self.identity), self._outputs(props))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        parts = id_.split("/")
        if len(parts) != len(self.identity) or not all(parts):
            raise ValueError(f"not an id: {id_!r}; it is {'/'.join(self.identity)}")
        identity = dict(zip(self.identity, parts, strict=True))
        try:
            value = self.get(self._place(identity))
        except NotFound:
            value = None
        if value is None:
            return dynamic.ReadResult("", {}, {})
        shown = self.shown(value)
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            # Written in another way, it is no drift.
            declared = self.value(props[self.key])
            shown = self.shown(declared) if self.same(value, declared) else shown
        found = {**self._outputs(props), **identity, self.key: shown}
        return dynamic.ReadResult(id_, dict(found), dict(found))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> dynamic.UpdateResult:
        self._write(self._place(_news), _news)
        return dynamic.UpdateResult(self._outputs(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        self.remove(self._place(_props), self.value(_props[self.key]))

    def _place(self, props: Mapping[str, Any]) -> Place:
        return Place(**{name: str(props[name]) for name in self.identity})

    def _outputs(self, props: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in props.items() if name != PROVIDER}

    def _write(self, place: Place, props: Mapping[str, Any]) -> None:
        for attempt in range(1, SETTLING + 1):
            try:
                return self._write_once(place, props)
            except Refused:
                # Another setting may have to shrink before this one fits; Pulumi updates it at the same time.
                if attempt == SETTLING or not _WAITING.acquire(blocking=False):
                    raise
                try:
                    client(place.region).wait(attempt)
                finally:
                    _WAITING.release()

    def _write_once(self, place: Place, props: Mapping[str, Any]) -> None:
        value = self.value(props[self.key])
        try:
            self.put(place, value)
        except NotFound as error:
            raise with_request(error, str(props.get(SUPPORT_REQUEST) or "")) from None
        except Unanswered:
            # It may have been taken, and only the answer was lost.
            with contextlib.suppress(ThrottlingError):
                found = self.get(place)
                if found is not None and self.same(found, value):
                    return
            raise


class _Limits(Setting[Qos]):
    """A setting whose value is limits. least: Gbit/s that a bandwidth must have; rates: whether it knows requests."""

    least = 1
    rates = True

    def value(self, properties: Mapping[str, Any]) -> Qos:
        return qos_of(properties)

    def shown(self, value: Qos) -> Any:
        return value.properties()

    def problems(self, value: Qos) -> Iterator[str]:
        for item, number in value.finite.items():
            what, network = item.split("_")
            least = self.least if item in BANDWIDTH_ITEMS else 1
            if number < least:
                yield f"{network} {what} is {number}, must be at least {least}; 0 would forbid the traffic"
            if item not in BANDWIDTH_ITEMS and not self.rates:
                yield f"{network} {what}: limits here are of bandwidth only"
            total = value.items[f"{what}_total"]
            if total != UNLIMITED and number > total:
                yield f"{network} {what} is {number}, above its total {total}"
        if not value.finite:
            yield "limits nothing"

    def present(self, value: Qos) -> Qos | None:
        """The limits unless there are none at all, as where they were never set."""
        return value if value.finite else None


class BucketThrottleProvider(_Limits):
    identity = ("region", "pool", "bucket")
    member = True

    def put(self, place: Place, value: Qos) -> None:
        client(place.region).put_bucket(place, value)

    def get(self, place: Place) -> Qos | None:
        return self.present(client(place.region).get_bucket(place))

    def remove(self, place: Place, value: Qos) -> None:
        client(place.region).delete_bucket(place)


class BucketRequesterThrottleProvider(_Limits):
    identity = ("region", "pool", "bucket", "requester")
    member = True
    least = 5

    def put(self, place: Place, value: Qos) -> None:
        client(place.region).put_bucket_requester(place, value)

    def get(self, place: Place) -> Qos | None:
        return self.present(client(place.region).get_bucket_requester(place))

    def remove(self, place: Place, value: Qos) -> None:
        client(place.region).delete_bucket_requester(place)


class BucketGroupThrottleProvider(_Limits):
    identity = ("region", "pool", "group")
    least = 5
    rates = False

    def put(self, place: Place, value: Qos) -> None:
        client(place.region).put_group(place, value)

    def get(self, place: Place) -> Qos | None:
        return self.present(client(place.region).get_group(place))

    def remove(self, place: Place, value: Qos) -> None:
        client(place.region).delete_group(place)


class PoolRequesterThrottleProvider(_Limits):
    identity = ("region", "pool", "requester")
    least = 5

    def put(self, place: Place, value: Qos) -> None:
        client(place.region).put_requester(place, value)

    def get(self, place: Place) -> Qos | None:
        return self.present(client(place.region).get_requester(place))

    def remove(self, place: Place, value: Qos) -> None:
        client(place.region).delete_requester(place)


class BucketGroupMembershipProvider(Setting[str]):
    identity = ("region", "pool", "bucket")
    key = "group"
    member = True

    def value(self, properties: Any) -> str:
        if not isinstance(properties, str) or not properties:
            raise ValueError(f"a group's name, not {properties!r}")
        return properties

    def shown(self, value: str) -> str:
        return value

    def put(self, place: Place, value: str) -> None:
        client(place.region).put_membership(_in_group(place, value))

    def get(self, place: Place) -> str | None:
        return client(place.region).group_of(place) or None

    def remove(self, place: Place, value: str) -> None:
        with contextlib.suppress(NotFound):
            found = client(place.region).group_of(place)
            # Whoever put it elsewhere meanwhile wants it there.
            if found is not None and found in ("", value):
                client(place.region).put_membership(place)


class _Priorities(Setting[PriorityDocument]):
    identity = ("region", "pool")
    key = "priorities"

    def value(self, properties: Mapping[str, Any]) -> PriorityDocument:
        return document_of(properties)

    def shown(self, value: PriorityDocument) -> Any:
        return value.properties()

    def same(self, one: PriorityDocument, other: PriorityDocument) -> bool:
        return one.effective() == other.effective()

    def problems(self, value: PriorityDocument) -> Iterator[str]:
        if not 3 <= value.count <= 10:
            yield f"{value.count} levels, must be 3 to 10"
        if not 1 <= value.default_level <= value.count:
            yield f"default level {value.default_level}, must be 1 to {value.count}"
        numbers = [level.level for level in value.levels]
        if len(set(numbers)) < len(numbers) or not all(1 <= number <= value.count for number in numbers):
            yield f"levels {numbers}, must be different ones of 1 to {value.count}"
        if any(minimum is None for minimum, _ in value.effective()["levels"]):
            yield "each level needs a minimum where there is no default"


class PoolPrioritiesProvider(_Priorities):
    def put(self, place: Place, value: PriorityDocument) -> None:
        client(place.region).put_priorities(place, value)

    def get(self, place: Place) -> PriorityDocument | None:
        return client(place.region).get_priorities(place)

    def remove(self, place: Place, value: PriorityDocument) -> None:
        client(place.region).delete_priorities(place)


class PoolRequesterPrioritiesProvider(_Priorities):
    def put(self, place: Place, value: PriorityDocument) -> None:
        client(place.region).put_requester_priorities(place, value)

    def get(self, place: Place) -> PriorityDocument | None:
        return client(place.region).get_requester_priorities(place)

    def remove(self, place: Place, value: PriorityDocument) -> None:
        client(place.region).delete_requester_priorities(place)


def _in_group(place: Place, group: str) -> Place:
    return Place(place.region, place.pool, place.bucket, group)


class _SettingResource(dynamic.Resource, module="oss"):
    """A setting as a resource. Its inputs are the identity and the key of its provider, and no others."""

    setting: ClassVar[type[Setting[Any]]]

    def __init__(
        self,
        resource_name: str,
        *,
        support_request: str = "",
        opts: pulumi.ResourceOptions | None = None,
        **inputs: pulumi.Input[Any],
    ) -> None:
        """Register it. support_request: the text of the ticket that errors quote; inputs: all that its class names."""
        setting = type(self).setting()
        wanted = {*setting.identity, setting.key}
        if inputs.keys() != wanted:
            raise TypeError(f"{type(self).__name__} takes {', '.join(sorted(wanted))}, not {', '.join(sorted(inputs))}")
        super().__init__(setting, resource_name, {**inputs, SUPPORT_REQUEST: support_request}, opts)


class BucketThrottle(_SettingResource, module="oss", name="BucketThrottle"):
    """`limits` of a bucket, as `Qos.properties` gives them. The id is region/pool/bucket."""

    setting = BucketThrottleProvider


class BucketRequesterThrottle(_SettingResource, module="oss", name="BucketRequesterThrottle"):
    """`limits` of a requester, the id of a RAM user or role, on one bucket. The id is region/pool/bucket/requester."""

    setting = BucketRequesterThrottleProvider


class BucketGroupMembership(_SettingResource, module="oss", name="BucketGroupMembership"):
    """A bucket's place in a `group`. The id is region/pool/bucket."""

    setting = BucketGroupMembershipProvider


class BucketGroupThrottle(_SettingResource, module="oss", name="BucketGroupThrottle"):
    """`limits` of a group of buckets, as `Qos.properties` gives them. The id is region/pool/group."""

    setting = BucketGroupThrottleProvider


class PoolRequesterThrottle(_SettingResource, module="oss", name="PoolRequesterThrottle"):
    """`limits` of a requester, the id of a RAM user or role, in a whole pool. The id is region/pool/requester."""

    setting = PoolRequesterThrottleProvider


class PoolPriorities(_SettingResource, module="oss", name="PoolPriorities"):
    """All `priorities` of a pool's buckets and groups, as `PriorityDocument.properties` gives them. The id is
    region/pool."""

    setting = PoolPrioritiesProvider


class PoolRequesterPriorities(_SettingResource, module="oss", name="PoolRequesterPriorities"):
    """All `priorities` of a pool's requesters, with their ids. The id is region/pool."""

    setting = PoolRequesterPrioritiesProvider


PROVIDERS: Mapping[str, type[Setting[Any]]] = {
    kind.__name__: kind.setting
    for kind in (
        *(BucketThrottle, BucketRequesterThrottle, BucketGroupMembership, BucketGroupThrottle),
        *(PoolRequesterThrottle, PoolPriorities, PoolRequesterPriorities),
    )
}
"""The provider of each kind of resource."""
