"""What pods of the platform's own say for the level `restricted`: they are nobody, and write nowhere but where told."""

from typing import Any

NOBODY: dict[str, Any] = {
    "run_as_non_root": True,
    "run_as_user": 65_532,
    "seccomp_profile": {"type": "RuntimeDefault"},
}
"""Security context of a pod."""

CONFINED: dict[str, Any] = {
    "allow_privilege_escalation": False,
    "read_only_root_filesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
"""Security context of a container."""
