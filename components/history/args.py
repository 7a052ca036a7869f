"""What a user may say of history: servers that show what finished jobs did, when their pods are long gone."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from ..inputs import Args
from ..job_classes.args import NAMESPACE

Namespace = Annotated[str, Field(pattern=NAMESPACE)]
Image = Annotated[str, Field(pattern=r"^[^\s:@]+(:[0-9]+/[^\s:@]+)?(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]{64})?$")]
Word = Annotated[str, Field(pattern=r"^[^\s,'\"\\$`]+$")]
"""Text that stands in an option of the Java machine and in a list with commas."""


class SparkLoginArgs(Args):
    """Who looks at Spark's history, as the server itself is told. It has no login: a servlet filter brings one. Source:
    apache/spark @00bb4ad, docs/security.md."""

    filter: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+$")]
    """Java class of the filter (`spark.ui.filters`). The image must have it."""

    parameters: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")], Word] = {}
    """Parameters of the filter. Never put a secret here: they stand in the cluster."""

    admins: Sequence[Word] = ()
    """Users who see every job. Others see their own, and those whose `spark.ui.view.acls` names them."""

    admin_groups: Sequence[Word] = ()
    """Groups whose members see every job."""


class EventLogArgs(Args):
    """Event logs of an engine: where they are, for how long, and who sees them."""

    retention_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """Days for which a finished job must be there. Only the bucket's `expireAfterDays` deletes logs, and it must not
    do so earlier. On ACK alone."""

    bucket: str = "event-logs"
    """Role of the bucket with the event logs. Jobs of a tenant write to a directory of the engine's name in its part of
    it (`tenants.<name>.prefixes`), those of no tenant to that of the bucket. On ACK alone."""

    namespaces: Sequence[Namespace] = ()
    """Namespaces of jobs that are no tenant's; of tenants' namespaces it is those of their jobs."""

    open_to: Sequence[Namespace] = ()
    """Namespaces whose pods may connect to every server, such as that of an ingress controller with a login. Nobody
    else's may. A tenant's people reach theirs through the API server: `kubectl port-forward`."""


class SparkHistoryArgs(EventLogArgs):
    """Spark's history servers, one for each tenant with Spark jobs: a server reads one directory and has no login, so
    that a tenant's own is what keeps its history from others. One more shows jobs of no tenant."""

    image: Image
    """Image with Spark in `/opt/spark`, of the jobs' minor version or a later one, such as
    `docker.io/apache/spark:4.0.1`. For `directory: s3a://` it must have hadoop-aws, which Spark's own has not."""

    user: Annotated[int, Field(ge=1, le=65_535)] = 185
    """Number of the user in the image. It must have a name there. Source: apache/spark-docker @a5edefc, 4.0.1."""

    claim: Annotated[str, Field(pattern=NAMESPACE)] | None = None
    """Claim in the servers' namespace with the event logs, in `<tenant>/spark`, of no tenant in `spark`. Upstream
    alone: it must be made, and jobs must write there. This or `directory`."""

    directory: Annotated[str, Field(pattern=r"^[a-z0-9]+://[^\s?#@$'\"`\\,]+$")] | None = None
    """Address of the event logs, such as `s3a://logs/{tenant}/spark`; `{tenant}` stands for the tenant's name, the
    first one that it had, or `platform` where jobs are no tenant's. Upstream alone."""

    secret: Annotated[str, Field(min_length=1)] | None = None
    """Secret in the servers' namespace whose keys become environment variables, such as `AWS_ACCESS_KEY_ID`. With
    `directory` alone."""

    login: SparkLoginArgs | None = None
    """Who looks, by a filter in the server. None: who can connect sees all jobs of the server."""

    update_seconds: Annotated[int, Field(ge=10, le=3600)] = 60
    """Seconds between two looks at the directory. Each lists the whole of it."""

    vcpu: Annotated[float, Field(gt=0)] = 1
    """vCPUs of a server. Logs are read again by a quarter of them."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 4
    """Memory of a server, in GiB. Three quarters are its heap, which must hold the largest log that is opened."""

    disk_gib: Annotated[int, Field(ge=1, le=1000)] = 10
    """Disk of the node for what a server has read, in GiB. A new pod reads all logs again."""


class ObjectStoreArgs(Args):
    """A bucket that speaks S3. Source: ray-project/kuberay v1.7.0, historyserver/pkg/storage/s3/config.go."""

    bucket: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
    """Its name."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+$")]
    """Where it is, such as `http://minio.data:9000`."""

    region: Annotated[str, Field(min_length=1)] = "us-east-1"
    """Its region."""

    path_style: bool = True
    """Whether the bucket stands in the path of addresses, and not in their host."""


class RayHistoryArgs(EventLogArgs):
    """Ray's history servers (KubeRay, beta), one for each tenant with Ray jobs, with a dashboard before each. Beside
    every pod of Ray a collector keeps its events and logs. Source: ray-project/kuberay v1.7.0, historyserver/."""

    image: Image
    """Image of the server, such as `quay.io/kuberay/historyserver:v1.7.1`."""

    collector_image: Image
    """Image of the collector, of the same version, such as `quay.io/kuberay/collector:v1.7.1`. Tenants' pods may have
    it."""

    dashboard_image: Image
    """Image with Ray, of the jobs' version or a later one, such as `docker.io/rayproject/ray:2.56.0`: the server's own
    has no pages."""

    store: ObjectStoreArgs | None = None
    """Where the event logs are, in `<tenant>/ray`, of no tenant in `ray`. Upstream alone, and required there."""

    secret: Annotated[str, Field(min_length=1)] | None = None
    """Secret whose keys become environment variables, such as `AWS_ACCESS_KEY_ID`: in the servers' namespace to read
    the store, and of the same name in each namespace of jobs to write there. Upstream alone."""

    vcpu: Annotated[float, Field(gt=0)] = 0.5
    """vCPUs of a server, and as many of its dashboard."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 4
    """Memory of a server, in GiB. Half of it keeps what it has read."""


class HistoryArgs(Args):
    """What shows finished jobs. What is left out is not there."""

    namespace: Namespace = "history"
    """Namespace of the servers; it is made."""

    spark: SparkHistoryArgs | None = None
    """Spark's history servers."""

    ray: RayHistoryArgs | None = None
    """Ray's history servers."""
