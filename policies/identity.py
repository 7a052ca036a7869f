"""Identity and secrets: policies name what they allow, roles name whom they trust, and no program holds credentials."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

from .documents import Statement, allows_everybody, statements
from .resources import DEDICATED_CLUSTER, EDGE_CLUSTER, KEY, MANAGED_CLUSTER, SERVERLESS_CLUSTER
from .rule import Config, Deferred, Inputs, Resource, Subject, Unknown, rule, whole

RAM_POLICY = "alicloud:ram/policy:Policy"
DIRECTORY_POLICY = "alicloud:resourcemanager/policy:Policy"
POLICY_VERSION = "alicloud:resourcemanager/policyVersion:PolicyVersion"
ACCESS_CONFIGURATION = "alicloud:cloudsso/accessConfiguration:AccessConfiguration"
RAM_ROLE = "alicloud:ram/role:Role"
DIRECTORY_ROLE = "alicloud:resourcemanager/role:Role"
ATTACHMENTS = (
    "alicloud:ram/rolePolicyAttachment:RolePolicyAttachment",
    "alicloud:ram/userPolicyAttachment:UserPolicyAttachment",
    "alicloud:ram/groupPolicyAttachment:GroupPolicyAttachment",
    "alicloud:resourcemanager/policyAttachment:PolicyAttachment",
)
LOG_PROJECT = "alicloud:log/project:Project"
KEPT_SECRET = "alicloud:kms/secret:Secret"  # noqa: S105
ACCESS_KEY = "alicloud:ram/accessKey:AccessKey"
LOGIN_PROFILE = "alicloud:ram/loginProfile:LoginProfile"
CLUSTER_PERMISSION = "alicloud:cs/kubernetesPermission:KubernetesPermission"
RBAC = "kubernetes:rbac.authorization.k8s.io/v1"
BINDINGS = tuple(f"{RBAC}:{kind}{suffix}" for kind in ("RoleBinding", "ClusterRoleBinding") for suffix in ("", "Patch"))
ROLES = (f"{RBAC}:Role", f"{RBAC}:RolePatch", f"{RBAC}:ClusterRole", f"{RBAC}:ClusterRolePatch")
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105
HELM = ("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v3:Chart", "kubernetes:helm.sh/v4:Chart")

WILDCARDS = {*"*?"}

POLICY_SYNTAX = "https://www.alibabacloud.com/help/en/ram/policy-structure-and-syntax"
RAM_PRACTICES = "https://www.alibabacloud.com/help/doc-detail/102600.htm"
TRUST_IDP = "https://www.alibabacloud.com/help/en/ram/user-guide/create-a-ram-role-for-a-trusted-idp"
TRUST_ACCOUNT = (
    "https://www.alibabacloud.com/help/en/ram/user-guide/create-a-ram-role-for-a-trusted-alibaba-cloud-account"
)
CREDENTIAL = "https://help.aliyun.com/zh/terraform/alicloud-cs-cluster-credential"
KUBERNETES_RBAC = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
SECRET_TYPES = "https://kubernetes.io/docs/concepts/configuration/secret/#secret-types"  # noqa: S105


def _allowing(inputs: Inputs, key: str) -> Iterator[tuple[str, Statement]]:
    """The statements that allow something, of a document or of its older name `document`, each with its path."""
    name = key if key in inputs else "document"
    for index, statement in enumerate(statements(inputs.get(name))):
        if statement.effect == "Allow":
            yield f"{name}.Statement[{index}]", statement


def _granted(inputs: Inputs) -> Iterator[tuple[str, Statement]]:
    """What a policy allows, also one of the oldest form."""
    yield from _allowing(inputs, "policyDocument")
    for index, each in enumerate(inputs.get("statements", ())):
        if each["effect"] == "Allow":
            yield f"statements[{index}]", Statement("Allow", whole(each["actions"]), whole(each["resources"]))


def _everything(pattern: str) -> bool:
    """Whether an action or a resource is a whole service, or more."""
    return pattern.rpartition(":")[2].strip("*") == ""


def _unnamed(resource: str) -> bool:
    """Whether a resource is all of a service, all of a kind such as `role/*`, or the objects of all buckets."""
    parts = resource.rpartition(":")[2].split("/")
    names = parts if resource.startswith("acs:oss:") else parts[1::2]
    return _everything(resource) or (len(parts) > 1 and not any(part.strip("*") for part in names))


class Actions(Config):
    """Which policies may hold wide actions."""

    allowed: Sequence[str] = ()
    """Actions with a wildcard that may be allowed, as policies write them, such as `cms:*`."""


@rule(
    "ram-policy-names-actions",
    area="identity",
    severity="high",
    types={RAM_POLICY, DIRECTORY_POLICY, POLICY_VERSION},
    needs=["policyDocument", "document", "statements"],
    config=Actions,
    must="RAM policies must name the actions that they allow.",
    how="List the actions that are needed; leave a service's wildcard and NotAction to statements that deny.",
    reference=POLICY_SYNTAX,
)
def ram_policy_names_actions(subject: Subject[Actions]) -> Iterator[str]:
    for path, statement in _granted(subject.inputs):
        wide = [action for action in statement.actions if _everything(action)]
        named = [action for action in wide if action not in subject.config.allowed]
        if named:
            yield f"{path} allows {', '.join(named)}: all that there is to do. Name the actions that are needed."
        if statement.exclusive:
            yield f"{path} allows all but a few actions. Name those that are needed, under Action."


class Resources(Config):
    """Whose resources policies must name."""

    services: Sequence[str] = ("oss", "log", "kms", "ram", "sts")
    """Services whose actions must name their resources."""

    allowed: Sequence[str] = ("*:List*", "*:Describe*")
    """Actions that may be allowed on every resource, as patterns."""


@rule(
    "ram-policy-names-resources",
    area="identity",
    severity="high",
    types={RAM_POLICY, DIRECTORY_POLICY, POLICY_VERSION},
    needs=["policyDocument", "document", "statements"],
    config=Resources,
    must="RAM policies must name the resources on which they allow the actions of storage, logs, keys and identities.",
    how="Replace the resource * by names, such as acs:oss:*:*:bucket/prefix/*.",
    reference=POLICY_SYNTAX,
)
def ram_policy_names_resources(subject: Subject[Resources]) -> Iterator[str]:
    config = subject.config
    for path, statement in _granted(subject.inputs):
        wide = [
            action
            for action in statement.actions
            # Names of services and of actions are of any case.
            if any(fnmatchcase(service, action.partition(":")[0].lower()) for service in config.services)
            and not any(fnmatchcase(action.lower(), pattern.lower()) for pattern in config.allowed)
        ]
        if wide and any(_unnamed(resource) for resource in statement.resources):
            yield f"{path} allows {', '.join(wide)} on every resource. Name the resources."


@rule(
    "no-administrator-rights",
    area="identity",
    severity="critical",
    types={RAM_POLICY, DIRECTORY_POLICY, POLICY_VERSION, ACCESS_CONFIGURATION, *ATTACHMENTS},
    needs=["policyName", "policyDocument", "document", "statements", "permissionPolicies"],
    floor=True,
    must="No identity may get all rights over an account.",
    how="Attach policies with the rights that are needed, in place of AdministratorAccess or of * on *.",
    reference=RAM_PRACTICES,
)
def no_administrator_rights(subject: Subject[Config]) -> Iterator[str]:
    if subject.resource.type in ATTACHMENTS:
        if subject.inputs.get("policyName") == "AdministratorAccess":
            yield "policyName AdministratorAccess gives all rights over the account. Attach one with what is needed."
        return
    for index, each in enumerate(subject.inputs.get("permissionPolicies", ())):
        path = f"permissionPolicies[{index}]"
        if each.get("permissionPolicyName") == "AdministratorAccess":
            yield f"{path} AdministratorAccess gives all rights over the account. Name one with what is needed."
        yield from _administrating((f"{path}: {at}", one) for at, one in _allowing(each, "permissionPolicyDocument"))
    yield from _administrating(_granted(subject.inputs))


def _administrating(granted: Iterable[tuple[str, Statement]]) -> Iterator[str]:
    """What is said of statements that allow everything."""
    for path, statement in granted:
        all_actions = any(not each.strip("*:") for each in statement.actions)
        if (all_actions or statement.exclusive) and any(_everything(each) for each in statement.resources):
            yield f"{path} allows everything on everything. Name what is needed."


@rule(
    "ram-trust-bound",
    area="identity",
    severity="critical",
    types={RAM_ROLE, DIRECTORY_ROLE},
    needs=["assumeRolePolicyDocument", "document"],
    must="Roles that trust an OIDC provider must be bound to one audience and to whole subjects.",
    how="Add the condition StringEquals with oidc:aud and oidc:sub, the latter a service account in full.",
    reference=TRUST_IDP,
)
def ram_trust_bound(subject: Subject[Config]) -> Iterator[str]:
    for path, statement in _allowing(subject.inputs, "assumeRolePolicyDocument"):
        oidc = [name for kind, name in statement.principals if kind == "Federated" and "saml-provider/" not in name]
        equal = statement.conditions.get("StringEquals", {})
        free = [key for key in ("oidc:aud", "oidc:sub") if not equal.get(key) or WILDCARDS & {*"".join(equal[key])}]
        if oidc and free:
            yield (
                f"{path} does not bind {' and '.join(free)}: others whom the provider knows can take the role. Set "
                "StringEquals with whole values."
            )


class Trust(Config):
    """Which accounts roles may trust as a whole."""

    trusted_accounts: Sequence[str] = ()
    """Ids of accounts all of whose identities may take roles."""


@rule(
    "ram-trust-names-principals",
    area="identity",
    severity="critical",
    types={RAM_ROLE, DIRECTORY_ROLE},
    needs=["assumeRolePolicyDocument", "document", "ramUsers"],
    config=Trust,
    must="Roles must name whom they trust.",
    how="Name users, roles or services as principals; trust a whole account with a condition only.",
    reference=TRUST_ACCOUNT,
)
def ram_trust_names_principals(subject: Subject[Trust]) -> Iterator[str]:
    trusted = subject.config.trusted_accounts
    users = Statement("Allow", principals=[("RAM", name) for name in subject.inputs.get("ramUsers", ())])
    for path, statement in (*_allowing(subject.inputs, "assumeRolePolicyDocument"), ("ramUsers", users)):
        for kind, name in statement.principals:
            account = name.removeprefix("acs:ram::").removesuffix(":root")
            if kind != "Federated" and "*" in name:
                yield f"{path} lets {name} take the role: anybody. Name the principals."
            elif name.endswith(":root") and account not in trusted and not statement.narrowed:
                yield (
                    f"{path} lets all of account {account} take the role. Name users or roles, or add a condition on "
                    "who."
                )


@rule(
    "resource-policies-name-principals",
    area="identity",
    severity="critical",
    types={LOG_PROJECT, KEY, KEPT_SECRET},
    needs=["policy"],
    must="Policies of log projects, keys and secrets must name whom they allow something.",
    how="Name users, roles or accounts as principals in policy, or add a condition on who or from where.",
    reference="https://alibabacloud.com/help/en/sls/developer-reference/api-sls-2020-12-30-putprojectpolicy",
)
def resource_policies_name_principals(subject: Subject[Config]) -> Iterator[str]:
    if allows_everybody(subject.inputs.get("policy")):
        yield "policy allows something to everybody. Name the principals, or a VPC in a condition."


@rule(
    "no-access-keys-made",
    area="identity",
    severity="high",
    types={ACCESS_KEY},
    must="Programs must make no AccessKeys.",
    how="Let workloads take a RAM role: with pod identity (RRSA) in a cluster, with an instance's role elsewhere.",
    reference=RAM_PRACTICES,
)
def no_access_keys_made(subject: Subject[Config]) -> Iterator[str]:
    yield "An AccessKey never expires, and the stack's state holds its secret. Let what needs it take a RAM role."


def _leaves(value: Any, path: str, around: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Any]]:
    """All that is written in a value, each with its path and the object that it stands in."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key, value)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{index}]", around)
    else:
        yield path, around, value


PRIVATE_KEY = "a private key"
SHAPES = {
    "an AccessKey id": re.compile(r"(?<![0-9A-Za-z])LTAI(?:[0-9A-Za-z]{12}|[0-9A-Za-z]{17,21})(?![0-9A-Za-z])"),
    "credentials of STS": re.compile(r"\bSTS\.[0-9A-Za-z]{16,}"),
    PRIVATE_KEY: re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
}
"""What credentials look like. Sources: gitleaks, cmd/generate/config/rules/alibaba.go, for ids of 24 characters,
trufflehog, pkg/detectors/alibaba, for those of 21 to 25, rule S6336 of SonarSource for those of 16;
alibabacloud.com/help/doc-detail/28763.htm for STS."""

REFERENCE = re.compile(r"(?:id|ids|arn|ip|name|bucket|cluster|project|dimensions)(?:\[\d+\])*$", re.IGNORECASE)
"""Paths of properties that take the name of another resource, and nothing else."""


class Shapes(Config):
    """Where credentials may stand, as patterns of `<type>:<path>`, such as `kubernetes:core/v1:Secret:data.*`."""

    allowed: Sequence[str] = ()
    """Places of which nothing is said."""

    private_keys: Sequence[str] = (
        "kubernetes:core/v1:Secret:*",
        "alicloud:slb/serverCertificate:ServerCertificate:privateKey",
        "alicloud:cas/*:*",
    )
    """Places that are made for private keys."""


def _readings(text: str) -> Iterator[str]:
    """A text as it stands, and what it is in Base64, as user data and Secrets are written."""
    yield text
    with suppress(ValueError):
        yield base64.b64decode("".join(text.split()), validate=True).decode()


@rule(
    "no-access-key-shapes",
    area="identity",
    severity="critical",
    types=lambda resource: True,
    config=Shapes,
    floor=True,
    must="No property may hold an AccessKey, credentials of STS or a private key.",
    how="Take it out and replace it where it is valid; let workloads take a RAM role, keep private keys in Secrets.",
    reference=RAM_PRACTICES,
)
def no_access_key_shapes(subject: Subject[Shapes]) -> Iterator[str]:
    found, waiting = list[str](), list[str]()
    for path, _, value in _leaves(subject.inputs.plain, "", {}):
        if isinstance(value, Unknown):
            waiting += [] if _refers(subject.resource, path) else [path]
            continue
        for what, shape in SHAPES.items():
            places = (*subject.config.allowed, *(subject.config.private_keys if what == PRIVATE_KEY else ()))
            allowed = any(fnmatchcase(f"{subject.resource.type}:{path}", place) for place in places)
            if not allowed and any(shape.search(text) for text in _readings(str(value))):
                found.append(f"{path} holds {what}. Take it out, and replace it where it is valid.")
    if found:
        yield from found
    elif waiting:
        raise Deferred(waiting[0])


def _refers(resource: Resource, path: str) -> bool:
    """Whether a property takes the name of another resource."""
    return not resource.kubernetes and REFERENCE.search(path) is not None


SECRET_NAMES = re.compile(
    r"(?:passwords?|passwd|passphrase|pwd|(?<!by)(?<!com)pass|secretkey|secretaccesskey|accesskeysecret|clientsecret|"
    r"jwtsecret|apikey|privatekey|token)$"
)
"""Names of values that are secrets, in lower case and without - and _."""

INDICES = re.compile(r"\[\d+\]")


class HelmValues(Config):
    """Which values are no secrets."""

    allowed: Sequence[str] = ()
    """Paths of values that may be set, as patterns, such as `values.grafana.adminPassword`."""


@rule(
    "no-secrets-in-helm-values",
    area="identity",
    severity="high",
    types={*HELM},
    needs=["values"],
    config=HelmValues,
    must="Values of Helm charts must hold no passwords, keys or tokens.",
    how="Put it into a Secret, and give the chart the Secret's name, such as under existingSecret.",
    reference=SECRET_TYPES,
)
def no_secrets_in_helm_values(subject: Subject[HelmValues]) -> Iterator[str]:
    found, waiting = list[str](), list[str]()
    values: Inputs = subject.inputs.get("values", Inputs({}))
    for path, around, value in _leaves(values.plain, "values", {}):
        key = INDICES.sub("", path).rpartition(".")[2]
        name = around.get("name", key) if key == "value" else key
        allowed = any(fnmatchcase(path, each) for each in subject.config.allowed)
        if isinstance(name, Unknown):
            waiting += [] if allowed else [f"{path.removesuffix('value')}name"]
        elif isinstance(value, Unknown):
            # It may be anything, but for what takes the name of another resource.
            waiting += [] if allowed or REFERENCE.search(path) else [path]
        elif SECRET_NAMES.search(re.sub("[-_]", "", str(name).lower())) and _literal(value) and not allowed:
            found.append(f"{path} holds a secret. Put it into a Secret, and give the chart the Secret's name.")
    if found:
        yield from found
    elif waiting:
        raise Deferred(waiting[0])


def _literal(value: Any) -> bool:
    """Whether it stands for itself, not for a variable."""
    if isinstance(value, bool) or value is None:
        return False
    return value != "" and not str(value).startswith("$")


@rule(
    "kubeconfig-not-on-disk",
    area="identity",
    severity="high",
    types={MANAGED_CLUSTER, DEDICATED_CLUSTER, EDGE_CLUSTER, SERVERLESS_CLUSTER},
    needs=["kubeConfig", "clientCert", "clientKey", "clusterCaCert"],
    must="Clusters must not write their credentials to files.",
    how="Leave the paths out; get a credential that expires with cs.get_cluster_credential.",
    reference=CREDENTIAL,
)
def kubeconfig_not_on_disk(subject: Subject[Config]) -> Iterator[str]:
    for key in ("kubeConfig", "clientCert", "clientKey", "clusterCaCert"):
        if subject.inputs.get(key):
            yield f"{key} writes credentials to a file. Leave it out; cs.get_cluster_credential gives some that expire."


@rule(
    "cluster-credentials-not-in-state",
    area="identity",
    severity="medium",
    types={MANAGED_CLUSTER, DEDICATED_CLUSTER, EDGE_CLUSTER},
    needs=["skipSetCertificateAuthority"],
    level="advisory",
    must="Clusters must not leave their certificates in the stack's state.",
    how="Set skipSetCertificateAuthority to true; get a credential that expires with cs.get_cluster_credential.",
    reference=CREDENTIAL,
)
def cluster_credentials_not_in_state(subject: Subject[Config]) -> Iterator[str]:
    if not subject.inputs.get("skipSetCertificateAuthority"):
        yield "The state holds the cluster's certificate and its key. Set skipSetCertificateAuthority to true."


@rule(
    "users-with-mfa",
    area="identity",
    severity="high",
    types={LOGIN_PROFILE},
    needs=["mfaBindRequired"],
    must="Users who log on to the console must need a second factor.",
    how="Set mfaBindRequired to true.",
    reference="https://www.alibabacloud.com/help/en/ram/user-guide/manage-console-logon-settings-for-a-ram-user",
    remedy={"mfaBindRequired": True},
)
def users_with_mfa(subject: Subject[Config]) -> Iterator[str]:
    if not subject.inputs.get("mfaBindRequired"):
        yield "The user logs on with a password alone. Set mfaBindRequired to true."


class Session(Config):
    """How long sessions may be."""

    maximum_seconds: int = 3600
    """Seconds that a session of a role may last, from 3600 to 43200."""


@rule(
    "ram-role-session-bounded",
    area="identity",
    severity="low",
    types={RAM_ROLE, DIRECTORY_ROLE},
    needs=["maxSessionDuration"],
    config=Session,
    level="advisory",
    must="Sessions of roles must be short.",
    how="Lower maxSessionDuration; what runs longer renews its credentials by itself.",
    reference="https://www.alibabacloud.com/help/en/ram/user-guide/specify-the-maximum-session-duration-for-a-ram-role",
)
def ram_role_session_bounded(subject: Subject[Session]) -> Iterator[str]:
    seconds, maximum = subject.inputs.get("maxSessionDuration", 3600), subject.config.maximum_seconds
    if seconds > maximum:
        yield f"maxSessionDuration {seconds:.0f} is above {maximum} s: stolen credentials stay valid so long. Lower it."


EVERY_VERB = frozenset({"create", "delete", "get", "list", "patch", "update", "watch"})
"""Verbs that together let everything be done."""


@rule(
    "kubernetes-rbac-names-verbs",
    area="identity",
    severity="critical",
    types={*ROLES},
    needs=["rules"],
    must="Roles in a cluster must not allow everything on everything.",
    how="Name the API groups, resources and verbs that are needed.",
    reference=KUBERNETES_RBAC,
)
def kubernetes_rbac_names_verbs(subject: Subject[Config]) -> Iterator[str]:
    for index, each in enumerate(subject.inputs.get("rules", ())):
        groups = {*each.get("apiGroups", ())}
        verbs, resources = {*each.get("verbs", ())}, {*each.get("resources", ())}
        if ("*" in verbs or verbs >= EVERY_VERB) and resources & {"*", "*/*"} and groups & {"", "*"}:
            yield f"rules[{index}] allows every verb on every resource, Secrets too. Name verbs and resources."


class Administrators(Config):
    """Who may administrate clusters."""

    administrators: Sequence[str] = ()
    """Names of subjects of bindings and ids of RAM users and roles that may."""


ADMINISTRATING = ("cluster-admin", "cs:admin")
"""ClusterRoles with all rights: that of Kubernetes, and ACK's own. Source: https://www.alibabacloud.com/help/en/ack/
product-overview/product-changes-ack-updates-templates-of-predefined-rbac-roles-during-cluster-updates."""


@rule(
    "no-cluster-admin-bound",
    area="identity",
    severity="critical",
    types={*BINDINGS, CLUSTER_PERMISSION},
    needs=["roleRef.name", "subjects", "permissions"],
    config=Administrators,
    must="Nobody but named administrators may administrate a cluster.",
    how="Bind a role with the rights that are needed, or list the subject under administrators.",
    reference=KUBERNETES_RBAC,
)
def no_cluster_admin_bound(subject: Subject[Administrators]) -> Iterator[str]:
    inputs, administrators = subject.inputs, subject.config.administrators
    role = inputs.get("roleRef", {}).get("name")
    if role in ADMINISTRATING:
        named = [str(each.get("name")) for each in inputs.get("subjects", ())]
        others = [name for name in named if name not in administrators]
        if others:
            yield f"roleRef {role} gives {', '.join(others)} all rights. Bind a role with what is needed."
    for index, each in enumerate(inputs.get("permissions", ())):
        administrates = each.get("roleName") in ("admin", *ADMINISTRATING) and each.get("roleType") != "namespace"
        if administrates and inputs.get("uid") not in administrators:
            yield (
                f"permissions[{index}] makes {inputs.get('uid')} an administrator of the cluster. Give the role dev, "
                "ops or restricted, or limit it to a namespace."
            )


EVERYBODY = ("system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts")


@rule(
    "no-rights-for-everybody",
    area="identity",
    severity="critical",
    types={*BINDINGS},
    needs=["subjects"],
    must="Bindings must name users, groups or service accounts, not everybody.",
    how="Replace the built-in group by those who need the rights.",
    reference=KUBERNETES_RBAC,
)
def no_rights_for_everybody(subject: Subject[Config]) -> Iterator[str]:
    for index, each in enumerate(subject.inputs.get("subjects", ())):
        if each.get("name") in EVERYBODY:
            yield f"subjects[{index}] is {each.get('name')}, which is everybody. Name those who need the rights."


@rule(
    "service-account-token-not-made",
    area="identity",
    severity="high",
    types={SECRET},
    needs=["type"],
    must="Secrets must hold no tokens of service accounts.",
    how="Let pods use the token that is mounted into them; elsewhere ask for one that expires, with TokenRequest.",
    reference=SECRET_TYPES,
)
def service_account_token_not_made(subject: Subject[Config]) -> Iterator[str]:
    if subject.inputs.get("type") == "kubernetes.io/service-account-token":
        yield "A token in a Secret never expires. Use the pod's own token, or ask for one with TokenRequest."
