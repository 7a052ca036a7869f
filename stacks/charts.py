"""The charts for jobs, rendered with what an environment knows of a namespace."""

import io
import tarfile
from pathlib import Path
from typing import Any

import yaml

from components.inputs import one_of
from components.job_templates.common import PlatformValues

from .loading import DIRECTORY
from .values import dumped

CHARTS = DIRECTORY.parent / "charts"


class UnreadableChart(Exception):
    """A chart that is none, or that its values do not fit."""


def chart_names() -> list[str]:
    """The charts for jobs."""
    return sorted(path.parent.name for path in CHARTS.glob("*/values.schema.json"))


def archive(chart: str) -> bytes:
    """A chart as Helm packages it, the shared library in it: Helm prints a line for each link that it follows."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", dereference=True) as target:
        target.add(CHARTS / chart, arcname=chart)
    return buffer.getvalue()


def rendered(chart: str, namespace: str, platform: PlatformValues, file: Path) -> list[dict[str, Any]]:
    """The manifests of a chart's release, which has the name of its file of values.

    Helm itself renders them, out of the package helm-python-sdk. Raises `UnreadableChart`.
    """
    if chart not in chart_names():
        raise UnreadableChart(f"--chart {chart}: {one_of(chart, chart_names(), 'one of the charts')}")
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UnreadableChart(f"{file}: not readable as YAML: {reason}") from None
    if not isinstance(values, dict):
        raise UnreadableChart(f"{file}: holds something else than values of a chart")
    try:
        import helm_python
    except ImportError:
        message = "the package helm-python-sdk is missing, which renders charts: make job installs it"
        raise UnreadableChart(message) from None
    try:
        with helm_python.Chart.load_archive(archive(chart)) as loaded:
            texts = loaded.render(values={**values, "platform": dumped(platform)}, name=file.stem, namespace=namespace)
    except helm_python.HelmError as error:
        raise UnreadableChart(f"{file}: the chart {chart} refuses these values:\n{error}".rstrip()) from None
    return [
        document
        for path, text in sorted(texts.items())
        if path.startswith(f"{chart}/templates/")
        for document in yaml.safe_load_all(text)
        if document
    ]
