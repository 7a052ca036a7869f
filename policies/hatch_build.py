"""The pack's wheel: the package `ack_ai_blueprint_policies`, which finds the components under their published name."""

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NAMES = {"components": "ack_ai_blueprint", "policies": "ack_ai_blueprint_policies"}
IMPORT = re.compile(r"^(\s*(?:from|import) )(components|policies)\b", re.MULTILINE)


class PublishedNames(BuildHookInterface[Any]):
    """Copies the modules with their imports renamed."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the copies into the wheel."""
        self.copies = Path(tempfile.mkdtemp())
        for path in Path(self.root).glob("*.py"):
            if path.name != Path(__file__).name:
                text = IMPORT.sub(lambda found: found[1] + NAMES[found[2]], path.read_text(encoding="utf-8"))
                (self.copies / path.name).write_text(text, encoding="utf-8")
        (self.copies / "py.typed").touch()
        build_data["force_include"][str(self.copies)] = NAMES["policies"]

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copies."""
        shutil.rmtree(self.copies)
