"""Everything that can be wrong with datasets, in the words in which it is told."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from cache.datasets import (
    AROUND,
    CACHING,
    HERE,
    JUICE,
    NFS,
    POOLS,
    RAW,
    S3,
    THERE,
    UPSTREAM,
    around,
    dataset,
    part,
    pool,
    problems,
)
from components.cache import CachingArgs, DatasetArgs, DatasetSurroundings

THIN: Mapping[str, Any] = {"runtime": {"kind": "thin"}}
KEY = {"fs.s3a.accessKeyId": {"name": "keys", "key": "id"}}
OTHER_KEY = {"fs.s3a.accessKeyId": {"name": "other-keys", "key": "id"}}
SCRIPT = {"image": "busybox:1", "script": "true"}
WINDOWS = {"windows": {"night": {"start": "0 20 * * *", "end": "0 8 * * *", "workers": 2}}}
METRIC = {"metric": {"query": "sum(up)", "server": "http://prometheus:9090", "perWorker": 10, "maximum": 4}}
TINY = pool("tiny", "ecs.g8i.xlarge", 2)
NONE = pool("none", "ecs.i4.8xlarge", 0, kind="cache")
ONE = pool("one", "ecs.i4.8xlarge", 1, kind="cache")
BIG = pool("big", "ecs.i4.16xlarge", 1, kind="cache")
MANY = pool("many", "ecs.i4.8xlarge", 4, kind="cache")


WRITTEN = {"uri": "oss://acme-test-raw/tokens/", "options": {"fs.oss.endpoint": "oss-cn-hangzhou.aliyuncs.com"}}
TWIN = dataset(target={"podGbps": 20}, readers={"nodeGbps": 25})
OF_A_CACHE = "is of a cache, and thin has none: readers get what the file system gives"
NO_ROOM = (
    "finds no room: a node may get a worker of each dataset, with its cache, memory, vCPUs and bandwidth, and there are"
)
CASES: list[tuple[Mapping[str, DatasetArgs], DatasetSurroundings, CachingArgs, list[str]]] = [
    # Names and namespaces.
    (
        {"Tokens": dataset()},
        AROUND,
        CACHING,
        ['Tokens = "Tokens": not a name: 1 to 40 lowercase letters, digits and hyphens, a letter first'],
    ),
    (
        {"a" * 41: dataset()},
        AROUND,
        CACHING,
        [
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = "
                '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": not a name: 1 to 40 lowercase letters, '
                "digits and hyphens, a letter first"
            )
        ],
    ),
    (
        {"tokens": dataset(namespaces=["jobs", "lab", "jobs"])},
        AROUND,
        CACHING,
        ['tokens.namespaces[2] = "jobs": stands twice; name each namespace once'],
    ),
    (
        {"tokens": dataset(namespaces=["datasets"])},
        AROUND,
        CACHING,
        ['tokens.namespaces[0] = "datasets": is the namespace of the caches, where nothing else may run'],
    ),
    (
        {"tokens": dataset(tenant="vison")},
        AROUND,
        CACHING,
        ["tokens.tenant = \"vison\": not a tenant; did you mean 'vision'?"],
    ),
    (
        {"old": dataset(namespaces=["lab", "jobs"])},
        AROUND,
        CACHING,
        [
            (
                'old.namespaces[1] = "jobs": has a claim old already, of volumes or of a tenant\'s '
                "home; give the dataset another name"
            )
        ],
    ),
    # Mounts.
    (
        {"tokens": dataset({})},
        AROUND,
        CACHING,
        [("tokens.mounts = null: missing; say where data come from, or of which dataset they are a part (of)")],
    ),
    (
        {"tokens": dataset({"data": {}})},
        AROUND,
        CACHING,
        ["tokens.mounts.data = null: must name one of bucket, fileSystem, claim, uri"],
    ),
    (
        {"tokens": dataset({"data": {"uri": "s3://a/b", "claim": "old"}})},
        AROUND,
        CACHING,
        ['tokens.mounts.data = ["claim", "uri"]: must name one of bucket, fileSystem, claim, uri'],
    ),
    (
        {"tokens": dataset({"data": {"bucket": "raws"}})},
        AROUND,
        CACHING,
        ["tokens.mounts.data.bucket = \"raws\": not a bucket's role; did you mean 'raw'?"],
    ),
    (
        {"tokens": dataset({"data": {"fileSystem": "hom"}}, **THIN)},
        AROUND,
        CACHING,
        ["tokens.mounts.data.fileSystem = \"hom\": not a file system; did you mean 'home'?"],
    ),
    (
        {"tokens": dataset({"data": {"fileSystem": "new"}}, **THIN)},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts.data.fileSystem = "new": CPFS; give its exportDomain, which the console '
                "shows once the file system exists"
            )
        ],
    ),
    (
        {"tokens": dataset({"data": {"fileSystem": "fixed"}}, consistency="read-write", **THIN)},
        AROUND,
        CACHING,
        [('tokens.mounts.data.fileSystem = "fixed": the file system fixed is not writable, and read-write writes')],
    ),
    (
        {"tokens": dataset({"data": {"claim": "away"}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts.data.claim = "away": not a claim in the namespace datasets; give one of '
                "volumes that namespace"
            )
        ],
    ),
    (
        {"tokens": dataset({"data": {"claim": "none"}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts.data.claim = "none": not a claim in the namespace datasets; give one of '
                "volumes that namespace"
            )
        ],
    ),
    (
        {"tokens": dataset({"data": {"uri": "s3://a/b", "prefix": "a/"}})},
        AROUND,
        CACHING,
        ['tokens.mounts.data.prefix = "a/": is for buckets'],
    ),
    (
        {"tokens": dataset({"data": {"uri": "s3://a/b", "path": "/a"}})},
        AROUND,
        CACHING,
        ['tokens.mounts.data.path = "/a": is for file systems and claims'],
    ),
    (
        {"tokens": dataset({"data": {"uri": "https://a/b"}})},
        AROUND,
        CACHING,
        [('tokens.mounts.data.uri = "https://a/b": runtime jindo reads bucket, claim, oss://, s3://, hdfs://')],
    ),
    (
        {
            "tokens": dataset(
                {"data": {"uri": "https://a/b"}}, consistency="separate-writes", runtime={"kind": "alluxio"}
            )
        },
        AROUND,
        CACHING,
        ['tokens.mounts.data.uri = "https://a/b": cannot be written, and separate-writes writes'],
    ),
    (
        {"tokens": dataset({"data": {"uri": "oss://a/b"}})},
        AROUND,
        CACHING,
        ["tokens.mounts.data.options.fs.oss.endpoint = null: missing; the runtime does not guess it"],
    ),
    (
        {"tokens": dataset({"data": {"uri": "s3://a/b", "options": {"fs.s3a.accessKeyId": "x"}}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts.data.options.fs.s3a.accessKeyId = "…": is a secret, and stands in the '
                "cluster; name a Secret under secrets of a mount"
            )
        ],
    ),
    (
        {"tokens": dataset({"data": {"uri": "s3://a/b", "options": {"proxy": "http://me:you@there"}}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts.data.options.proxy = "…": is a secret, and stands in the cluster; name a '
                "Secret under secrets of a mount"
            )
        ],
    ),
    (
        {"tokens": dataset({"data": {"uri": "s3://a/b", "options": {"password": "x"}}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts.data.options.password = "…": is a secret, and stands in the cluster; '
                "name a Secret under secrets of a mount"
            ),
        ],
    ),
    (
        {"tokens": dataset({"one": {"uri": "juicefs:///a"}, "two": {"uri": "juicefs:///b"}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts = ["one", "two"]: runtime juicefs has one mount; make a dataset of '
                "each, or take another kind"
            )
        ],
    ),
    (
        {"tokens": dataset({"data": {"bucket": "raw"}}, runtime={"kind": "juicefs"}, credentials="none")},
        AROUND,
        CACHING,
        ['tokens.mounts.data.bucket = "raw": runtime juicefs reads juicefs://'],
    ),
    (
        {"tokens": dataset({"data": {"claim": "old"}}, runtime={"kind": "juicefs"})},
        AROUND,
        CACHING,
        ['tokens.mounts.data.claim = "old": runtime juicefs reads juicefs://'],
    ),
    (
        {"tokens": dataset({"data": {"bucket": "raw"}})},
        UPSTREAM,
        CACHING,
        ['tokens.mounts.data.bucket = "raw": is of Alibaba Cloud; name a uri or a claim here'],
    ),
    (
        {"tokens": dataset({"data": {"fileSystem": "home"}})},
        UPSTREAM,
        CACHING,
        ['tokens.mounts.data.fileSystem = "home": is of Alibaba Cloud; name a uri or a claim here'],
    ),
    (
        {"tokens": dataset(sizeGib=None)},
        AROUND,
        CACHING,
        ["tokens.sizeGib = null: missing; a cache is as large as its data"],
    ),
    # Credentials.
    (
        {"tokens": dataset(credentials="none")},
        AROUND,
        CACHING,
        ['tokens.credentials = "none": is for buckets; other sources have secrets of their mounts'],
    ),
    (
        {"tokens": dataset({"a": {"uri": "s3://a/b", "secrets": KEY}, "b": {"uri": "s3://b/b", "secrets": OTHER_KEY}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.mounts = ["keys", "other-keys"]: JindoRuntime knows one Secret for all mounts '
                "(fluid v1.0.8); put all keys into one"
            )
        ],
    ),
    (
        {"tokens": dataset(RAW, runtime={"kind": "alluxio"})},
        AROUND,
        CACHING,
        [('tokens.credentials = "rrsa": renewed tokens are read by jindo alone, not by alluxio; use secret')],
    ),
    (
        {"tokens": dataset({"data": {**RAW["data"], "secrets": KEY}})},
        AROUND,
        CACHING,
        ['tokens.credentials = "rrsa": stands beside secrets; set credentials: secret, or drop them'],
    ),
    (
        {"tokens": dataset(RAW)},
        AROUND,
        CachingArgs(),
        [
            (
                'tokens.credentials = "rrsa": needs caching.pythonImage: an image with Python 3 renews '
                "the tokens of datasets"
            )
        ],
    ),
    (
        {"tokens": dataset(RAW)},
        around(name="a" * 60),
        CACHING,
        [
            (
                'tokens = "tokens": makes a role name '
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-dataset-tokens; at most "
                "64 characters"
            )
        ],
    ),
    (
        {"tokens": dataset(RAW, credentials="secret")},
        AROUND,
        CACHING,
        [
            (
                "tokens.mounts.data.secrets = null: missing; credentials: secret needs the key of the "
                "bucket, such as fs.oss.accessKeyId"
            )
        ],
    ),
    # Consistency.
    (
        {"tokens": dataset(consistency="read-write")},
        AROUND,
        CACHING,
        [
            (
                'tokens.consistency = "read-write": cannot be kept by jindo, as files are changed in '
                "place, which takes all of POSIX; juicefs and thin can"
            )
        ],
    ),
    (
        {"tokens": dataset(consistency="periodic")},
        AROUND,
        CACHING,
        ["tokens.refresh = null: missing; say when a periodic dataset is refreshed"],
    ),
    (
        {"tokens": dataset(refresh="0 2 * * *")},
        AROUND,
        CACHING,
        ['tokens.refresh = "0 2 * * *": is for consistency: periodic, not static'],
    ),
    (
        {"tokens": dataset(consistency="periodic", refresh="0 2 30 2 *")},
        AROUND,
        CACHING,
        [
            'tokens.refresh = "0 2 30 2 *": never comes: none of its months has such a day',
        ],
    ),
    (
        {"tokens": dataset(NFS, consistency="periodic", refresh="0 2 * * *")},
        AROUND,
        CACHING,
        [
            (
                'tokens.consistency = "periodic": cannot be kept by thin, as it keeps no metadata itself; '
                "jindo and alluxio and juicefs can"
            )
        ],
    ),
    (
        {"tokens": dataset(NFS, consistency="event-driven")},
        AROUND,
        CACHING,
        [
            (
                'tokens.consistency = "event-driven": cannot be kept by thin, as it keeps no metadata itself; '
                "jindo and alluxio and juicefs can"
            )
        ],
    ),
    (
        {"tokens": dataset(staleSeconds=3)},
        AROUND,
        CACHING,
        ["tokens.staleSeconds = 3: is for consistency: event-driven, not static"],
    ),
    (
        {"tokens": dataset(pattern="read-write")},
        AROUND,
        CACHING,
        [('tokens.consistency = "static": static is read alone; pods that write need separate-writes or read-write')],
    ),
    (
        {"tokens": dataset(loads={"nightly": {"schedule": "0 2 * * *"}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.consistency = "static": loads nightly look for changes again and again: say '
                "periodic, or metadata: false there"
            )
        ],
    ),
    (
        # `metadata: false` beside `onEvent` is refused.
        {"tokens": dataset(loads={"first": {"onEvent": True}})},
        AROUND,
        CACHING,
        ['tokens.consistency = "static": loads first look for changes again and again: say periodic'],
    ),
    # The runtime.
    (
        {"tokens": dataset(NFS, runtime={"workers": 2, "tier": {"quotaGib": 3}})},
        AROUND,
        CACHING,
        [
            f"tokens.runtime.tier = null: {OF_A_CACHE}",
            f"tokens.runtime.workers = null: {OF_A_CACHE}",
        ],
    ),
    (
        {"tokens": dataset(NFS, target={"podGbps": 2})},
        AROUND,
        CACHING,
        [f"tokens.target = null: {OF_A_CACHE}"],
    ),
    (
        {
            "tokens": dataset(
                NFS,
                pool="nvme",
                zone=HERE,
                crossZone=False,
                runtime={
                    **{"master": {}, "worker": {}},
                    "fuse": {"arguments": ["-odebug"], "properties": {"vers": "4"}},
                },
            )
        },
        AROUND,
        CACHING,
        [
            f"tokens.{key} = null: {OF_A_CACHE}"
            for key in (
                *("runtime.master", "runtime.worker", "runtime.fuse.arguments", "runtime.fuse.properties"),
                *("pool", "zone"),
            )
        ],
    ),
    (
        {
            "tokens": dataset(
                JUICE, runtime={"copies": 2, "master": {"replicas": 3}, "fuse": {"arguments": ["-odebug"]}}
            )
        },
        AROUND,
        CACHING,
        [
            f"tokens.runtime.{key} = null: JuiceFSRuntime takes none (fluid v1.0.8); remove it"
            for key in ("master", "fuse.arguments", "copies")
        ],
    ),
    (
        {"tokens": dataset(runtime={"copies": 3, "workers": 1})},
        AROUND,
        CACHING,
        ["tokens.runtime.copies = 3: more than the 1 worker"],
    ),
    (
        {"tokens": dataset(runtime={"copies": 5})},
        AROUND,
        CACHING,
        ["tokens.runtime.copies = 5: more than the 4 nodes of nvme"],
    ),
    (
        {"tokens": dataset(runtime={"tier": {"low": 0.95}})},
        AROUND,
        CACHING,
        ["tokens.runtime.tier.low = 0.95: must be below high = 0.95"],
    ),
    (
        {"tokens": dataset(runtime={"tier": {"paths": ["/mnt/a"]}})},
        AROUND,
        CACHING,
        ['tokens.runtime.tier.paths = ["/mnt/a"]: come from the pool\'s disks on ACK; name a medium'],
    ),
    (
        {"tokens": dataset(runtime={"tier": {"medium": "memory"}})},
        UPSTREAM,
        CACHING,
        ['tokens.runtime.tier.medium = "memory": is memory here unless paths are named; remove it'],
    ),
    (
        {"tokens": dataset(runtime={"kind": "alluxio", "master": {"metadata": {}}})},
        AROUND,
        CACHING,
        ["tokens.runtime.master.metadata = null: is of jindo, not of alluxio"],
    ),
    (
        {"tokens": dataset(runtime={"master": {"metadata": {}, "replicas": 3}})},
        AROUND,
        CACHING,
        [
            (
                "tokens.runtime.master.metadata = null: is one disk, which three masters cannot share; "
                "leave it out, or set replicas: 1"
            )
        ],
    ),
    (
        {"tokens": dataset(runtime={"cleanUp": {}})},
        AROUND,
        CACHING,
        ["tokens.runtime.cleanUp = null: is of alluxio and juicefs, not of jindo"],
    ),
    (
        {"tokens": dataset(target={}, readers={"nodeGbps": 10})},
        AROUND,
        CACHING,
        ["tokens.target = null: says nothing; give podGbps or epochMinutes"],
    ),
    (
        {"tokens": dataset(target={"podGbps": 2}, pool="nvme", zone=HERE)},
        UPSTREAM,
        CACHING,
        [
            (
                "tokens.target = null: needs node pools, of which an upstream environment has none; "
                "state runtime.workers and tier"
            ),
            (
                'tokens.pool = "nvme": needs node pools, of which an upstream environment has none; '
                "state runtime.workers and tier"
            ),
            (
                'tokens.zone = "cn-hangzhou-h": needs node pools, of which an upstream environment has '
                "none; state runtime.workers and tier"
            ),
        ],
    ),
    (
        {"tokens": dataset(crossZone=False)},
        AROUND,
        CACHING,
        ["tokens.crossZone = false: needs zone: the one that workers and readers are in"],
    ),
    # Nodes.
    (
        {"tokens": dataset(pool="nvm")},
        AROUND,
        CACHING,
        ["tokens.pool = \"nvm\": not one of nodePools; did you mean 'nvme'?"],
    ),
    (
        {"tokens": dataset()},
        around(pools={"fast": POOLS["fast"]}),
        CACHING,
        ["tokens.pool = null: there is no pool of kind cache; add one, or name a pool"],
    ),
    (
        {"tokens": dataset(zone="cn-hangzhou-x")},
        AROUND,
        CACHING,
        ["tokens.zone = \"cn-hangzhou-x\": not a zone of nvme; did you mean 'cn-hangzhou-i'?"],
    ),
    (
        {"tokens": dataset(pool="fast", runtime={"tier": {"medium": "local-disk"}})},
        AROUND,
        CACHING,
        ['tokens.runtime.tier.medium = "local-disk": fast has no local disks'],
    ),
    (
        {"tokens": dataset(runtime={"tier": {"medium": "cloud-disk"}})},
        around(pools={**POOLS, "more": POOLS["nvme"]}),
        CACHING,
        ['tokens.runtime.tier.medium = "cloud-disk": nvme, more have no data disks'],
    ),
    (
        {"tokens": dataset(pool="tiny", runtime={"worker": {"memoryGib": 15}})},
        around(pools={"tiny": TINY}),
        CACHING,
        ['tokens.pool = "tiny": tiny has no node with 19 GiB of memory to spare, for a worker and the master'],
    ),
    (
        {"tokens": dataset(runtime={"workers": 5})},
        AROUND,
        CACHING,
        ["tokens.runtime.workers = 5: more than the 4 nodes of nvme; there is one worker on a node"],
    ),
    (
        {"tokens": dataset(runtime={"workers": 3}, zone=HERE)},
        AROUND,
        CACHING,
        [
            (
                "tokens.runtime.workers = 3: more than the 2 nodes of nvme in cn-hangzhou-h; there is "
                "one worker on a node"
            ),
        ],
    ),
    (
        {"tokens": dataset(pool="none")},
        around(pools={"none": NONE}),
        CACHING,
        ['tokens.pool = "none": none has no node'],
    ),
    (
        {"tokens": dataset(pool="one", zone=HERE)},
        around(pools={"one": ONE}),
        CACHING,
        ['tokens.pool = "one": one has no node in cn-hangzhou-h'],
    ),
    (
        {"tokens": dataset(runtime={"tier": {"quotaGib": 7008}})},
        AROUND,
        CACHING,
        [
            (
                "tokens.runtime.tier.quotaGib = 7008: more than a node has: 227 GiB of memory in nvme "
                "or 7,007 GiB of local-disk in nvme"
            )
        ],
    ),
    (
        {"tokens": dataset(runtime={"workers": 4, "tier": {"quotaGib": 9000}})},
        around(pools={"big": BIG, "many": MANY}),
        CACHING,
        ["tokens.runtime = null: no pool has so many nodes with so much: big, many"],
    ),
    # Readers.
    (
        {"tokens": dataset(readers={"jobClass": "train"})},
        UPSTREAM,
        CACHING,
        [('tokens.readers.jobClass = "train": there are no job classes in an upstream environment; remove it')],
    ),
    (
        {"tokens": dataset(readers={"jobClass": "trains"})},
        AROUND,
        CACHING,
        ["tokens.readers.jobClass = \"trains\": not one of jobClasses; did you mean 'train'?"],
    ),
    (
        {"tokens": dataset(readers={"jobClass": "train"}, namespaces=["lab"])},
        AROUND,
        CACHING,
        ['tokens.readers.jobClass = "train": runs in jobs, and the dataset is in lab'],
    ),
    (
        {"tokens": dataset(readers={"jobClass": "burst"})},
        AROUND,
        CACHING,
        ['tokens.readers.jobClass = "burst": runs on serverless pods alone, where no dataset is mounted'],
    ),
    (
        {"tokens": dataset(readers={"jobClass": "train"}, zone=THERE, crossZone=False)},
        AROUND,
        CACHING,
        [
            (
                'tokens.zone = "cn-hangzhou-i": train runs in cn-hangzhou-h, where no worker is; allow '
                "crossZone, or move one"
            )
        ],
    ),
    (
        {"tokens": dataset(target={"podGbps": 2})},
        AROUND,
        CACHING,
        ["tokens.readers = null: a target needs their nodes: name jobClass, or nodeGbps"],
    ),
    # Operations.
    (
        {"tokens": dataset(NFS, loads={"first": {"once": True}})},
        AROUND,
        CACHING,
        ['tokens.loads = ["first"]: have nothing to load into: thin has no cache'],
    ),
    (
        {"tokens": dataset(migrations={"copy": {"source": "oss://a/b"}})},
        AROUND,
        CACHING,
        ['tokens.migrations = ["copy"]: are of juicefs alone (fluid v1.0.8), not of jindo'],
    ),
    (
        {
            "tokens": dataset(
                JUICE,
                loads={"one": {"once": True}},
                processes={"one": SCRIPT},
                migrations={"one": {"source": "oss://a/b"}},
            )
        },
        AROUND,
        CACHING,
        [
            'tokens.processes.one = "one": has the name of one of loads; give it another',
            'tokens.migrations.one = "one": has the name of one of loads; give it another',
            'tokens.migrations.one = "one": has the name of one of processes; give it another',
        ],
    ),
    (
        {"tokens": dataset(consistency="periodic", refresh="0 2 * * *", processes={"refresh": SCRIPT})},
        AROUND,
        CACHING,
        [('tokens.loads.refresh = "refresh": is the name of what refreshes a periodic dataset; take another')],
    ),
    (
        {"tokens": dataset(loads={"first": {}})},
        AROUND,
        CACHING,
        ["tokens.loads.first = null: must have one of once, schedule, readyBy, after, onEvent"],
    ),
    (
        {"tokens": dataset(loads={"first": {"once": True, "after": "first"}})},
        AROUND,
        CACHING,
        [
            'tokens.loads.first = ["once", "after"]: must have one of once, schedule, readyBy, after, onEvent',
            'tokens.loads.first.after = "first": not another operation of the dataset; there is none',
        ],
    ),
    (
        {"tokens": dataset(loads={"first": {"schedule": "0 2 30 2 *", "metadata": False}})},
        AROUND,
        CACHING,
        [
            'tokens.loads.first.schedule = "0 2 30 2 *": never comes: none of its months has such a day',
        ],
    ),
    (
        {"tokens": dataset(loads={"first": {"readyBy": "0 24 * * *", "metadata": False}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.loads.first.readyBy = "0 24 * * *": not a schedule: bad hour; write minute, '
                "hour, day, month and weekday, such as 0 2 * * *"
            )
        ],
    ),
    (
        {"tokens": dataset(loads={"first": {"readyBy": "*/5 2 * * *", "metadata": False}})},
        AROUND,
        CACHING,
        [
            (
                'tokens.loads.first.readyBy = "*/5 2 * * *": must have one minute and one hour, or '
                "nobody can tell what is earlier"
            )
        ],
    ),
    (
        {"tokens": dataset(loads={"first": {"readyBy": "5 0 * * 1", "metadata": False}})},
        AROUND,
        CACHING,
        [('tokens.loads.first.readyBy = "5 0 * * 1": would have to start on another day; give schedule instead')],
    ),
    (
        {"tokens": dataset(JUICE, migrations={"copy": {}})},
        AROUND,
        CACHING,
        ["tokens.migrations.copy = null: must name either source or target"],
    ),
    (
        {"tokens": dataset(JUICE, migrations={"copy": {"source": "oss://a/b", "target": "oss://c/d"}})},
        AROUND,
        CACHING,
        ["tokens.migrations.copy = null: must name either source or target"],
    ),
    (
        {"tokens": dataset(JUICE, migrations={"copy": {"source": "oss://a/b", "schedule": "0 2 30 2 *"}})},
        AROUND,
        CACHING,
        [
            'tokens.migrations.copy.schedule = "0 2 30 2 *": never comes: none of its months has such a day',
        ],
    ),
    (
        {
            "tokens": dataset(
                JUICE,
                migrations={"copy": {"source": "oss://a/b", "schedule": "0 2 * * *", "after": "first"}},
                loads={"first": {"once": True}},
            )
        },
        AROUND,
        CACHING,
        ['tokens.migrations.copy.after = "first": cannot stand beside schedule'],
    ),
    (
        {"tokens": dataset(loads={"first": {"after": "last"}})},
        AROUND,
        CACHING,
        ['tokens.loads.first.after = "last": not another operation of the dataset; there is none'],
    ),
    (
        {"tokens": dataset(processes={"unpack": {**SCRIPT, "after": "unpack"}})},
        AROUND,
        CACHING,
        ['tokens.processes.unpack.after = "unpack": not another operation of the dataset; there is none'],
    ),
    (
        {"tokens": dataset(loads={"first": {"schedule": "0 2 * * *", "metadata": False}, "then": {"after": "first"}})},
        AROUND,
        CACHING,
        [('tokens.loads.then.after = "first": runs again and again, of which Fluid waits for the first run alone')],
    ),
    (
        {
            "tokens": dataset(
                consistency="event-driven",
                loads={"first": {"onEvent": True}},
                processes={"then": {**SCRIPT, "after": "first"}},
            )
        },
        AROUND,
        CACHING,
        [
            'tokens.processes.then.after = "first": runs again and again, of which Fluid waits for the first run alone',
        ],
    ),
    (
        {
            "tokens": dataset(
                consistency="event-driven", loads={"first": {"onEvent": True, "paths": ["/a"], "metadata": True}}
            )
        },
        AROUND,
        CACHING,
        ['tokens.loads.first = ["metadata", "paths"]: are said by the job that makes the load; remove them'],
    ),
    (
        {"tokens": dataset(loads={"a": {"after": "b"}, "b": {"after": "c"}, "c": {"after": "a"}})},
        AROUND,
        CACHING,
        [
            'tokens.loads.a.after = "b": closes a circle: each would wait for the other',
            'tokens.loads.b.after = "c": closes a circle: each would wait for the other',
            'tokens.loads.c.after = "a": closes a circle: each would wait for the other',
        ],
    ),
    # Scaling.
    (
        {"tokens": dataset(NFS, scaling=WINDOWS)},
        AROUND,
        CACHING,
        ["tokens.scaling = null: is of a cache, and thin has none"],
    ),
    (
        {"tokens": dataset(scaling=METRIC)},
        around(systems=None),
        CACHING,
        [
            (
                "tokens.scaling.metric = null: JindoRuntime tells autoscalers not which pods are its "
                "own (fluid v1.0.8); use windows, or another kind"
            )
        ],
    ),
    (
        {"tokens": dataset(scaling=WINDOWS, runtime={"kind": "jindo"})},
        UPSTREAM,
        CACHING,
        [("tokens.scaling.windows = null: JindoRuntime is scaled by ACK's cron autoscaler alone; use another kind")],
    ),
    (
        {"tokens": dataset(scaling=WINDOWS)},
        AROUND,
        CACHING,
        ["tokens.scaling = null: needs the system cron-autoscaler: add systems.cron-autoscaler: {}"],
    ),
    (
        {"tokens": dataset(JUICE, scaling=METRIC)},
        AROUND,
        CACHING,
        ["tokens.scaling = null: needs the system keda: add systems.keda: {}"],
    ),
    (
        {
            "tokens": dataset(
                JUICE, scaling={"windows": {"night": {"start": "0 2 30 2 *", "end": "0 25 * * *", "workers": 2}}}
            )
        },
        around(systems=None),
        CACHING,
        [
            'tokens.scaling.windows.night.start = "0 2 30 2 *": never comes: none of its months has such a day',
            (
                'tokens.scaling.windows.night.end = "0 25 * * *": not a schedule: bad hour; write '
                "minute, hour, day, month and weekday, such as 0 2 * * *"
            ),
        ],
    ),
    (
        {
            "tokens": dataset(
                JUICE, scaling={"windows": {"night": {"start": "0 2 * * *", "end": "0 2 * * *", "workers": 2}}}
            )
        },
        around(systems=None),
        CACHING,
        ['tokens.scaling.windows.night.end = "0 2 * * *": is the start, so the hours are none'],
    ),
    # Parts of others.
    (
        {"tokens": dataset(), "part": part("tokens", sizeGib=1, pool="nvme")},
        AROUND,
        CACHING,
        [
            "part.pool = null: is that of tokens, of which this is a part; remove it",
            "part.sizeGib = null: is that of tokens, of which this is a part; remove it",
        ],
    ),
    (
        {"tokens": dataset(), "part": part("token")},
        AROUND,
        CACHING,
        ["part.of = \"token\": not another dataset; did you mean 'tokens'?"],
    ),
    ({"part": part("part")}, AROUND, CACHING, ['part.of = "part": not another dataset; there is none']),
    (
        {"tokens": dataset(), "one": part("tokens"), "two": part("one")},
        AROUND,
        CACHING,
        ['two.of = "one": is itself a part of tokens; name that one'],
    ),
    (
        {"tokens": dataset(), "part": part("tokens", directory="/")},
        AROUND,
        CACHING,
        ['part.directory = "/": is all of tokens; add the namespaces there instead'],
    ),
    (
        {
            "tokens": dataset({"a": {"uri": "s3://a/b"}, "b": {"uri": "s3://b/b"}}),
            "part": part("tokens", directory="/c"),
        },
        AROUND,
        CACHING,
        ['part.directory = "/c": is outside the mounts of tokens: it must be below /a, /b'],
    ),
    # Together.
    (
        {"one": dataset(RAW), "two": dataset({"data": {"bucket": "raw"}}, consistency="separate-writes")},
        AROUND,
        CACHING,
        [
            (
                'one.consistency = "static": two writes oss://acme-test-raw/, which one caches: it would '
                "show old data; give them directories of their own"
            )
        ],
    ),
    (
        {
            "one": dataset({"data": {"uri": "s3://a/b/c"}}, consistency="separate-writes"),
            "two": dataset({"data": {"uri": "s3://a/b/"}}),
        },
        AROUND,
        CACHING,
        [
            (
                'two.consistency = "static": one writes s3://a/b/c/, which two caches: it would show '
                "old data; give them directories of their own"
            )
        ],
    ),
    (
        {
            "one": dataset({"data": {"claim": "old", "path": "/a"}}, consistency="separate-writes"),
            "two": dataset({"data": {"claim": "old", "path": "/a/"}}, consistency="separate-writes"),
        },
        AROUND,
        CACHING,
        [
            (
                'two.consistency = "separate-writes": one writes claim old/a/, which two caches: it '
                "would show old data; give them directories of their own"
            )
        ],
    ),
    (
        {"one": dataset(NFS, consistency="read-write"), "two": dataset(NFS)},
        AROUND,
        CACHING,
        [
            (
                'two.consistency = "static": one writes file system home/, which two caches: it would '
                "show old data; give them directories of their own"
            )
        ],
    ),
    (
        {
            "one": dataset(tenant="vision", sizeGib=760),
            "two": dataset(tenant="vision", runtime={"workers": 2, "tier": {"quotaGib": 101}}),
        },
        AROUND,
        CACHING,
        [
            (
                'one.tenant = "vision": one 800 + two 202 = 1,002 GiB of cache, and vision may have '
                "1,000 (resources.cacheGib)"
            )
        ],
    ),
    # What comes of the plan.
    (
        {
            "one": dataset(runtime={"tier": {"medium": "local-disk", "quotaGib": 7000}}),
            "two": dataset(runtime={"tier": {"medium": "local-disk", "quotaGib": 8}}),
        },
        AROUND,
        CACHING,
        [(f"two.runtime = null: {NO_ROOM} one 1 x 7,000 GiB of local-disk; add nodes, or let them take less")],
    ),
    (
        {"one": dataset(runtime={"workers": 4, "shareNodes": False}), "two": dataset()},
        AROUND,
        CACHING,
        [(f"two.runtime = null: {NO_ROOM} one 4 x 27 GiB of local-disk alone; add nodes, or let them take less")],
    ),
    (
        {"tokens": dataset(target={"podGbps": 9}, readers={"pods": 20, "jobClass": "train"})},
        AROUND,
        CACHING,
        [
            (
                'tokens.target = {"podGbps": 9.0, "when": "warm"}: cannot be met: 4 workers in nvme '
                "(local-disk) give each of 20 readers 5.0 Gbit/s, and a pass takes 0.1 minutes; it is "
                "limited by the network of the workers' nodes"
            )
        ],
    ),
    (
        {"tokens": dataset(target={"podGbps": 7}, readers={"pods": 20, "jobClass": "train"})},
        AROUND,
        CACHING,
        [
            (
                'tokens.target = {"podGbps": 7.0, "when": "warm"}: cannot be met: 4 workers in nvme '
                "(local-disk) give each of 20 readers 5.0 Gbit/s, and a pass takes 0.1 minutes; it is "
                "limited by the network of the workers' nodes"
            )
        ],
    ),
    (
        {"tokens": dataset(RAW, target={"epochMinutes": 1, "when": "cold"}, readers={"pods": 2, "nodeGbps": 20})},
        AROUND,
        CACHING,
        [
            (
                'tokens.target = {"epochMinutes": 1.0, "when": "cold"}: cannot be met: 1 worker in '
                "nvme (local-disk) gives each of 2 readers 5.0 Gbit/s, and a pass takes 1.4 minutes; it "
                "is limited by the bandwidth of the source"
            )
        ],
    ),
]


@pytest.mark.parametrize(("datasets", "surroundings", "caching", "expected"), CASES)
def test_what_is_wrong_with_datasets(
    datasets: Mapping[str, DatasetArgs],
    surroundings: DatasetSurroundings,
    caching: CachingArgs,
    expected: list[str],
) -> None:
    assert problems(datasets, surroundings, caching) == expected


LONG = "a" * 38
FREE = around(systems=None)
NIGHT = WINDOWS["windows"]["night"]
MEMORY = {"medium": "memory"}
DISK = {"medium": "cloud-disk"}
SLOW = pool(
    "slow",
    "ecs.g8i.4xlarge",
    1,
    dataDisks=[{"sizeGib": 500, "performanceLevel": "PL1", "mountPath": "/mnt/one"}],
)


def _buckets(count: int) -> dict[str, Any]:
    return {f"m{index:02}": {"bucket": "raw", "prefix": f"part-{index:02}/"} for index in range(count)}


def _metric(maximum: int) -> dict[str, Any]:
    return {"metric": {**METRIC["metric"], "maximum": maximum}}


def _window(workers: int) -> dict[str, Any]:
    return {"windows": {"night": {**NIGHT, "workers": workers}}}


@pytest.mark.parametrize(
    ("datasets", "surroundings", "expected"),
    [
        pytest.param(
            {LONG: dataset(loads={"nightly-refill": {"once": True}})},
            AROUND,
            [
                f'{LONG}.loads.nightly-refill = "{LONG}-nightly-refill": is a name of more than 46 characters; '
                "shorten one of both"
            ],
            id="helm names end at 53",
        ),
        pytest.param(
            {LONG: dataset(consistency="periodic", refresh="0 2 * * *")},
            AROUND,
            [f'{LONG}.refresh = "{LONG}-refresh": is a name of more than 41 characters; shorten one of both'],
            id="cron jobs end at 52",
        ),
        pytest.param(
            {"a": dataset(loads={"b-c": {"once": True}}), "a-b": dataset(loads={"c": {"once": True}})},
            AROUND,
            ['a-b = "a-b-c": is also the name of something that a makes; give one another name'],
            id="two loads of one name",
        ),
        pytest.param(
            {"a": dataset(JUICE, processes={"b": SCRIPT}), "a-b": dataset()},
            AROUND,
            ['a-b = "a-b": is also the name of something that a makes; give one another name'],
            id="a dataset and a process of one name",
        ),
        pytest.param(
            {"a": dataset(consistency="periodic", refresh="0 2 * * *"), "a-refresh": dataset()},
            AROUND,
            ['a-refresh = "a-refresh": is also the name of something that a makes; give one another name'],
            id="a dataset and a refresh of one name",
        ),
        pytest.param(
            {"a": dataset(runtime={"master": {"metadata": {}}}), "a-metadata": dataset()},
            AROUND,
            ['a-metadata = "a-metadata": is also the name of something that a makes; give one another name'],
            id="two claims of one name",
        ),
        pytest.param(
            {"one": dataset(tenant="vision", runtime={"tier": {"quotaGib": 5000}})},
            AROUND,
            ['one.tenant = "vision": one 5,000 = 5,000 GiB of cache, and vision may have 1,000 (resources.cacheGib)'],
            id="a stated quota is more than the tenant's",
        ),
        pytest.param(
            {
                "one": dataset(tenant="vision", runtime={"workers": 2, "tier": {"quotaGib": 300}}, scaling=_window(4)),
                "two": dataset(tenant="vision", runtime={"workers": 1, "tier": {"quotaGib": 10}}),
            },
            FREE,
            [
                'one.tenant = "vision": one 1,200 + two 10 = 1,210 GiB of cache, and vision may have 1,000 '
                "(resources.cacheGib)"
            ],
            id="a window is more than the tenant's",
        ),
        pytest.param(
            {"tokens": dataset(), "part": part("tokens", readers={"jobClass": "nobody"})},
            AROUND,
            ['part.readers.jobClass = "nobody": not one of jobClasses; allowed: burst, train'],
            id="readers of parts",
        ),
        pytest.param(
            {"tokens": dataset(), "part": part("tokens", readers={"jobClass": "train"}, namespaces=["lab"])},
            AROUND,
            ['part.readers.jobClass = "train": runs in jobs, and the dataset is in lab'],
            id="readers of parts elsewhere",
        ),
        pytest.param(
            {"tokens": dataset(_buckets(25))},
            AROUND,
            ["tokens.mounts = 25: are so many that a RAM policy of 6,219 characters comes of it; at most 6,144"],
            id="policies end at 6144",
        ),
        pytest.param(
            {"tokens": dataset(scaling=_window(900))},
            FREE,
            ["tokens.scaling.windows.night.workers = 900: more than the 4 nodes that there are"],
            id="more workers in a window than nodes",
        ),
        pytest.param(
            {"tokens": dataset(JUICE, scaling=_metric(5))},
            FREE,
            ["tokens.scaling.metric.maximum = 5: more than the 4 nodes that there are"],
            id="more workers of a metric than nodes",
        ),
        pytest.param(
            {"tokens": dataset(JUICE, scaling=_window(1), runtime={"workers": 3})},
            FREE,
            [
                "tokens.scaling.windows.night.workers = 1: fewer than the 3 that there always are; KEDA adds to them "
                "alone"
            ],
            id="KEDA never goes below the plan",
        ),
        pytest.param(
            {"tokens": dataset(JUICE, scaling=_metric(2), runtime={"workers": 3})},
            FREE,
            ["tokens.scaling.metric.maximum = 2: fewer than the 3 that there always are; KEDA adds to them alone"],
            id="KEDA never ends below the plan",
        ),
        pytest.param(
            {"one": dataset(RAW), "two": dataset({"data": WRITTEN}, consistency="separate-writes")},
            AROUND,
            [
                'one.consistency = "static": two writes oss://acme-test-raw/tokens/, which one caches: it would show '
                "old data; give them directories of their own"
            ],
            id="a bucket by its role and by its name",
        ),
        pytest.param(
            {"tokens": dataset(runtime={"tier": {**MEMORY, "quotaGib": 228}, "workers": 4})},
            AROUND,
            ["tokens.runtime.tier.quotaGib = 228: more than a node has: 227 GiB of memory in nvme"],
            id="no memory is left for the master",
        ),
        pytest.param(
            {
                "one": dataset(runtime={"tier": {**MEMORY, "quotaGib": 227}}),
                "two": dataset(runtime={"tier": {"medium": "local-disk"}}),
            },
            AROUND,
            [f"two.runtime = null: {NO_ROOM} one 1 x 227 GiB of memory; add nodes, or let them take less"],
            id="no memory is left for another worker",
        ),
        pytest.param(
            {name: dataset(runtime={"worker": {"vcpu": 10}}) for name in ("one", "two", "three")},
            AROUND,
            [
                f"two.runtime = null: {NO_ROOM} one 1 x 106 GiB of local-disk, three 1 x 106 GiB of local-disk; add "
                "nodes, or let them take less"
            ],
            id="no vCPU is left for another worker",
        ),
        pytest.param(
            {"tokens": dataset(target={"podGbps": 20}, readers={"nodeGbps": 25}), "twin": TWIN},
            around(pools={"one": ONE}),
            [
                'twin.target = {"podGbps": 20.0, "when": "warm"}: cannot be met: 1 worker in one (local-disk) gives '
                "each of 1 reader 5.0 Gbit/s, and a pass takes 2.9 minutes; it is limited by the network of the "
                "workers' nodes"
            ],
            id="the same network twice",
        ),
        pytest.param(
            {name: dataset(target={"podGbps": 25}, readers={"nodeGbps": 25}) for name in ("one", "two")},
            around(pools={"one": ONE}),
            [f"two.runtime = null: {NO_ROOM} one 1 x 106 GiB of local-disk; add nodes, or let them take less"],
            id="no network is left",
        ),
        pytest.param(
            {
                "tokens": dataset(
                    sizeGib=7_000, sourceGbps=0.6, loads={"nightly": {"readyBy": "0 6 * * *", "metadata": False}}
                )
            },
            AROUND,
            [
                'tokens.loads.nightly.readyBy = "0 6 * * *": takes 35 hours, so that no day is long enough; give '
                "schedule instead"
            ],
            id="a load of more than a day",
        ),
        *(
            pytest.param(
                {"tokens": dataset(NFS, runtime={key: value})},
                AROUND,
                [f"tokens.runtime.{key} = null: {OF_A_CACHE}"],
                id=f"{key} of thin",
            )
            for key, value in (("properties", {"a": "b"}), ("network", "container"), ("copies", 2))
        ),
        pytest.param(
            {"tokens": dataset(S3, **THIN)},
            AROUND,
            ['tokens.mounts.data.uri = "s3://samples/images/": runtime thin reads fileSystem'],
            id="thin reads no buckets",
        ),
        pytest.param(
            {"tokens": dataset({"data": {"claim": "old"}}, **THIN)},
            AROUND,
            ['tokens.mounts.data.claim = "old": runtime thin reads fileSystem'],
            id="thin reads no claims",
        ),
    ],
)
def test_what_would_go_wrong_later_is_told_before(
    datasets: Mapping[str, DatasetArgs], surroundings: DatasetSurroundings, expected: list[str]
) -> None:
    assert problems(datasets, surroundings) == expected


def test_a_label_that_is_too_long_is_told() -> None:
    found = problems({"a" * 40: dataset()}, AROUND, CachingArgs(namespace="c" * 21))
    message = "makes, with caching.namespace, a label of nodes of more than 62 characters"
    assert found == [f'{"a" * 40} = "{"a" * 40}": {message}']


@pytest.mark.parametrize(
    ("datasets", "surroundings"),
    [
        pytest.param({"a" * 38: dataset(loads={"nightly": {"once": True}})}, AROUND, id="46 characters"),
        pytest.param(
            {"a" * 33: dataset(consistency="periodic", refresh="0 2 * * *")}, AROUND, id="41 characters of a refresh"
        ),
        pytest.param(
            {"a": dataset(loads={"b": {"once": True}}), "c": dataset(loads={"b": {"once": True}})},
            AROUND,
            id="loads of one name by two datasets",
        ),
        pytest.param(
            {"tokens": dataset(loads={"first": {"once": True}}), "tokens-first-part": part("tokens")},
            AROUND,
            id="parts make nothing beside the caches",
        ),
        pytest.param({"tokens": dataset(_buckets(24))}, AROUND, id="the longest policy"),
        pytest.param(
            {"tokens": dataset(tenant="vision", runtime={"workers": 4, "tier": {"quotaGib": 250}})},
            AROUND,
            id="all that a tenant may have",
        ),
        pytest.param({"tokens": dataset(JUICE, scaling=_metric(4))}, FREE, id="a metric to all nodes"),
        pytest.param({"tokens": dataset(scaling=_window(0), runtime={"workers": 3})}, FREE, id="jindo sleeps at night"),
        pytest.param(
            {"one": dataset(RAW), "two": dataset({"data": WRITTEN})}, AROUND, id="nobody writes what two have"
        ),
        pytest.param(
            {"tokens": dataset(runtime={"tier": {**MEMORY, "quotaGib": 227}, "workers": 4})}, AROUND, id="all memory"
        ),
        pytest.param(
            {name: dataset(target={"podGbps": 12}, readers={"nodeGbps": 25}) for name in ("one", "two")},
            around(pools={"one": ONE}),
            id="half of the network each",
        ),
        pytest.param(
            {
                "tokens": dataset(
                    sizeGib=4_000, sourceGbps=0.6, loads={"nightly": {"readyBy": "0 6 * * *", "metadata": False}}
                )
            },
            AROUND,
            id="a load of less than a day",
        ),
        pytest.param(
            {
                "alone": dataset(zone=HERE, runtime={"workers": 2, "shareNodes": False}),
                "other": dataset(zone=THERE),
            },
            AROUND,
            id="nodes alone in one zone leave those of the other",
        ),
        pytest.param({"tokens": dataset(runtime={"copies": 2, "workers": 2})}, AROUND, id="as many copies as workers"),
        pytest.param({"tokens": dataset(JUICE)}, AROUND, id="juicefs"),
        pytest.param({"tokens": dataset(NFS)}, AROUND, id="thin"),
    ],
)
def test_what_just_fits_is_let_through(datasets: Mapping[str, DatasetArgs], surroundings: DatasetSurroundings) -> None:
    assert problems(datasets, surroundings) == []


def test_nodes_alone_of_any_zone_are_none_of_each() -> None:
    alone = dataset(runtime={"workers": 3, "shareNodes": False})
    (found,) = problems({"alone": alone, "other": dataset(zone=THERE)})
    assert found.startswith(f"other.runtime = null: {NO_ROOM} alone 3 x ")


def test_the_same_disk_twice_is_told() -> None:
    """One disk of PL1 gives 2.8 Gbit/s, and both together want 4, of a network of 12."""
    slow = dataset(pool="slow", runtime={"tier": DISK}, target={"podGbps": 2}, readers={"nodeGbps": 25})
    surroundings = around(pools={"slow": SLOW})
    (found,) = problems({"one": slow, "two": slow}, surroundings)
    assert found.startswith(
        'two.target = {"podGbps": 2.0, "when": "warm"}: cannot be met: 1 worker in slow (cloud-disk) '
    )
    assert found.endswith("it is limited by the cache medium")
    assert not problems({"one": slow}, surroundings)


def test_rates_of_many_readers_are_no_zeros() -> None:
    many = dataset(target={"podGbps": 0.3}, readers={"pods": 1_000, "nodeGbps": 25})
    (found,) = problems({"tokens": many})
    assert "4 workers in nvme (local-disk) give each of 1,000 readers 0.1 Gbit/s" in found
    more = dataset(target={"podGbps": 0.3}, readers={"pods": 10_000, "nodeGbps": 25})
    assert "give each of 10,000 readers 0.01 Gbit/s" in problems({"tokens": more})[0]


def test_a_target_that_no_cache_serves_is_told_as_such() -> None:
    large = dataset(sizeGib=100_000, sourceGbps=90, target={"podGbps": 2}, readers={"pods": 4, "nodeGbps": 20})
    assert problems({"tokens": large}) == [
        'tokens.target = {"podGbps": 2.0, "when": "warm"}: cannot be met: 4 workers in nvme (memory) hold 908 of '
        "105,263 GiB, of which a pass finds nothing; it is limited by the cache capacity"
    ]


@pytest.mark.parametrize(
    ("datasets", "surroundings", "caching"),
    [
        # fluid v1.0.8, pkg/utils/label.go, GetNamespacedNameValueWithPrefix: `fluid.io/` counts, and 63 are too many.
        pytest.param(
            {"a" * 40: dataset()}, AROUND, CachingArgs(namespace="c" * 11), id="labels with their prefix end at 62"
        ),
        # pkg/utils/dataprocess.go, GetDataProcessReleaseName: `-processor` on top of the name, and 53 are the most.
        pytest.param(
            {"tokens": dataset(processes={"a" * 37: SCRIPT})}, AROUND, CACHING, id="processes end at 43 characters"
        ),
        # pkg/utils/datamigrate.go, GetDataMigrateReleaseName: `-migrate`; of a CronJob once more, and 52 are the most.
        pytest.param(
            {"tokens": dataset(JUICE, migrations={"a" * 39: {"source": "oss://a/b"}})},
            *(AROUND, CACHING),
            id="migrations end at 45 characters",
        ),
        pytest.param(
            {"tokens": dataset(JUICE, migrations={"a" * 30: {"source": "oss://a/b", "schedule": "0 2 * * *"}})},
            *(AROUND, CACHING),
            id="migrations with a schedule end at 36 characters",
        ),
        pytest.param(
            {
                "tokens": dataset(
                    JUICE,
                    tenant="vision",
                    runtime={"workers": 2, "tier": {"quotaGib": 300}},
                    scaling=_metric(4),
                )
            },
            *(FREE, CACHING),
            id="the maximum of a metric is more than the tenant's",
        ),
        pytest.param(
            {
                "alone": dataset(runtime={"workers": 2, "shareNodes": False}, scaling=_window(4)),
                "other": dataset(runtime={"workers": 2}),
            },
            *(FREE, CACHING),
            id="a window takes nodes that another has",
        ),
        pytest.param(
            {
                "tokens": dataset(zone=THERE, crossZone=False),
                "part": part("tokens", readers={"jobClass": "train"}),
            },
            *(AROUND, CACHING),
            id="readers of parts in another zone",
        ),
    ],
)
def test_what_would_go_wrong_later_is_told_at_once(
    datasets: Mapping[str, DatasetArgs], surroundings: DatasetSurroundings, caching: CachingArgs
) -> None:
    assert problems(datasets, surroundings, caching)


ALONE = {"shareNodes": False}


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        pytest.param(
            dataset(runtime={"workers": 2, **ALONE}, scaling=_window(3)),
            dataset(runtime={"workers": 2}),
            "more than the 2 nodes left by other",
            id="alone beside workers of any zone",
        ),
        pytest.param(
            dataset(zone=HERE, runtime={"workers": 1, **ALONE}, scaling=_window(2)),
            dataset(zone=HERE, runtime={"workers": 1}),
            "more than the 1 node left by other",
            id="alone in a zone",
        ),
        pytest.param(
            dataset(zone=HERE, runtime={"workers": 1, **ALONE}, scaling=_window(2)),
            dataset(runtime={"workers": 3}),
            "more than the 1 node left by other",
            id="the others have too few elsewhere",
        ),
        pytest.param(
            dataset(zone=HERE, runtime={"workers": 1, **ALONE}, scaling=_window(2)),
            dataset(runtime={"workers": 2}),
            None,
            id="the others have enough elsewhere",
        ),
        pytest.param(
            dataset(runtime={"workers": 1}, scaling=_window(3)),
            dataset(runtime={"workers": 2, **ALONE}),
            "more than the 2 nodes left by other",
            id="beside one that is alone",
        ),
        pytest.param(
            dataset(runtime={"workers": 1}, scaling=_window(4)), dataset(runtime={"workers": 2}), None, id="both share"
        ),
    ],
)
def test_windows_leave_others_their_nodes(one: DatasetArgs, other: DatasetArgs, told: str | None) -> None:
    (workers,) = (window.workers for window in one.scaling.windows.values())
    expected = [] if told is None else [f"one.scaling.windows.night.workers = {workers}: {told}"]
    assert problems({"one": one, "other": other}, FREE) == expected


@pytest.mark.parametrize(
    ("args", "surroundings", "told", "missing"),
    [
        pytest.param(dataset(runtime={"worker": {"vcpu": 64}}), AROUND, "vCPU", "memory", id="vCPUs are no memory"),
        pytest.param(
            dataset(runtime={"tier": {"medium": "local-disk"}, "worker": {"memoryGib": 400}}),
            *(AROUND, "memory", "local disks"),
            id="memory is no disk",
        ),
        # Disks hold all 26,000 GiB; memory, which holds 908, is proposed, for it is a little cheaper.
        pytest.param(
            dataset(sizeGib=26_000, sourceGbps=200, target={"podGbps": 30}, readers={"pods": 4, "nodeGbps": 100}),
            *(AROUND, "network of the workers' nodes", "capacity"),
            id="a cache of nothing is not the nearest",
        ),
    ],
)
def test_what_is_told_is_what_is_wrong(
    args: DatasetArgs, surroundings: DatasetSurroundings, told: str, missing: str
) -> None:
    found = " ".join(problems({"tokens": args}, surroundings))
    assert told in found
    assert missing not in found


@pytest.mark.parametrize("path", ["a", "/a//b", "/..", "/a/../b", "/a b", "/a:b", ""])
def test_paths_that_fluid_cannot_take_are_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        dataset(loads={"first": {"once": True, "paths": [path]}})
