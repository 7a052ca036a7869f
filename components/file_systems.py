"""File systems: general-purpose and Extreme NAS, and CPFS, for data that many pods share.

NFS only: the CSI driver cannot mount SMB (ACK page on dynamically provisioned NAS volumes, 2025-06-16).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import pulumi
import pulumi_alicloud as alicloud
from pydantic import Field

from .inputs import Args, Problem, one_of, parse_cidr, require_valid

Kind = Literal["capacity", "performance", "premium", "extreme-standard", "extreme-advance", "cpfs-100", "cpfs-200"]
Family = Literal["standard", "extreme", "cpfs"]

KINDS: Mapping[Kind, tuple[Family, str]] = {
    "capacity": ("standard", "Capacity"),
    "performance": ("standard", "Performance"),
    "premium": ("standard", "Premium"),
    "extreme-standard": ("extreme", "standard"),
    "extreme-advance": ("extreme", "advance"),
    "cpfs-100": ("cpfs", "advance_100"),
    "cpfs-200": ("cpfs", "advance_200"),
}
"""Each kind as the cloud names it: type and storage type. Source: pulumi-alicloud 4.0.0, nas.FileSystem."""

NAME = r"^[A-Za-z][A-Za-z0-9_-]{2,63}$"
"""A legal access group name. Source: API CreateAccessGroup, 2024-05-23."""

MOUNT_TARGETS = 2
"""Mount targets of a file system. Source: NAS limits, 2025-02-24 (Extreme NAS: since January 2024)."""

LARGEST_GIB: Mapping[Family, int] = {"extreme": 256 * 1024, "cpfs": 1024 * 1024}
"""Largest capacity. Sources: NAS limits, 2025-02-24; CPFS limits, help.aliyun.com/en/cpfs/cpfsonecs, undated."""

EXPORT = {"standard": "/", "extreme": "/share", "cpfs": "/share"}
"""The directory that clients mount as the root. Sources: ACK pages doc-detail/204404 (Extreme NAS) and on statically
provisioned CPFS volumes, undated."""

FILESET_PATH = r"^(/[A-Za-z0-9_.-]+){1,8}/$"
"""Path of a fileset: at most eight levels. Source: API CreateFileset, 2026-01-26; the slash at the end is that of the
provider's example."""

FILESETS = 10
"""Filesets of a CPFS file system. Source: the same page."""


class SnapshotSchedule(Args):
    """When snapshots are made, in the service's own time zone (UNCONFIRMED: UTC+8)."""

    hours: Annotated[Sequence[Annotated[int, Field(ge=0, le=23)]], Field(min_length=1, max_length=24)] = (2,)
    """Hours of the day, 0 to 23."""

    weekdays: Annotated[Sequence[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7)] = (
        *(1, 2, 3, 4, 5, 6, 7),
    )
    """Days of the week, 1 (Monday) to 7."""

    retention_days: Annotated[int, Field(ge=1, le=65_536)] | None = 7
    """Days for which a snapshot is kept. None: until 128 younger ones exist."""


class CpfsCache(Args):
    """A protocol service that caches hot data. It is billed by throughput, and in invitational preview."""

    grade: Literal["CL1", "CL2"] = "CL1"
    """Grade of the cache, which decides its memory and bandwidth. Changing it replaces the protocol service."""

    throughput_mbps: Annotated[int, Field(ge=1)]
    """Throughput in MB/s. Which steps are sold is UNCONFIRMED. Changing it replaces the protocol service."""


class FileSystemArgs(Args):
    """One file system. Kind, zone and encryption are fixed: changing them replaces it, and the data stay behind."""

    kind: Kind
    """`capacity`, `performance`, `premium`: general-purpose NAS, billed by what is stored. `extreme-standard`,
    `extreme-advance`: Extreme NAS, of fixed capacity. `cpfs-100`, `cpfs-200`: CPFS General-purpose with 100 or 200 MB/s
    for each TiB, of fixed capacity, sold in few regions and mounted by x86 nodes only."""

    capacity_gib: Annotated[int, Field(ge=1)] | None = None
    """Capacity in GiB, for Extreme NAS and CPFS, in the steps of the purchase page. The provider's examples have 100
    and 3,600; that these are the least is UNCONFIRMED. It can grow, never shrink. General-purpose NAS grows by itself.
    """

    zone: str | None = None
    """Zone. None: the network's first zone; for general-purpose NAS one that the service picks."""

    mount_zones: Sequence[str] = ()
    """Zones of the network with a mount target, at most 2. None: `zone` if the network has it, else its first. One
    serves the whole VPC. CPFS is mounted through its protocol service instead."""

    encryption: Literal["service", "kms"] | None = "service"
    """Encryption at rest with the service's own key, with the environment's KMS key (Extreme NAS only), or none. CPFS
    takes no such setting."""

    root: Literal["no_squash", "root_squash", "all_squash"] = "no_squash"
    """Who root, or everybody, is on the file system. With anything but `no_squash`, containers that run as root cannot
    write where nobody may, and `chown` fails."""

    writable: bool = True
    """Whether the VPC may write. False: only read."""

    recycle_bin_days: Annotated[int, Field(ge=1, le=180)] | None = 7
    """Days for which deleted files can be brought back, and are billed; general-purpose NAS only. None: no recycle bin;
    switching it off empties it."""

    snapshots: SnapshotSchedule | None = None
    """Schedule of automatic snapshots; `extreme-advance` only. The provider makes the policy but cannot put it on the
    file system: do so once, with the API ApplyAutoSnapshotPolicy of NAS or in the console."""

    filesets: Sequence[str] = ()
    """Filesets of CPFS, as paths such as `/training/`, at most 10; their parent directories must exist."""

    cpfs_cache: CpfsCache | None = None
    """Caching protocol service of CPFS. None: the general one, which is free."""

    export_domain: str | None = None
    """Domain of the CPFS protocol service's export, as the console shows it after the first `pulumi up`, such as
    `cpfs-….cn-hangzhou.cpfs.aliyuncs.com`. The provider does not return it, and volumes need it."""

    retain: bool = True
    """Whether the file system, with its data and its cost, outlives the environment and its own replacement. The
    service deletes data without asking; there is no deletion protection. A CPFS that stays holds its vSwitch too."""

    @property
    def family(self) -> Family:
        """What the cloud calls the file system type."""
        return KINDS[self.kind][0]


@dataclass(frozen=True)
class Mount:
    """What a volume must know of a file system. domain: None where it is not known; root: its exported directory."""

    family: Family
    domain: pulumi.Input[str] | None
    root: str


def file_system_problems(args: FileSystemArgs, region: str, zones: Sequence[str]) -> list[Problem]:
    """What is wrong with a file system in a region, in a network with these zones."""
    problems: list[Problem] = []
    family = args.family
    given = args.model_fields_set
    for key, field, value, families in (
        ("capacityGib", "capacity_gib", args.capacity_gib, {"extreme", "cpfs"}),
        ("mountZones", "mount_zones", list(args.mount_zones), {"standard", "extreme"}),
        ("encryption", "encryption", args.encryption, {"standard", "extreme"}),
        ("root", "root", args.root, {"standard", "extreme"}),
        ("writable", "writable", args.writable, {"standard", "extreme"}),
        ("recycleBinDays", "recycle_bin_days", args.recycle_bin_days, {"standard"}),
        ("filesets", "filesets", list(args.filesets), {"cpfs"}),
        ("cpfsCache", "cpfs_cache", args.cpfs_cache and args.cpfs_cache.grade, {"cpfs"}),
        ("exportDomain", "export_domain", args.export_domain, {"cpfs"}),
    ):
        if field in given and value not in (None, []) and family not in families:
            kinds = ", ".join(kind for kind, (of, _) in KINDS.items() if of in families)
            problems.append(Problem(key, value, f"does not go with kind: {args.kind}; only with {kinds}"))
    if args.snapshots is not None and args.kind != "extreme-advance":
        problems.append(Problem("snapshots", list(args.snapshots.hours), "only kind: extreme-advance has them"))
    problems += _capacity_problems(args)
    problems += _zone_problems(args, region, zones)
    if args.encryption == "kms" and family == "standard":
        problems.append(Problem("encryption", "kms", "general-purpose NAS takes no KMS key; allowed: service"))
    problems += _fileset_problems(args)
    domain = args.export_domain
    if domain is not None and not re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+\.cpfs\.aliyuncs\.com", domain):
        problems.append(Problem("exportDomain", domain, "not a domain like cpfs-….<region>.cpfs.aliyuncs.com"))
    return problems


def file_system_name_problems(name: str) -> list[Problem]:
    """What is wrong with the name of a file system and its access group."""
    if re.fullmatch(NAME, name):
        return []
    return [Problem("", name, "not a name: 3 to 64 letters, digits, - and _, a letter first")]


def _capacity_problems(args: FileSystemArgs) -> list[Problem]:
    largest = LARGEST_GIB.get(args.family)
    if largest is None:
        return []
    if args.capacity_gib is None:
        return [Problem("capacityGib", None, f"kind: {args.kind} has a fixed capacity; give it in GiB")]
    if args.capacity_gib > largest:
        return [Problem("capacityGib", args.capacity_gib, f"must be at most {largest:,} GiB")]
    return []


def _zone_problems(args: FileSystemArgs, region: str, zones: Sequence[str]) -> list[Problem]:
    problems: list[Problem] = []
    zone = args.zone
    if zone is not None and args.family == "cpfs" and zone not in zones:
        problems.append(Problem("zone", zone, one_of(zone, zones, "one of the network's zones, where CPFS must be")))
    elif zone is not None and not re.fullmatch(rf"{re.escape(region)}-?[a-z]", zone):
        problems.append(Problem("zone", zone, f"not a zone of {region}"))
    for index, mount_zone in enumerate(args.mount_zones):
        path = f"mountZones[{index}]"
        if mount_zone not in zones:
            problems.append(Problem(path, mount_zone, one_of(mount_zone, zones, "one of the network's zones")))
        if mount_zone in args.mount_zones[:index]:
            problems.append(Problem(path, mount_zone, "stands twice; name each zone once"))
    if len(args.mount_zones) > MOUNT_TARGETS:
        message = f"a file system has at most {MOUNT_TARGETS} mount targets"
        problems.append(Problem("mountZones", list(args.mount_zones), message))
    return problems


def _fileset_problems(args: FileSystemArgs) -> list[Problem]:
    problems: list[Problem] = []
    for index, path in enumerate(args.filesets):
        if not re.fullmatch(FILESET_PATH, path):
            problems.append(Problem(f"filesets[{index}]", path, "not a path like /training/, of at most 8 levels"))
        elif any(path.startswith(other) or other.startswith(path) for other in args.filesets[:index]):
            problems.append(
                Problem(f"filesets[{index}]", path, "lies in another fileset or holds one; they cannot nest")
            )
    if len(args.filesets) > FILESETS:
        problems.append(Problem("filesets", list(args.filesets), f"CPFS has at most {FILESETS} filesets"))
    return problems


def file_system_zone(args: FileSystemArgs, zones: Sequence[str]) -> str | None:
    """The zone of a file system, None where the service picks it. zones: those of the network."""
    return args.zone or (None if args.family == "standard" else zones[0])


def mount_zones(args: FileSystemArgs, zones: Sequence[str]) -> Sequence[str]:
    """The zones that get a mount target, none for CPFS."""
    if args.family == "cpfs":
        return ()
    if args.mount_zones:
        return args.mount_zones
    return [args.zone] if args.zone is not None and args.zone in zones else zones[:1]


class FileSystem(pulumi.ComponentResource):
    """A file system that only its VPC reaches, encrypted, with a recycle bin where there is one.

    CPFS gets the protocol service that ACK needs, which takes up to 32 addresses of the vSwitch (CPFS page on managing
    protocol services, 2025-11-21), and an export of its whole tree. The provider has no access groups for CPFS, so that
    export uses the service's default group, which lets the whole VPC in.

    Example:

        FileSystem("datasets", FileSystemArgs(kind="capacity"), name="acme-dev-datasets", region="cn-hangzhou",
                   vpc_id=vpc.id, vpc_cidr="10.0.0.0/16", vswitch_ids={"cn-hangzhou-h": switch.id})
    """

    file_system_id: pulumi.Output[str]
    """Id of the file system."""

    domains: Sequence[pulumi.Output[str]]
    """Domains of its mount targets, in the order of their zones; none for CPFS."""

    mount: Mount
    """What volumes must know of it."""

    snapshot_policy_id: pulumi.Output[str] | None
    """Id of the snapshot policy, to be applied to the file system."""

    def __init__(
        self,
        resource_name: str,
        args: FileSystemArgs,
        *,
        name: str,
        region: str,
        vpc_id: pulumi.Input[str],
        vpc_cidr: str,
        vswitch_ids: Mapping[str, pulumi.Input[str]],
        kms_key_id: pulumi.Input[str] | None = None,
        tags: Mapping[str, str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register the file system and what belongs to it.

        name: its description and the name of its access group, of which an account has 20 in a region; vpc_cidr: the
        addresses that may mount it; vswitch_ids: one vSwitch of each zone of the network, in their order; kms_key_id:
        key for `encryption: kms`. Raises `InvalidInput` with all problems before anything is registered.
        """
        zones = list(vswitch_ids)
        problems = file_system_problems(args, region, zones)
        problems += file_system_name_problems(name)
        if not zones:
            problems.append(Problem("", zones, "needs a vSwitch to be mounted through"))
        if parse_cidr(vpc_cidr) is None:
            problems.append(Problem("", vpc_cidr, "not a CIDR block of the VPC"))
        if args.encryption == "kms" and kms_key_id is None:
            problems.append(Problem("encryption", "kms", "needs the environment's KMS key"))
        require_valid(problems)
        super().__init__("ack-ai-blueprint:storage:FileSystem", resource_name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain)
        family, storage_type = KINDS[args.kind]
        zone = file_system_zone(args, zones)
        parallel = family == "cpfs"
        file_system = alicloud.nas.FileSystem(
            f"{resource_name}-file-system",
            file_system_type=family,
            storage_type=storage_type,
            protocol_type="cpfs" if parallel else "NFS",
            description=name,
            capacity=args.capacity_gib,
            zone_id=zone,
            encrypt_type=None if parallel else {None: 0, "service": 1, "kms": 2}[args.encryption],
            kms_key_id=kms_key_id if args.encryption == "kms" else None,
            # Only CPFS lies in a VPC: for the others, these would replace the file system at every run.
            vpc_id=vpc_id if parallel else None,
            vswitch_id=vswitch_ids[zone] if parallel and zone else None,
            tags=tags,
            opts=kept,
        )
        self.file_system_id = file_system.id
        self.snapshot_policy_id = None
        if parallel:
            self.domains = []
            self._export(resource_name, args, name, file_system, vpc_id, vswitch_ids[zone or zones[0]])
        else:
            self.domains = self._mount_targets(resource_name, args, name, file_system, vpc_id, vpc_cidr, vswitch_ids)
        if family == "standard" and args.recycle_bin_days is not None:
            alicloud.nas.RecycleBin(
                f"{resource_name}-recycle-bin",
                file_system_id=file_system.id,
                reserved_days=args.recycle_bin_days,
                # Deleting it empties it, so it stays where the file system stays.
                opts=kept,
            )
        if args.snapshots is not None:
            self.snapshot_policy_id = alicloud.nas.AutoSnapshotPolicy(
                f"{resource_name}-snapshots",
                auto_snapshot_policy_name=name,
                file_system_type="extreme",
                time_points=[str(hour) for hour in sorted(set(args.snapshots.hours))],
                repeat_weekdays=[str(day) for day in sorted(set(args.snapshots.weekdays))],
                retention_days=args.snapshots.retention_days or -1,
                opts=child,
            ).id
        self.mount = Mount(family, args.export_domain if parallel else self.domains[0], EXPORT[family])
        self.register_outputs(
            {"fileSystemId": self.file_system_id, "domains": list(self.domains), "domain": self.mount.domain}
        )

    def _mount_targets(
        self,
        resource_name: str,
        args: FileSystemArgs,
        name: str,
        file_system: alicloud.nas.FileSystem,
        vpc_id: pulumi.Input[str],
        vpc_cidr: str,
        vswitch_ids: Mapping[str, pulumi.Input[str]],
    ) -> Sequence[pulumi.Output[str]]:
        child = pulumi.ResourceOptions(parent=self)
        group = alicloud.nas.AccessGroup(
            f"{resource_name}-access-group",
            access_group_name=name,
            access_group_type="Vpc",
            file_system_type=args.family,
            description=name,
            opts=child,
        )
        rule = alicloud.nas.AccessRule(
            f"{resource_name}-from-vpc",
            access_group_name=group.access_group_name,
            file_system_type=args.family,
            source_cidr_ip=vpc_cidr,
            rw_access_type="RDWR" if args.writable else "RDONLY",
            user_access_type=args.root,
            priority=1,
            opts=child,
        )
        return [
            alicloud.nas.MountTarget(
                f"{resource_name}-mount-target-{zone}",
                file_system_id=file_system.id,
                access_group_name=group.access_group_name,
                network_type="Vpc",
                vpc_id=vpc_id,
                vswitch_id=vswitch_ids[zone],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[rule]),
            ).mount_target_domain
            for zone in mount_zones(args, list(vswitch_ids))
        ]

    def _export(
        self,
        resource_name: str,
        args: FileSystemArgs,
        name: str,
        file_system: alicloud.nas.FileSystem,
        vpc_id: pulumi.Input[str],
        vswitch_id: pulumi.Input[str],
    ) -> None:
        """Export a CPFS file system over NFS. Sources: pulumi-alicloud 4.0.0; API CreateProtocolService, 2025-12-03."""
        child = pulumi.ResourceOptions(parent=self)
        service = alicloud.nas.ProtocolService(
            f"{resource_name}-protocol-service",
            file_system_id=file_system.id,
            protocol_type="NFS",
            protocol_spec=args.cpfs_cache.grade if args.cpfs_cache else "General",
            protocol_throughput=args.cpfs_cache.throughput_mbps if args.cpfs_cache else None,
            description=name,
            vpc_id=vpc_id,
            vswitch_id=vswitch_id,
            opts=child,
        )
        alicloud.nas.ProtocolMountTarget(
            f"{resource_name}-export",
            file_system_id=file_system.id,
            protocol_service_id=service.protocol_service_id,
            path="/",
            description=name,
            access_group_name="DEFAULT_VPC_GROUP_NAME",
            vpc_id=vpc_id,
            vswitch_id=vswitch_id,
            opts=child,
        )
        for path in args.filesets:
            alicloud.nas.Fileset(
                f"{resource_name}-fileset{path.rstrip('/')}",
                file_system_id=file_system.id,
                file_system_path=path,
                description=name,
                deletion_protection=args.retain,
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.retain),
            )
