"""The cluster: private, encrypted, logged, and with nothing that the provider would choose badly by itself."""

import pytest

from components.cluster import Cluster, ClusterArgs
from components.inputs import InvalidInput
from stacks.preview.recording import SECRET, Recording
from support import only, recorded


def _cluster(args: ClusterArgs | None = None, **further: object) -> Recording:
    def program() -> None:
        import pulumi

        cluster = Cluster(
            "cluster",
            args or ClusterArgs(),
            name="acme-test",
            vswitch_ids=["vsw-1"],
            pod_vswitch_ids=["vsw-2"],
            security_group_id="sg-1",
            **{"encryption_key_id": "key-1", **further},  # pyright: ignore[reportArgumentType]
        )
        pulumi.export("kubeconfig", cluster.kubeconfig)

    return recorded(program)


def test_defaults() -> None:
    inputs = only(_cluster(), "alicloud:cs/managedKubernetes:ManagedKubernetes").inputs
    assert inputs["newNatGateway"] is False
    assert inputs["slbInternetEnabled"] is False
    assert inputs["enableRrsa"] is True
    assert (inputs["encryptionProviderKey"], inputs["disableEncryption"]) == ("key-1", False)
    assert inputs["skipSetCertificateAuthority"] is True
    assert inputs["timezone"] == "Asia/Shanghai"
    assert inputs["controlPlaneLogTtl"] == "30"
    assert inputs["maintenanceWindow"] == {
        "enable": True,
        "maintenanceTime": "2026-01-01T02:00:00+08:00",
        "duration": "4h",
        "weeklyPeriod": "Saturday,Sunday",
    }
    assert "operationPolicy" not in inputs or inputs["operationPolicy"]["clusterAutoUpgrade"]["enabled"] is False


def test_only_what_must_exist_at_creation_is_inline() -> None:
    cluster = only(_cluster(), "alicloud:cs/managedKubernetes:ManagedKubernetes")
    assert {addon["name"] for addon in cluster.inputs["addons"]} == {
        "terway-eniip",
        "terway-controlplane",
        "csi-plugin",
        "managed-csiprovisioner",
        "managed-coredns",
        "nginx-ingress-controller",
    }
    assert set(cluster.options.ignore_changes) == {"addons", "podVswitchIds"}


def test_automatic_upgrades_own_the_version_after_creation() -> None:
    recording = _cluster(ClusterArgs(auto_upgrade="patch"))
    inputs = only(recording, "alicloud:cs/managedKubernetes:ManagedKubernetes").inputs
    assert inputs["version"] == ClusterArgs().version
    assert "version" in only(recording, "alicloud:cs/managedKubernetes:ManagedKubernetes").options.ignore_changes
    assert inputs["operationPolicy"] == {"clusterAutoUpgrade": {"enabled": True, "channel": "patch"}}


def test_kubeconfig_is_a_secret() -> None:
    assert _cluster().outputs["kubeconfig"] == SECRET


def test_secret_encryption_needs_a_key() -> None:
    def program() -> None:
        with pytest.raises(InvalidInput, match="needs encryption_key_id"):
            Cluster(
                "cluster",
                ClusterArgs(version="2.0"),
                name="acme",
                vswitch_ids=[],
                pod_vswitch_ids=[],
                security_group_id="sg-1",
            )

    assert recorded(program).resources == []
