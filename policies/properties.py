"""Reading properties of which some are unknown before apply."""

from collections.abc import Mapping, Sequence
from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError


class Unknown:
    """Stands for a value that only apply brings."""


UNKNOWN = Unknown()


def known(properties: Mapping[str, Any], name: str) -> Any:
    """A property, or None where it is absent or unknown before apply."""
    try:
        return properties.get(name)
    except UnknownValueError:
        return None


def plain(value: Any) -> Any:
    """A property as plain dictionaries and lists, with UNKNOWN in place of what is unknown before apply."""
    if isinstance(value, Mapping):
        return {key: _item(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_item(value, index) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return plain(container[key])
    except UnknownValueError:
        return UNKNOWN


def require_known(value: Any, path: str) -> None:
    """Raise `UnknownValueError` where anything in a plain value is unknown: the rule is then decided at apply."""
    if isinstance(value, Unknown):
        raise UnknownValueError(UNKNOWN_STRING_VALUE, [path])
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        require_known(item, path)
