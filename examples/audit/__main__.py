"""A team's own program, as many are: it works, and much of it would not pass a review."""

import pulumi
import pulumi_alicloud as alicloud
import pulumi_kubernetes as kubernetes

network = alicloud.vpc.Network("network", cidr_block="10.0.0.0/8")
switch = alicloud.vpc.Switch("switch", vpc_id=network.id, cidr_block="10.0.0.0/24", zone_id="cn-hangzhou-k")

cluster = alicloud.cs.ManagedKubernetes(
    "cluster",
    name="their-cluster",
    cluster_spec="ack.standard",
    vswitch_ids=[switch.id],
    service_cidr="172.16.0.0/16",
    pod_cidr="172.20.0.0/16",
    slb_internet_enabled=True,
)
workers = alicloud.cs.NodePool(
    "workers",
    node_pool_name="workers",
    cluster_id=cluster.id,
    vswitch_ids=[switch.id],
    instance_types=["ecs.g8i.2xlarge"],
    password=pulumi.Config().get_secret("password") or "Hello1234",
    internet_max_bandwidth_out=100,
    scaling_config={"enable": True, "min_size": 0, "max_size": 40},
)

data = alicloud.oss.Bucket("data", bucket="their-data", acl="public-read", force_destroy=True)

role = alicloud.ram.Role(
    "jobs",
    role_name="jobs",
    assume_role_policy_document="""{"Version": "1", "Statement": [
        {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": ["ecs.aliyuncs.com"]}}]}""",
)
policy = alicloud.ram.Policy(
    "jobs",
    policy_name="jobs",
    policy_document='{"Version": "1", "Statement": [{"Action": "oss:*", "Resource": "*", "Effect": "Allow"}]}',
)
alicloud.ram.RolePolicyAttachment(
    "jobs", policy_name=policy.policy_name, policy_type="Custom", role_name=role.role_name
)

kubernetes.apps.v1.Deployment(
    "api",
    metadata={"name": "api", "namespace": "default"},
    spec={
        "replicas": 2,
        "selector": {"matchLabels": {"app": "api"}},
        "template": {
            "metadata": {"labels": {"app": "api"}},
            "spec": {
                "containers": [{"name": "api", "image": "their/api:latest", "securityContext": {"privileged": True}}]
            },
        },
    },
)
