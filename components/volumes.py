"""Volumes: buckets and file systems as persistent volumes of pods, through the CSI drivers of ACK."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal

import pulumi
import pulumi_kubernetes as kubernetes
from pydantic import Field

from .file_systems import FileSystemArgs, Mount
from .identity import ROLE_NAME, document, key_statement, object_statements
from .inputs import Args, Problem, one_of, require_valid
from .pod_identity import pod_role

OSS_DRIVER = "ossplugin.csi.alibabacloud.com"
NAS_DRIVER = "nasplugin.csi.alibabacloud.com"
"""The CSI drivers. Sources: ACK pages on static ossfs 2.0 volumes (2026-03-26) and static CPFS volumes (undated)."""

OSS_SUBJECT = "system:serviceaccount:ack-csi-fuse:csi-fuse-ossfs"
"""Who mounts buckets: the client's pods, whatever pod uses the volume. The same for ossfs 1.0 and 2.0, from csi-plugin
1.30.4. Sources: ACK pages on dynamic ossfs 2.0 volumes (2025-10-29) and on the upgrade of the OSS CSI driver (undated);
kubernetes-sigs/alibaba-cloud-csi-driver @8aacf90, deploy/charts, templates/fuse.yaml."""

NFS_OPTIONS = ("nolock,tcp,noresvport", "vers=3")
"""Source: ACK page on dynamic NAS volumes (container-service-for-kubernetes/latest, undated)."""

CPFS_OPTIONS = ("rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport", "vers=3")
"""Source: ACK page on statically provisioned CPFS volumes, undated."""

OSSFS_OPTIONS = ("umask=022", "allow_other")
"""Without them, ossfs 1.0 shows objects to root alone. Source: ACK page on dynamic ossfs 1.0 volumes, undated."""

Label = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]


class VolumeArgs(Args):
    """A part of a bucket or of a file system, as a claim of the same name in each of its namespaces.

    Its size is not enforced; data are never deleted with it. Changing anything but its namespaces replaces volume and
    claim, which waits until no pod uses them.
    """

    bucket: str | None = None
    """Role of a bucket under `buckets`. This or `fileSystem` is required."""

    prefix: str = ""
    """Part of the bucket, such as `tpch/`. Empty: all of it."""

    file_system: str | None = None
    """Name of a file system under `fileSystems`."""

    path: str = "/"
    """Directory in the file system, below what it exports. The driver makes it if it is missing."""

    access_mode: Literal["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce"] = "ReadOnlyMany"
    """`ReadOnlyMany` mounts read-only, and reading is then all that the role may do. The others write."""

    client: Literal["ossfs2", "ossfs"] = "ossfs2"
    """Client that mounts a bucket. `ossfs2`: fast at reading and appending, wrong for random or concurrent writes;
    needs Kubernetes 1.26 and csi-plugin 1.33.1. `ossfs` (1.0): slower, closer to POSIX."""

    role_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    """RAM role with which a bucket is mounted. None: one is made, for this part of the bucket only."""

    size_gib: Annotated[int, Field(ge=1)] = 100
    """Size in GiB that volume and claim show."""

    mount_options: Sequence[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.,=:/-]+$")]] | None = None
    """Options of the client, such as `close_to_open=true` (ossfs 2.0) or `vers=3` (NFS), in place of the defaults."""

    namespaces: Annotated[Sequence[Label], Field(min_length=1)]
    """Namespaces that get a claim. They must exist."""

    @property
    def read_only(self) -> bool:
        """Whether pods cannot write."""
        return self.access_mode == "ReadOnlyMany"


class NasStorageClassArgs(Args):
    """A storage class of NAS: each claim gets a directory of its own in one file system."""

    file_system: str
    """Name of a file system under `fileSystems`: NAS; CPFS has no dynamic volumes."""

    path: str = "/"
    """Directory in which the claims' directories are made."""

    reclaim: Literal["Retain", "Delete"] = "Delete"
    """Whether the directory of a deleted claim stays as it is, or is renamed (see `archive`) or deleted."""

    archive: bool = True
    """Whether `Delete` renames the directory instead of deleting it. False also slows the driver down when volumes come
    and go quickly (ACK FAQ about NAS volumes, 2025-12-03)."""

    quotas: bool = False
    """Whether a claim's size is held, and may grow. Only general-purpose NAS does so, for 500 directories at most; it
    takes effect within 15 minutes. Sources: ACK page on directory quotas of NAS volumes, 2026-03-26 and earlier."""

    mount_options: Sequence[Annotated[str, Field(pattern=r"^[A-Za-z0-9_.,=:/-]+$")]] = NFS_OPTIONS
    """NFS options."""


def volume_names(volumes: Mapping[str, VolumeArgs]) -> dict[str, tuple[str, str]]:
    """The persistent volumes by name, each with its claim's name and namespace. Volumes belong to no namespace."""
    return {f"{name}-{space}": (name, space) for name, args in volumes.items() for space in args.namespaces}


def volumes_problems(
    volumes: Mapping[str, VolumeArgs],
    storage_classes: Mapping[str, NasStorageClassArgs],
    *,
    buckets: Collection[str],
    file_systems: Mapping[str, FileSystemArgs],
) -> list[Problem]:
    """What is wrong with volumes and storage classes; paths begin with `volumes` and `storageClasses`.

    buckets: their roles; file_systems: the file systems' arguments by name.
    """
    problems: list[Problem] = []
    taken: dict[str, str] = {}
    for name, args in volumes.items():
        path = f"volumes.{name}"
        problems += [p.under(path) for p in _volume_problems(name, args, buckets, file_systems)]
        for index, space in enumerate(args.namespaces):
            where = f"{path}.namespaces[{index}]"
            if space in args.namespaces[:index]:
                problems.append(Problem(where, space, "stands twice; name each namespace once"))
                continue
            full = f"{name}-{space}"
            if full in taken:
                problems.append(Problem(where, space, f"makes a second volume {full} beside that of {taken[full]}"))
            if len(full) > 63:
                problems.append(Problem(where, space, f"makes a volume name of {len(full)} characters; at most 63"))
            taken.setdefault(full, path)
    for name, args in storage_classes.items():
        path = f"storageClasses.{name}"
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
            problems.append(Problem(path, name, "not a name: at most 63 lowercase letters, digits and hyphens"))
        if args.file_system not in file_systems:
            message = one_of(args.file_system, file_systems, "a file system")
            problems.append(Problem(f"{path}.fileSystem", args.file_system, message))
        elif file_systems[args.file_system].family == "cpfs":
            message = "CPFS has no dynamic volumes; use a NAS file system, or entries under volumes"
            problems.append(Problem(f"{path}.fileSystem", args.file_system, message))
        elif args.quotas and file_systems[args.file_system].family != "standard":
            message = f"only general-purpose NAS holds them, and {args.file_system} is not"
            problems.append(Problem(f"{path}.quotas", True, message))
        problems += [p.under(path) for p in _path_problems(args.path)]
        if args.reclaim == "Retain" and "archive" in args.model_fields_set:
            problems.append(Problem(f"{path}.archive", args.archive, "has no effect with reclaim: Retain; remove it"))
    return problems


def _volume_problems(
    name: str, args: VolumeArgs, buckets: Collection[str], file_systems: Mapping[str, FileSystemArgs]
) -> list[Problem]:
    problems: list[Problem] = []
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name):
        problems.append(Problem("", name, "not a name: at most 63 lowercase letters, digits and hyphens"))
    if (args.bucket is None) == (args.file_system is None):
        return [*problems, Problem("", None, "must name either a bucket or a fileSystem")]
    given = args.model_fields_set
    if args.bucket is not None:
        if args.bucket not in buckets:
            problems.append(Problem("bucket", args.bucket, one_of(args.bucket, buckets, "a bucket's role")))
        if "path" in given:
            problems.append(Problem("path", args.path, "is for file systems; a bucket has a prefix"))
        # Wildcards would widen the role, and the mount cannot begin with a slash or leave its part.
        if args.prefix and not re.fullmatch(r"([A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*/)+", args.prefix):
            message = (
                "not a prefix like a/b/: letters, digits and _.=+- between slashes, one slash at its end, none before"
            )
            problems.append(Problem("prefix", args.prefix, message))
        return problems
    for key, field, value in (
        ("prefix", "prefix", args.prefix),
        ("client", "client", args.client),
        ("roleName", "role_name", args.role_name),
    ):
        if field in given and value:
            problems.append(Problem(key, value, "is for buckets"))
    problems += _path_problems(args.path)
    if args.file_system is not None and args.file_system not in file_systems:
        message = one_of(args.file_system, file_systems, "a file system")
        return [*problems, Problem("fileSystem", args.file_system, message)]
    file_system = file_systems[args.file_system or ""]
    if file_system.family == "cpfs" and file_system.export_domain is None:
        message = "CPFS; give its exportDomain, which the console shows once the file system exists"
        problems.append(Problem("fileSystem", args.file_system, message))
    if not file_system.writable and not args.read_only:
        message = f"the file system {args.file_system} is not writable; use ReadOnlyMany"
        problems.append(Problem("accessMode", args.access_mode, message))
    return problems


def _path_problems(path: str) -> list[Problem]:
    if path == "/" or re.fullmatch(r"(/[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*)+", path):
        return []
    return [Problem("path", path, "not a path like /a/b: letters, digits and _.=+-, a slash first and none at its end")]


def role_name_problems(volumes: Mapping[str, VolumeArgs], name: str) -> list[Problem]:
    """What is wrong with the names of the roles that are made. name: their first part."""
    made = [volume for volume, args in volumes.items() if args.bucket is not None and args.role_name is None]
    return [
        Problem(f"volumes.{volume}", volume, f"makes a role name {name}-{volume}; at most 64 characters")
        for volume in made
        if not re.fullmatch(ROLE_NAME, f"{name}-{volume}")
    ]


def access_policy(bucket: str, prefix: str, *, write: bool, kms_key_id: str | None = None) -> str:
    """What the role of a volume may do: list and read one part of a bucket, or also write there. Compact JSON.

    That both clients' checks at mount pass with a prefix is UNCONFIRMED.
    """
    key = [] if kms_key_id is None else [key_statement(kms_key_id, write=write)]
    return document([*object_statements(bucket, prefix, write=write), *key])


def bucket_attributes(args: VolumeArgs, region: str) -> dict[str, str]:
    """What the OSS driver is told besides bucket and role.

    HTTPS, since our buckets refuse plain HTTP; inside the region, where traffic is free. Source: ACK page on static
    ossfs 2.0 volumes, 2026-03-26.
    """
    options = args.mount_options
    if options is None:
        options = OSSFS_OPTIONS if args.client == "ossfs" else ()
    return {
        "url": f"https://oss-{region}-internal.aliyuncs.com",
        "path": f"/{args.prefix}",
        "fuseType": args.client,
        "authType": "rrsa",
        **({"otherOpts": " ".join(f"-o {option}" for option in options)} if options else {}),
    }


def exported_path(root: str, path: str) -> str:
    """A directory of a file system as clients mount it: Extreme NAS and CPFS export theirs as `/share`."""
    return (root.rstrip("/") + path).rstrip("/") or "/"


class Volumes(pulumi.ComponentResource):
    """Persistent volumes and claims of datasets, and storage classes of NAS.

    Buckets are mounted with RAM roles (RRSA), never with keys. Needs a Kubernetes provider of the cluster in `opts`,
    and the namespaces. CPFS volumes also need the add-on cnfs-nas-daemon, csi-plugin's feature gate AlinasMountProxy,
    and x86 nodes without ContainerOS (ACK page on statically provisioned CPFS volumes, undated). Whether pods on ACS
    and ECI can mount buckets by RRSA is UNCONFIRMED.
    """

    claims: Mapping[str, Sequence[str]]
    """Namespaces in which each volume has its claim, by the volume's name, which is also the claim's."""

    role_names: Mapping[str, pulumi.Output[str]]
    """RAM roles with which buckets are mounted, by the volume's name."""

    role_ids: Mapping[str, pulumi.Output[str]]
    """Ids of the roles that were made, by the volume's name."""

    def __init__(
        self,
        resource_name: str,
        volumes: Mapping[str, VolumeArgs],
        storage_classes: Mapping[str, NasStorageClassArgs] | None = None,
        *,
        name: str,
        region: str,
        buckets: Mapping[str, pulumi.Input[str]] | None = None,
        file_systems: Mapping[str, FileSystemArgs] | None = None,
        mounts: Mapping[str, Mount] | None = None,
        rrsa_provider_arn: pulumi.Input[str] | None = None,
        rrsa_issuer_url: pulumi.Input[str] | None = None,
        kms_key_id: pulumi.Input[str] | None = None,
        tags: Mapping[str, str] | None = None,
        deleted_with: pulumi.Resource | None = None,
        in_cluster: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register roles, volumes, claims and storage classes.

        name: first part of the names of roles and policies; buckets: names by role; file_systems, mounts: the arguments
        and `FileSystem.mount` by name; rrsa_provider_arn, rrsa_issuer_url: the cluster's, needed for volumes of buckets
        without a role of their own; kms_key_id: the key of the buckets, which reading and writing them takes;
        deleted_with: the cluster's resource, whose end makes the removal of what lies in it needless; in_cluster: False
        makes the roles alone, as long as nothing reaches the cluster. Raises `InvalidInput` with all problems before
        anything is registered.
        """
        buckets, file_systems, mounts = buckets or {}, file_systems or {}, mounts or {}
        classes = storage_classes or {}
        problems = volumes_problems(volumes, classes, buckets=buckets, file_systems=file_systems)
        for volume, args in volumes.items():
            if args.bucket is None or args.role_name is not None:
                continue
            if rrsa_provider_arn is None or rrsa_issuer_url is None:
                problems.append(Problem(f"volumes.{volume}.roleName", None, "needed: the cluster has no RRSA"))
        problems += role_name_problems(volumes, name)
        require_valid(problems)
        super().__init__("ack-ai-blueprint:storage:Volumes", resource_name, None, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=deleted_with)
        roles: dict[str, pulumi.Output[str]] = {}
        ids: dict[str, pulumi.Output[str]] = {}
        for volume, args in volumes.items():
            after: list[pulumi.Resource] = []
            if args.bucket is None:
                mount = mounts[args.file_system or ""]
                source, options = self._file_system_source(args, mount)
            else:
                bucket = buckets[args.bucket]
                if args.role_name is not None:
                    roles[volume] = pulumi.Output.from_input(args.role_name)
                else:
                    role, attachment = pod_role(
                        f"{resource_name}-{volume}",
                        f"{name}-{volume}",
                        description="Mounts a part of a bucket in the cluster",
                        subject=OSS_SUBJECT,
                        policy_description="Part of a bucket",
                        policy_document=pulumi.Output.all(bucket, kms_key_id).apply(
                            lambda known, args=args: access_policy(
                                known[0], args.prefix, write=not args.read_only, kms_key_id=known[1]
                            )
                        ),
                        provider_arn=rrsa_provider_arn or "",
                        issuer_url=rrsa_issuer_url or "",
                        tags=tags,
                        opts=pulumi.ResourceOptions(parent=self),
                    )
                    roles[volume], ids[volume], after = role.role_name, role.role_id, [attachment]
                attributes = bucket_attributes(args, region)
                source, options = {**attributes, "bucket": bucket, "roleName": roles[volume]}, None
            for space in args.namespaces if in_cluster else ():
                self._claim(resource_name, volume, space, args, source, options, after, inside)
        for storage_class, args in classes.items() if in_cluster else ():
            mount = mounts[args.file_system]
            kubernetes.storage.v1.StorageClass(
                f"{resource_name}-class-{storage_class}",
                metadata={"name": storage_class},
                provisioner=NAS_DRIVER,
                parameters={
                    "volumeAs": "subpath",
                    "server": pulumi.Output.concat(mount.domain or "", ":", exported_path(mount.root, args.path)),
                    **({"archiveOnDelete": str(args.archive).lower()} if args.reclaim == "Delete" else {}),
                    **({"volumeCapacity": "true"} if args.quotas else {}),
                },
                mount_options=list(args.mount_options),
                reclaim_policy=args.reclaim,
                allow_volume_expansion=True if args.quotas else None,
                volume_binding_mode="Immediate",
                opts=inside,
            )
        self.claims = {volume: list(args.namespaces) for volume, args in volumes.items()} if in_cluster else {}
        self.role_names, self.role_ids = roles, ids
        self.register_outputs({"claims": self.claims, "roleNames": self.role_names})

    def _file_system_source(self, args: VolumeArgs, mount: Mount) -> tuple[dict[str, pulumi.Input[str]], Sequence[str]]:
        source: dict[str, pulumi.Input[str]] = {
            "server": mount.domain or "",
            "path": exported_path(mount.root, args.path),
        }
        if mount.family == "cpfs":
            source |= {"mountProtocol": "cpfs-nfs", "volumeAs": "subpath"}
        return source, args.mount_options or (CPFS_OPTIONS if mount.family == "cpfs" else NFS_OPTIONS)

    def _claim(
        self,
        resource_name: str,
        name: str,
        namespace: str,
        args: VolumeArgs,
        source: Mapping[str, pulumi.Input[str]],
        options: Sequence[str] | None,
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions,
    ) -> None:
        """A volume and the claim that alone may bind it: each names the other, and no storage class comes between."""
        full = f"{name}-{namespace}"
        storage = f"{args.size_gib}Gi"
        volume = kubernetes.core.v1.PersistentVolume(
            f"{resource_name}-{full}",
            metadata={"name": full},
            spec=kubernetes.core.v1.PersistentVolumeSpecArgs(
                capacity={"storage": storage},
                access_modes=[args.access_mode],
                persistent_volume_reclaim_policy="Retain",
                storage_class_name="",
                claim_ref=kubernetes.core.v1.ObjectReferenceArgs(
                    api_version="v1", kind="PersistentVolumeClaim", name=name, namespace=namespace
                ),
                mount_options=list(options) if options else None,
                csi=kubernetes.core.v1.CSIPersistentVolumeSourceArgs(
                    driver=OSS_DRIVER if args.bucket is not None else NAS_DRIVER,
                    # The drivers want the volume's own name here.
                    volume_handle=full,
                    read_only=args.read_only,
                    volume_attributes=source,
                ),
            ),
            # The cluster refuses to change a volume, of which the provider knows a part only. The new one has the same
            # name, so the old one and its claim go first.
            opts=pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(depends_on=list(after), replace_on_changes=["spec"], delete_before_replace=True),
            ),
        )
        kubernetes.core.v1.PersistentVolumeClaim(
            f"{resource_name}-{full}-claim",
            metadata={"name": name, "namespace": namespace},
            spec={
                "access_modes": [args.access_mode],
                "resources": {"requests": {"storage": storage}},
                "storage_class_name": "",
                "volume_name": volume.metadata.apply(lambda metadata: metadata.name or full),
            },
            opts=opts,
        )
