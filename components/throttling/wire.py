"""The XML bodies of resource pool QoS.

Read tolerantly: the sources contradict each other on the case of names (`QoSConfiguration`, `QosConfiguration`) and on
what is wrapped in what. Written exactly as in the user guide's samples. Sources: alibabacloud.com/help/en/oss/
user-guide/oss-resource-pool-qos and .../developer-reference/putbucketqosinfo, putresourcepoolpriorityqosconfiguration.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal
from xml.etree import ElementTree

UNLIMITED = -1
"""No limit of its own. 0 would forbid the traffic."""

DIRECTIONS = ("upload", "download")
NETWORKS = ("total", "intranet", "internet")
BANDWIDTH_ITEMS: Sequence[str] = tuple(f"{direction}_{network}" for direction in DIRECTIONS for network in NETWORKS)
REQUEST_ITEMS: Sequence[str] = tuple(f"requests_{network}" for network in NETWORKS)

_NETWORK = {"total": "Total", "intranet": "Intranet", "internet": "Extranet"}
_WHAT = {"upload": "UploadBandwidth", "download": "DownloadBandwidth", "requests": "Qps"}
SubjectKind = Literal["bucket", "group", "requester"]
SUBJECTS: Mapping[SubjectKind, str] = {"bucket": "Bucket", "group": "BucketGroup", "requester": "Requester"}


class Malformed(ValueError):
    """An answer that is not the XML that it should be, or was cut short."""


def element_name(item: str) -> str:
    """What an item is called on the wire: `upload_internet` is `ExtranetUploadBandwidth`."""
    what, network = item.split("_")
    return f"{_NETWORK[network]}{_WHAT[what]}"


def whole(value: object) -> int:
    """A number as an integer: Pulumi hands over 10 as 10.0, which OSS would not take."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ValueError(f"not a whole number: {value!r}")
    return int(value)


@dataclass(frozen=True)
class Qos:
    """Limits or a minimum: bandwidths in Gbit/s, requests a second; -1 is unlimited."""

    upload_total: int = UNLIMITED
    upload_intranet: int = UNLIMITED
    upload_internet: int = UNLIMITED
    download_total: int = UNLIMITED
    download_intranet: int = UNLIMITED
    download_internet: int = UNLIMITED
    requests_total: int = UNLIMITED
    requests_intranet: int = UNLIMITED
    requests_internet: int = UNLIMITED

    @property
    def items(self) -> Mapping[str, int]:
        """All items by name."""
        return asdict(self)

    @property
    def finite(self) -> Mapping[str, int]:
        """The items that are limited."""
        return {name: value for name, value in self.items.items() if value != UNLIMITED}

    def bandwidth_only(self) -> "Qos":
        """The same without requests a second."""
        return Qos(**{name: self.items[name] for name in BANDWIDTH_ITEMS})

    def least(self, other: "Qos") -> "Qos":
        """What holds where both do: the smaller of each item."""
        mine, others = self.items, other.items
        return Qos(**{name: min((v for v in (mine[name], others[name]) if v >= 0), default=UNLIMITED) for name in mine})

    def capped(self) -> "Qos":
        """The same, no total above what its networks have together."""
        items = dict(self.items)
        for what in _WHAT:
            parts = [items[f"{what}_{network}"] for network in ("intranet", "internet")]
            total = items[f"{what}_total"]
            if UNLIMITED not in parts and (total == UNLIMITED or total > sum(parts)):
                items[f"{what}_total"] = sum(parts)
        return Qos(**items)

    def properties(self) -> dict[str, int]:
        """As a resource's input: every bandwidth, and requests a second where they are set."""
        return {
            _camel(name): value for name, value in self.items.items() if name in BANDWIDTH_ITEMS or value != UNLIMITED
        }


ITEMS: Sequence[str] = tuple(field.name for field in fields(Qos))


def _camel(item: str) -> str:
    what, network = item.split("_")
    return what + network.capitalize()


def qos_of(properties: Mapping[str, Any]) -> Qos:
    """The inverse of `Qos.properties`; raises ValueError for other keys and what is not whole."""
    names = {_camel(item): item for item in ITEMS}
    unknown = sorted(set(properties) - set(names))
    if unknown:
        raise ValueError(f"unknown items {', '.join(unknown)}; allowed: {', '.join(names)}")
    return Qos(**{names[key]: whole(value) for key, value in properties.items()})


@dataclass(frozen=True)
class Level:
    """One level of a priority document. minimum: None for the document's default; subjects: (kind, name or id)."""

    level: int
    minimum: Qos | None
    subjects: frozenset[tuple[SubjectKind, str]] = frozenset()


@dataclass(frozen=True)
class PriorityDocument:
    """All priorities of a pool; it is written as a whole."""

    count: int
    default_level: int
    default_minimum: Qos | None = None
    levels: Sequence[Level] = ()

    def effective(self) -> Mapping[str, Any]:
        """What it amounts to, whichever of the ways to write it was used."""
        given = {level.level: level for level in self.levels}
        return {
            "count": self.count,
            "default_level": self.default_level,
            "levels": [
                (level.minimum or self.default_minimum, level.subjects)
                for number in range(1, self.count + 1)
                for level in (given.get(number, Level(number, None)),)
            ],
        }

    def named(self, names: Mapping[str, str]) -> "PriorityDocument":
        """The same with other names for its subjects."""
        levels = [replace(o, subjects=frozenset((kind, names[name]) for kind, name in o.subjects)) for o in self.levels]
        return replace(self, levels=tuple(levels))

    def properties(self) -> dict[str, Any]:
        """As a resource's input."""
        return {
            "count": self.count,
            "defaultLevel": self.default_level,
            **({"defaultMinimum": self.default_minimum.properties()} if self.default_minimum else {}),
            "levels": [
                {
                    "level": level.level,
                    **({"minimum": level.minimum.properties()} if level.minimum else {}),
                    **{
                        f"{kind}s": sorted(name for of, name in level.subjects if of == kind)
                        for kind in SUBJECTS
                        if any(of == kind for of, _ in level.subjects)
                    },
                }
                for level in sorted(self.levels, key=lambda level: level.level)
            ],
        }


def document_of(properties: Mapping[str, Any]) -> PriorityDocument:
    """The inverse of `PriorityDocument.properties`."""
    default = properties.get("defaultMinimum")
    return PriorityDocument(
        count=whole(properties["count"]),
        default_level=whole(properties["defaultLevel"]),
        default_minimum=qos_of(default) if default else None,
        levels=tuple(
            Level(
                whole(level["level"]),
                qos_of(level["minimum"]) if level.get("minimum") else None,
                frozenset((kind, str(name)) for kind in SUBJECTS for name in level.get(f"{kind}s") or ()),
            )
            for level in properties["levels"]
        ),
    )


def write_qos(qos: Qos) -> bytes:
    """The body of every call that sets limits: all six bandwidths, requests a second only where they are set."""
    root = ElementTree.Element("QoSConfiguration")
    _write_items(root, qos, requests=True)
    return ElementTree.tostring(root)


def write_priorities(document: PriorityDocument) -> bytes:
    """The body of both calls that set priorities."""
    root = ElementTree.Element("PriorityQosConfiguration")
    _write(root, "PriorityCount", document.count)
    _write(root, "DefaultPriorityLevel", document.default_level)
    if document.default_minimum:
        _write_items(ElementTree.SubElement(root, "DefaultGuaranteedQosConfiguration"), document.default_minimum)
    for level in sorted(document.levels, key=lambda level: level.level):
        element = ElementTree.SubElement(root, "QosPriorityLevelConfiguration")
        _write(element, "PriorityLevel", level.level)
        if level.minimum:
            _write_items(ElementTree.SubElement(element, "GuaranteedQosConfiguration"), level.minimum)
        if level.subjects:
            subjects = ElementTree.SubElement(element, "Subjects")
            for kind, name in sorted(level.subjects):
                _write(subjects, SUBJECTS[kind], name)
    return ElementTree.tostring(root)


def read_qos(body: bytes) -> Qos:
    """The limits in an answer, whatever they are wrapped in."""
    root = _root(body)
    return _read_items(_find(root, "QoSConfiguration", "read of limits"))


def read_priorities(body: bytes) -> PriorityDocument:
    """The priorities in an answer."""
    root = _find(_root(body), "PriorityQosConfiguration", "read of priorities")
    default = _child(root, "DefaultGuaranteedQosConfiguration")
    levels: list[Level] = []
    for element in _children(root, "QosPriorityLevelConfiguration"):
        minimum, subjects = _child(element, "GuaranteedQosConfiguration"), _child(element, "Subjects")
        levels.append(
            Level(
                _integer(element, "PriorityLevel"),
                None if minimum is None else _read_items(minimum),
                frozenset(
                    (kind, (child.text or "").strip())
                    for kind, tag in SUBJECTS.items()
                    for child in (() if subjects is None else _children(subjects, tag))
                ),
            )
        )
    return PriorityDocument(
        _integer(root, "PriorityCount"),
        _integer(root, "DefaultPriorityLevel"),
        None if default is None else _read_items(default),
        tuple(sorted(levels, key=lambda level: level.level)),
    )


@dataclass(frozen=True)
class Page:
    """One page of a list. entries: the texts of each entry's children by lowercase name; next: token of the next."""

    entries: Sequence[Mapping[str, Sequence[str]]]
    next: str | None


def read_page(body: bytes, entry: str) -> Page:
    """One page of a list of `entry` elements."""
    root = _root(body)
    entries: list[Mapping[str, Sequence[str]]] = []
    for element in _children(root, entry):
        texts: dict[str, list[str]] = {}
        for child in element:
            texts.setdefault(_local(child), []).append((child.text or "").strip())
        entries.append(texts)
    truncated, token = _text(root, "IsTruncated"), _text(root, "NextContinuationToken")
    return Page(entries, token or None if truncated.lower() == "true" else None)


def _write(parent: ElementTree.Element, name: str, value: object) -> None:
    ElementTree.SubElement(parent, name).text = str(value if isinstance(value, str) else whole(value))


def _write_items(parent: ElementTree.Element, qos: Qos, *, requests: bool = False) -> None:
    for item, value in qos.items.items():
        if item in BANDWIDTH_ITEMS or (requests and value != UNLIMITED):
            _write(parent, element_name(item), value)


def _root(body: bytes) -> ElementTree.Element:
    if re.search(rb"<!(DOCTYPE|ENTITY)", body, re.IGNORECASE):
        raise Malformed("an answer with a document type")
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - without a document type there is nothing to expand
    except ElementTree.ParseError as error:
        raise Malformed(f"not XML, or cut short: {error}") from None


def _local(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2].lower()


def _children(parent: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (child for child in parent if _local(child) == name.lower())


def _child(parent: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next(_children(parent, name), None)


def _find(root: ElementTree.Element, name: str, what: str) -> ElementTree.Element:
    found = next((element for element in root.iter() if _local(element) == name.lower()), None)
    if found is None:
        raise Malformed(f"no {name} in the answer to a {what}")
    return found


def _text(parent: ElementTree.Element, name: str) -> str:
    child = _child(parent, name)
    return "" if child is None else (child.text or "").strip()


def _integer(parent: ElementTree.Element, name: str) -> int:
    text = _text(parent, name)
    if not re.fullmatch(r"-?[0-9]+", text):
        raise Malformed(f"{name} is {text!r}, not a whole number")
    return int(text)


def _read_items(element: ElementTree.Element) -> Qos:
    # What is left out is unlimited.
    return Qos(
        **{item: _integer(element, element_name(item)) for item in ITEMS if _text(element, element_name(item)) != ""}
    )
