"""Brings this package, the model and the operator's files to executors that have them not.

All of it travels as one archive, which each Python process of an executor unpacks once, into a folder that only it may
read. Executors need Python with numpy, pyarrow, pandas, onnxruntime and what else the package depends on.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import zeek_beacons
from zeek_beacons.files import shipped_models
from zeek_beacons.spark.judge import Model

MODEL, GIVEN = "model", "given"  # folders of the archive


@dataclass(frozen=True, slots=True)
class Archive:
    """The package and the files of a model, and where the model lies when the archive is unpacked."""

    content: bytes
    model: Model

    @property
    def digest(self) -> str:
        """What tells this archive from others."""
        return hashlib.sha256(self.content).hexdigest()[:16]


def packed(model: Model) -> Archive:
    """Everything that executors need of us; paths in the model are then relative to where it is unpacked."""
    package = Path(zeek_beacons.__file__).resolve().parent
    files = {f"{package.name}/{path.relative_to(package).as_posix()}": path for path in package.rglob("*.py")}
    files |= {f"{package.name}/models/{path.name}": path for path in _files(shipped_models())}
    folder = None
    if model.folder is not None:
        own = model.folder.resolve() != shipped_models().resolve()
        folder = Path(MODEL if own else f"{package.name}/models")
        files |= {f"{MODEL}/{path.name}": path for path in _files(model.folder)} if own else {}
    given = {one: f"{GIVEN}/{at}-{Path(one).name}" for at, one in enumerate((*model.intel, *model.mmdb)) if one}
    files |= {name: Path(one) for one, name in given.items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name].read_bytes(), zipfile.ZIP_DEFLATED)
    intel, mmdb = (tuple(given[one] for one in files if one) for files in (model.intel, model.mmdb))
    return Archive(buffer.getvalue(), replace(model, folder=folder, intel=intel, mmdb=mmdb))


def stage(module: str, name: str, arguments: tuple[Any, ...], archive: tuple[str, Any] | None) -> Callable[..., Any]:
    """A stage that runs on executors: what the function `name` of a module makes of `arguments`.

    `archive`: its digest and a broadcast of its content, None where executors have the package. The stage itself needs
    nothing of ours before it is unpacked.
    """
    pickled = pickle.dumps(arguments)

    def work(batches: Iterator[Any]) -> Iterator[Any]:
        import importlib
        import io
        import pickle
        import sys
        import tempfile
        import zipfile

        if archive is not None:
            digest, content = archive
            root = next((path for path in sys.path if f"zeek-beacons-{digest}-" in path), None)
            if root is None:
                root = tempfile.mkdtemp(prefix=f"zeek-beacons-{digest}-")
                zipfile.ZipFile(io.BytesIO(content.value)).extractall(root)
                sys.path.insert(0, root)
                for loaded in [one for one in sys.modules if one.split(".")[0] == "zeek_beacons"]:
                    del sys.modules[loaded]
        made = getattr(importlib.import_module(module), name)(*pickle.loads(pickled))  # noqa: S301  our own
        yield from made(batches)

    return work


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())
