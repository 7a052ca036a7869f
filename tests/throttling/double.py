"""A stand-in for OSS's resource pool QoS: real HTTP and XML, real signatures, state in memory, faults on demand.

It takes what the API's pages say is legal and refuses the rest. Its signatures are computed from the documentation
(alibabacloud.com/help/en/oss/developer-reference/recommend-to-use-signature-version-4), not by the SDK.
"""

import base64
import hashlib
import hmac
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.etree import ElementTree

KEY_ID = "LTAI-test-key"
SECRET = "a-secret-that-is-never-shown"  # noqa: S105
TOKEN = "a-token-that-is-never-shown"  # noqa: S105
REGION = "cn-hangzhou"
POOL = "pool-1"
DIRECTIONS = ("Upload", "Download")
BANDWIDTHS = tuple(f"{network}{d}Bandwidth" for d in DIRECTIONS for network in ("Total", "Intranet", "Extranet"))
RATES = ("TotalQps", "IntranetQps", "ExtranetQps")

Limits = dict[str, int]


@dataclass
class Fault:
    """What goes wrong with the next calls. kind: see `Handler`; times: how often; match: a part of the URL."""

    kind: str
    status: int = 503
    times: int = 1
    match: str = ""
    method: str = ""
    retry_after: str | None = None
    code: str = "Fault"


@dataclass
class Oss:
    """The state.

    renamed: whether to answer in the other of the documented spellings, and with unknown elements; strict: whether
    limits must fit those above and below them with each write, which is UNCONFIRMED; groups_listed: whether the list of
    buckets shows their groups; page: entries on a page.
    """

    pool: Limits
    account: Limits
    members: list[str]
    buckets: dict[str, Limits] = field(default_factory=dict[str, Limits])
    bucket_requesters: dict[tuple[str, str], Limits] = field(default_factory=dict[tuple[str, str], Limits])
    requesters: dict[str, Limits] = field(default_factory=dict[str, Limits])
    group_of: dict[str, str] = field(default_factory=dict[str, str])
    groups: dict[str, Limits] = field(default_factory=dict[str, Limits])
    priorities: dict[str, bytes] = field(default_factory=dict[str, bytes])
    faults: list[Fault] = field(default_factory=list[Fault])
    calls: list[str] = field(default_factory=list[str])
    bodies: list[bytes] = field(default_factory=list[bytes])
    renamed: bool = False
    strict: bool = False
    groups_listed: bool = True
    page: int = 1000
    lock: threading.RLock = field(default_factory=threading.RLock)

    def settings(self) -> Mapping[str, Any]:
        """All that was set, in a form to compare."""
        return {
            "buckets": dict(self.buckets),
            "bucket_requesters": dict(self.bucket_requesters),
            "requesters": dict(self.requesters),
            "group_of": dict(self.group_of),
            "groups": dict(self.groups),
            "priorities": dict(self.priorities),
        }

    def consistent(self) -> bool:
        """Whether no limit, and no sum of limits, is above the limit over it."""
        for name in BANDWIDTHS:
            in_group: dict[str, int] = {}
            top = sum(max(given[name], 0) for given in self.groups.values())
            for bucket, given in self.buckets.items():
                group = self.group_of.get(bucket, "")
                if self.groups.get(group, {}).get(name, -1) == -1:
                    top += max(given[name], 0)
                else:
                    in_group[group] = in_group.get(group, 0) + max(given[name], 0)
            if top > self.pool[name] or any(total > self.groups[group][name] for group, total in in_group.items()):
                return False
            for (bucket, _), given in self.bucket_requesters.items():
                if -1 < self.buckets.get(bucket, {}).get(name, -1) < given[name]:
                    return False
        return True

    def clear(self) -> None:
        """Back to a pool without any setting, call or fault."""
        for part in (self.buckets, self.bucket_requesters, self.requesters, self.group_of, self.groups):
            part.clear()
        self.priorities.clear()
        self.faults.clear()
        self.calls.clear()
        self.bodies.clear()
        self.renamed, self.strict, self.groups_listed, self.page = False, False, True, 1000


def limits(**given: int) -> Limits:
    """Limits as the double keeps them."""
    return {name: given.get(name, -1) for name in (*BANDWIDTHS, *RATES)}


class Answer(Exception):
    """What to answer."""

    def __init__(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers or {}


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Answer:
    """An error document."""
    body = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message>"
        "<RequestId>5C3D</RequestId><HostId>oss</HostId><EC>0000</EC></Error>"
    )
    return Answer(status, body.encode(), headers)


def signature(method: str, path: str, query: str, headers: Mapping[str, str], secret: str, region: str) -> str:
    """The signature that a request must have, by the documentation of version 4. path: of the bucket."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    pairs = sorted((quote(unquote(k), safe="-_.~"), quote(unquote(v), safe="-_.~")) for k, v in _pairs(query))
    signed = sorted(name for name in lower if name.startswith("x-oss-") or name in ("content-type", "content-md5"))
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/-_.~"),
            "&".join(f"{k}={v}" if v else k for k, v in pairs),
            "".join(f"{name}:{lower[name]}\n" for name in signed),
            "",
            lower["x-oss-content-sha256"],
        ]
    )
    moment = lower["x-oss-date"]
    scope = f"{moment[:8]}/{region}/oss/aliyun_v4_request"
    to_sign = "\n".join(["OSS4-HMAC-SHA256", moment, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"aliyun_v4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _pairs(query: str) -> Sequence[tuple[str, str]]:
    return [(k, v) for k, _, v in (pair.partition("=") for pair in query.split("&") if pair)]


class Handler(BaseHTTPRequestHandler):
    """One request.

    Kinds of faults: `status` answers with a status; `cut` sends half of the body; `garbled` sends half with the length
    of a half; `slow` answers late; `lost` does what was asked and hangs up.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    oss: Oss

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the calls are in the state."""

    def do_GET(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.oss.lock:
            self.oss.calls.append(f"{self.command} {self.path}")
            self.oss.bodies.append(body)
            fault = next(
                (
                    fault
                    for fault in self.oss.faults
                    if fault.times and fault.match in self.path and fault.method in ("", self.command)
                ),
                None,
            )
            if fault:
                fault.times -= 1
        kind = fault.kind if fault else ""
        if fault and kind == "status":
            headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            self._send(refused(fault.status, fault.code, "An injected fault.", headers))
            return
        try:
            with self.oss.lock:
                self._authenticate(body)
                answer = self._do(body)
        except Answer as made:
            answer = made
        except Exception as error:
            answer = refused(400, "TheDoubleFailed", repr(error).replace("<", "("))
        if kind == "lost":
            self.close_connection = True
            self.connection.close()
            return
        if kind == "slow":
            time.sleep(0.6)
        if kind == "garbled":
            answer = Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)
        self._send(answer, cut=kind == "cut")

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        try:
            self.send_response(answer.status)
            for name, value in {
                "Content-Type": "application/xml",
                "x-oss-request-id": "5C3D",
                **answer.headers,
            }.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: len(answer.body) // 2] if cut else answer.body)
        except OSError:
            self.close_connection = True
        if cut:
            self.close_connection = True

    def _authenticate(self, body: bytes) -> None:
        parts = urlsplit(self.path)
        bucket = parts.path.strip("/")
        text = self.headers.get("Authorization") or ""
        scheme, _, rest = text.partition(" ")
        fields = {k.strip(): v for k, _, v in (part.partition("=") for part in rest.split(","))}
        key_id, _, scope = fields.get("Credential", "").partition("/")
        path = f"/{bucket}/" if bucket else "/"
        right = signature(self.command, path, parts.query, dict(self.headers.items()), SECRET, REGION)
        if scheme != "OSS4-HMAC-SHA256" or scope.split("/")[1:2] != [REGION]:
            raise refused(400, "InvalidArgument", "Not a signature of version 4 for this region.")
        if key_id != KEY_ID:
            raise refused(403, "InvalidAccessKeyId", f"The key {key_id} does not exist.")
        if not hmac.compare_digest(fields.get("Signature", ""), right):
            raise refused(403, "SignatureDoesNotMatch", f"Signed with {SECRET}?")
        if body:
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            if self.headers.get("Content-MD5") != base64.b64encode(digest).decode():
                raise refused(400, "InvalidDigest", "The body is not what was signed.")

    def _do(self, body: bytes) -> Answer:
        parts = urlsplit(self.path)
        bucket = unquote(parts.path.strip("/"))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        # Whether the service minds the case is UNCONFIRMED; the pages use both.
        query = {
            "resourcePoolBucketGroupQosInfo" if k.lower() == "resourcepoolbucketgroupqosinfo" else k: v
            for k, v in query.items()
        }
        pool = query.get("resourcePool")
        if pool not in (None, "", POOL):
            raise refused(404, "NoSuchResourcePool", "The specified resource pool does not exist.")
        keys = set(query) - {"max-keys", "continuation-token"}
        if bucket:
            if bucket not in self.oss.members:
                raise refused(404, "NoSuchBucket", "The specified bucket is not in a resource pool.")
            return self._bucket(bucket, keys, query, body)
        return self._pool(keys, query, body)

    def _bucket(self, bucket: str, keys: set[str], query: Mapping[str, str], body: bytes) -> Answer:
        oss = self.oss
        if keys == {"qosInfo"}:
            return self._limits(oss.buckets, bucket, body, "QoSConfiguration", least=1, checked=True)
        if keys == {"requesterQosInfo", "qosRequester"}:
            key = (bucket, query["qosRequester"])
            return self._limits(oss.bucket_requesters, key, body, "RequesterQoSInfo", least=5)
        if keys == {"resourcePool", "resourcePoolBucketGroup"} and self.command == "PUT":
            group = query["resourcePoolBucketGroup"]
            if group:
                oss.group_of[bucket] = group
            else:
                oss.group_of.pop(bucket, None)
            return Answer(200)
        raise refused(400, "InvalidArgument", f"no such call: {self.path}")

    def _pool(self, keys: set[str], query: Mapping[str, str], body: bytes) -> Answer:
        oss = self.oss
        if keys == {"qosInfo"} and self.command == "GET":
            return self._shown(oss.account, "QoSConfiguration", ())
        if keys == {"resourcePool"}:
            return self._list("ListResourcePoolsResult", "ResourcePool", [[("Name", POOL)]], query)
        if keys == {"resourcePoolInfo", "resourcePool"}:
            return self._shown(oss.pool, "GetResourcePoolInfoResponse", [("Region", f"oss-{REGION}"), ("Name", POOL)])
        if keys == {"resourcePoolBuckets", "resourcePool"}:
            rows = [
                [("Name", name), *([("Group", oss.group_of.get(name, ""))] if oss.groups_listed else [])]
                for name in oss.members
            ]
            return self._list("ListResourcePoolBucketsResult", "ResourcePoolBucket", rows, query)
        if keys == {"resourcePoolBucketGroup", "resourcePool"}:
            names = sorted(set(oss.group_of.values()))
            rows = [
                [("Name", group), *(("GroupBucketInfo", b) for b, of in sorted(oss.group_of.items()) if of == group)]
                for group in names
            ]
            return self._list("ListResourcePoolBucketGroupsResult", "ResourcePoolBucketGroup", rows, query)
        if keys == {"resourcePoolBucketGroupQosInfo", "resourcePool", "resourcePoolBucketGroup"}:
            group = query["resourcePoolBucketGroup"]
            if self.command == "PUT" and group not in oss.group_of.values():
                raise refused(404, "NoSuchBucketGroup", "The bucket group does not exist.")
            return self._limits(oss.groups, group, body, "ResourcePoolBucketGroupQoSInfo", least=5, rates=False)
        if keys == {"requesterQosInfo", "resourcePool", "qosRequester"}:
            return self._limits(oss.requesters, query["qosRequester"], body, "RequesterQoSInfo", least=5)
        for kind in ("priorityQos", "requesterPriorityQos"):
            if keys == {kind, "resourcePool"}:
                return self._priorities(kind, body)
        raise refused(400, "InvalidArgument", f"no such call: {self.path}")

    def _limits(
        self,
        where: dict[Any, Limits],
        key: Any,
        body: bytes,
        wrap: str,
        *,
        least: int,
        rates: bool = True,
        checked: bool = False,
    ) -> Answer:
        if self.command == "DELETE":
            if where.pop(key, None) is None and not checked:
                raise refused(404, "NoSuchQoS", "Nothing is set.")
            return Answer(200 if checked else 204)
        if self.command == "GET":
            if key not in where:
                raise refused(404, "NoSuchQoS", "Nothing is set.")
            return self._shown(where[key], wrap, [])
        root = ElementTree.fromstring(body)  # noqa: S314
        if root.tag != "QoSConfiguration":
            raise refused(400, "MalformedXML", "Not a QoSConfiguration.")
        given = items_of(root, (*BANDWIDTHS, *RATES) if rates else BANDWIDTHS)
        for name, value in given.items():
            self._item(name, value, given, least)
        before = where.get(key)
        where[key] = given
        if self.oss.strict and not self.oss.consistent():
            if before is None:
                del where[key]
            else:
                where[key] = before
            raise refused(400, "InvalidArgument", "Limits do not fit together.")
        return Answer(200)

    def _item(self, name: str, value: int, given: Limits, least: int) -> None:
        what = name.removeprefix("Total").removeprefix("Intranet").removeprefix("Extranet")
        total, pool = given[f"Total{what}"], self.oss.pool[name]
        if value == -1:
            return
        if value < (least if name in BANDWIDTHS else 1):
            raise refused(400, "InvalidArgument", f"{name} is too small.")
        if (total != -1 and value > total) or (pool != -1 and value > pool):
            raise refused(400, "InvalidArgument", f"{name} is too large.")

    def _priorities(self, kind: str, body: bytes) -> Answer:
        if self.command == "DELETE":
            if self.oss.priorities.pop(kind, None) is None:
                raise refused(404, "NoSuchPriorityQos", "Nothing is set.")
            return Answer(204)
        if self.command == "GET":
            if kind not in self.oss.priorities:
                raise refused(404, "NoSuchPriorityQos", "Nothing is set.")
            return Answer(200, self._spelled(self.oss.priorities[kind]))
        root = ElementTree.fromstring(body)  # noqa: S314
        count, default = int(root.findtext("PriorityCount", "")), int(root.findtext("DefaultPriorityLevel", ""))
        fallback = root.find("DefaultGuaranteedQosConfiguration")
        levels = {
            int(level.findtext("PriorityLevel", "")): level for level in root.iter("QosPriorityLevelConfiguration")
        }
        if root.tag != "PriorityQosConfiguration" or not 3 <= count <= 10 or not 1 <= default <= count:
            raise refused(400, "InvalidArgument", "Count or default level.")
        subjects = ("Requester",) if kind == "requesterPriorityQos" else ("Bucket", "BucketGroup")
        for element in root.iter("Subjects"):
            if not len(element) or any(child.tag not in subjects for child in element):
                raise refused(400, "InvalidArgument", "Subjects.")
            for child in element:
                if child.tag == "BucketGroup" and child.text not in self.oss.group_of.values():
                    raise refused(400, "InvalidArgument", "No such group.")
        sums = dict.fromkeys(BANDWIDTHS, 0)
        for number in range(1, count + 1):
            own = levels[number].find("GuaranteedQosConfiguration") if number in levels else None
            minimum = own if own is not None else fallback
            if minimum is None:
                raise refused(400, "InvalidArgument", f"Level {number} has no minimum.")
            given = items_of(minimum, BANDWIDTHS)
            for name in BANDWIDTHS:
                value, pool = given[name], self.oss.pool[name]
                if pool != -1 and (value == -1 or value < min(5, pool / (2 * count))):
                    raise refused(400, "InvalidArgument", f"{name} of level {number} is too small.")
                sums[name] += max(value, 0)
        if any(self.oss.pool[name] != -1 and total > self.oss.pool[name] for name, total in sums.items()):
            raise refused(400, "InvalidArgument", "The minimums are above the pool.")
        self.oss.priorities[kind] = body
        return Answer(200)

    def _shown(self, given: Limits, wrap: str, more: Sequence[tuple[str, str]]) -> Answer:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in given.items())
        text = f"<QoSConfiguration>{inner}</QoSConfiguration>"
        if wrap != "QoSConfiguration":
            text = f"<{wrap}>{''.join(f'<{name}>{value}</{name}>' for name, value in more)}{text}</{wrap}>"
        return Answer(200, self._spelled(text.encode()))

    def _list(
        self, root: str, entry: str, rows: Sequence[Sequence[tuple[str, str]]], query: Mapping[str, str]
    ) -> Answer:
        start, size = int(query.get("continuation-token") or 0), min(int(query.get("max-keys") or 100), self.oss.page)
        shown = rows[start : start + size]
        more = start + size < len(rows)
        inner = "".join(
            f"<{entry}>{''.join(f'<{name}>{value}</{name}>' for name, value in row)}</{entry}>" for row in shown
        )
        token = f"<NextContinuationToken>{start + size}</NextContinuationToken>" if more else ""
        text = f"<{root}><IsTruncated>{str(more).lower()}</IsTruncated>{token}{inner}</{root}>"
        return Answer(200, self._spelled(text.encode()))

    def _spelled(self, body: bytes) -> bytes:
        """In the other spelling, with a declaration, a namespace and elements that no page mentions."""
        if not self.oss.renamed:
            return body
        text = body.decode().replace("QoSConfiguration>", "QosConfiguration>")
        root, rest = text.split(">", 1)
        new = "<NewThing><Deep>1</Deep></NewThing>"
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{root} xmlns="http://doc.oss-cn-hangzhou.aliyuncs.com">\n{new}{rest}'.encode()


def items_of(element: ElementTree.Element, names: Sequence[str]) -> Limits:
    """The numbers in an element: integers as the service wants them, nothing else."""
    found = {child.tag: child.text or "" for child in element}
    for name, text in found.items():
        if name not in names or not text.removeprefix("-").isdigit():
            raise refused(400, "MalformedXML", f"{name} is {text}.")
    return {name: int(found.get(name, "-1")) for name in (*BANDWIDTHS, *RATES)}


@contextmanager
def served(oss: Oss) -> Generator[str]:
    """Serve a state; gives the endpoint."""
    handler = type("BoundHandler", (Handler,), {"oss": oss})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def new_oss() -> Oss:
    """A pool of 100 Gbit/s, of which 80 and 20 are for the networks, that holds the buckets `acme-test-*`."""
    pool = {name: {"T": 100, "I": 80, "E": 20}[name[0]] for name in BANDWIDTHS}
    members = [f"acme-test-{role}" for role in ("raw", "features", "models", "scratch", "logs")]
    return Oss(limits(**pool), limits(TotalUploadBandwidth=200, TotalDownloadBandwidth=200), members)


def variables(endpoint: str, **more: str) -> Mapping[str, str]:
    """The environment variables of a client of the double."""
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY_ID,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": SECRET,
        "ALIBABA_CLOUD_SECURITY_TOKEN": TOKEN,
        "OSS_THROTTLING_ENDPOINT": endpoint,
        "OSS_THROTTLING_BACKOFF_SECONDS": "0.005",
        "OSS_THROTTLING_TIMEOUT_SECONDS": "0.4",
        **more,
    }
