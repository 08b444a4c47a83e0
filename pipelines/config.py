"""The configuration: one YAML file, validated as a whole before anything runs."""

import fnmatch
import os
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.records import AnnotatorKind
from prefcurate.transforms.annotate.annotator import check_distinct
from prefcurate.transforms.annotate.chat import ChatOptions
from prefcurate.transforms.annotate.options import AnnotatorOptions
from prefcurate.transforms.annotate.reward_head import RewardHead
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.describe.options import DescribeOptions
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import BenchmarkOptions, GoldOptions, SourceOptions, benchmarks_apart
from prefcurate.transforms.mistakes import mistakes, unknown_name
from prefcurate.transforms.options import Options
from prefcurate.transforms.publish.options import PublishOptions
from prefcurate.transforms.route.options import RouteOptions
from prefcurate.transforms.rubrics.options import RubricOptions
from prefcurate.transforms.screen.options import ScreenOptions
from prefcurate.transforms.store.files import absolute, read_bytes

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 as an address to ask, not to listen at


class ConfigError(WrongSetting):
    """The configuration is wrong; every line names the key, the value and the remedy. Nothing was paid."""


class Config(Options):
    """Everything that a run is told. Relative paths are relative to the folder of the YAML file."""

    store: str
    shards: int = 16
    seed: int = 7
    budget: float | None = Field(default=None, ge=0)
    sources: tuple[SourceOptions, ...]
    benchmarks: tuple[BenchmarkOptions, ...] = ()
    gold: GoldOptions = GoldOptions()
    overrides: str | None = None
    limit: int | None = Field(default=None, ge=1)
    """Rows read of each file, for a taste (`--limit` sets it); all by default."""
    max_quarantined: float | None = Field(default=None, ge=0, le=1)
    """Share of a source's rows in quarantine above which a run stops after ingest; no share stops one by default."""
    embed: EmbedOptions = EmbedOptions()
    screen: ScreenOptions = ScreenOptions()
    describe: DescribeOptions = DescribeOptions()
    rubrics: RubricOptions = RubricOptions()
    annotators: tuple[AnnotatorOptions, ...] = ()
    consensus: ConsensusOptions = ConsensusOptions()
    route: RouteOptions = RouteOptions()
    publish: PublishOptions = PublishOptions()
    _folder: str = PrivateAttr(".")

    @model_validator(mode="before")
    @classmethod
    def _benchmarks_are_no_sources(cls, values: Any) -> Any:
        return benchmarks_apart(values)

    @field_validator("shards")
    @classmethod
    def _power_of_two(cls, shards: int) -> int:
        shard_of("0" * 32, shards)
        return shards

    @field_validator("sources")
    @classmethod
    def _some_source(cls, sources: tuple[SourceOptions, ...]) -> tuple[SourceOptions, ...]:
        # Not by `min_length`: that also complains of too few when the only source has a mistake.
        if not sources:
            raise ValueError("name at least one; see examples/quickstart.yaml")
        return sources

    @model_validator(mode="after")
    def _unique_names(self) -> "Config":
        for what in ("sources", "benchmarks", "annotators"):
            names = [item.name for item in getattr(self, what)]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what}: the name {twice[0]!r} is used twice; every name must be its own")
        check_distinct(self.annotators)
        return self

    @model_validator(mode="after")
    def _gold_is_of_known_sources(self) -> "Config":
        known = [source.name for source in self.sources]
        unknown = [name for name in self.gold.sources if name not in known]
        if unknown:
            raise ValueError(f"gold.sources: {unknown_name('source', unknown[0], known)}")
        return self

    @model_validator(mode="after")
    def _agreements_are_of_known_annotators(self) -> "Config":
        rules = self.consensus.agreement
        twice = sorted({rule.name for rule in rules if [r.name for r in rules].count(rule.name) > 1})
        if twice:
            raise ValueError(f"consensus.agreement: the name {twice[0]!r} is used twice; every name must be its own")
        for rule in rules:
            wrong = next((found for name in rule.annotators if (found := self._unheard(name))), None)
            if wrong:
                raise ValueError(f"consensus.agreement.{rule.name}: {wrong}")
            heard = rule.naming(self._names_in_tables()).annotators
            if repeated := [name for name in heard if heard.count(name) > 1]:
                raise ValueError(
                    f"consensus.agreement.{rule.name}: {repeated[0]!r} is named twice; nobody agrees with anybody by agreeing with himself"
                )
        return self

    def _names_in_tables(self) -> dict[str, str]:
        return {annotator.name: annotator.annotator for annotator in self.annotators}

    def _unheard(self, name: str) -> str:
        """Why nobody can have a name, our own or that of somebody who comes with the data; "" where somebody may.

        Who comes with the data is known only when it is read, but not from which sources.
        """
        known = self._names_in_tables()
        if name in known or any(fnmatch.fnmatchcase(ours, name) for ours in known.values()):
            return ""
        kind, _, who = name.partition(":")
        source, slash, _ = who.partition("/")
        if not slash and "*" not in who:
            return (
                f"{unknown_name('annotator', name, known)}; one that came with the data is named as in the table annotators, such as "
                "llm_judge:arena/gpt-4"
            )
        sources = [each.name for each in self.sources]
        for what, given, there in (("kind", kind, get_args(AnnotatorKind)), ("source", source, sources)):
            if not fnmatch.filter(there, given):
                return f"{name!r} is none of `annotators`, and {unknown_name(what, given, there)}"
        return ""

    @model_validator(mode="after")
    def _heads_have_gold_to_learn_from(self) -> "Config":
        if not self.gold.annotators and not self.gold.sources:
            for annotator in self.annotators:
                if isinstance(annotator, RewardHead) and annotator.learn_from == "gold":
                    raise ValueError(
                        f"annotators.{annotator.name}.learn_from: it would learn from gold, and nobody's labels are; say under `gold` whose are"
                    )
        return self

    @model_validator(mode="after")
    def _budget_knows_prices(self) -> "Config":
        askers = {f"annotators.{a.name}": a for a in self.annotators if isinstance(a, ChatOptions)}
        models = {"describe.llm": self.describe.llm, "rubrics.llm": self.rubrics.llm}
        for where, chat in (askers | models).items():
            if self.budget is not None and chat is not None and "price" not in chat.model_fields_set:
                _check_free(where, chat.endpoint)
        return self


def _check_free(where: str, endpoint: str) -> None:
    if urlsplit(endpoint).hostname not in _THIS_MACHINE:
        raise ValueError(
            f"{where}.price: this key is required beside `budget`, which could not hold without it; add price: "
            f"{{input: …, output: …}} in USD per million tokens, of 0 where {endpoint} costs nothing"
        )


class _UniqueKeys(yaml.SafeLoader):
    """YAML without objects, in which a key that stands twice is an error."""


def _mapping(loader: _UniqueKeys, node: yaml.MappingNode) -> dict[Any, Any]:
    own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
    keys = [loader.construct_object(key, deep=True) for key in own]
    for key in keys:
        if keys.count(key) > 1:
            raise ConfigError(f"line {node.start_mark.line + 1}: the key {key!r} stands twice; only one could count")
    return loader.construct_mapping(node, deep=True)


_UniqueKeys.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_config(path: str) -> Config:
    """Reads and validates a YAML file on this machine or behind an address such as gs://bucket/config.yaml.

    Raises:
        ConfigError: with every mistake found, one a line.
    """
    try:
        text = (read_bytes(path) if "://" in path else Path(path).read_bytes()).decode("utf-8")
    except (OSError, UnicodeDecodeError, ImportError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    try:
        values = yaml.load(text, _UniqueKeys)  # noqa: S506 a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} holds no settings; see examples/quickstart.yaml")
    return parse_config(values, folder=posixpath.dirname(absolute(path)))


def parse_config(values: dict[str, Any], folder: str = ".") -> Config:
    """Validates settings; relative paths in them are taken from ``folder``.

    Raises:
        ConfigError: with every mistake found, one a line.
    """
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(mistakes(error, values, Config))) from error
    bound = tuple(annotator.bound(config.embed, config.gold) for annotator in config.annotators)
    consensus = config.consensus.naming(config._names_in_tables())
    return _absolute_paths(config.model_copy(update={"annotators": bound, "consensus": consensus}), folder)


def _absolute_paths(config: Config, folder: str) -> Config:
    def resolved(path: str) -> str:
        return path if "://" in path else _beside(folder, path)

    found = _with_paths(config, resolved).model_copy(update={"store": resolved(config.store)})
    found._folder = folder
    return found


def _beside(folder: str, path: str) -> str:
    scheme, remote, place = folder.partition("://")
    if remote and not path.startswith(("/", "~")):
        return f"{scheme}://{posixpath.normpath(posixpath.join(place, path))}"
    return absolute(str(Path(folder) / Path(path).expanduser()))


def as_written(config: Config) -> Config:
    """The configuration with paths below its file's folder relative to it: the same on every machine."""
    folder = absolute(config._folder)

    def shortened(path: str) -> str:
        return os.path.relpath(path, folder) if Path(path).is_relative_to(Path(folder).parent) else path

    return _with_paths(config, shortened)


def named_paths(config: Config) -> Iterator[tuple[str, str]]:
    """Every file and folder that the configuration names beside the store, after the key that names it."""
    for source in config.sources:
        paths = (source.path,) if isinstance(source.path, str) else source.path
        # What has no files may be a name on a hub; a path is absolute by now.
        yield from ((f"sources.{source.name}.path", p) for p in paths if source.reader.has_files or p.startswith("/"))
    for benchmark in config.benchmarks:
        paths = (benchmark.path,) if isinstance(benchmark.path, str) else benchmark.path
        yield from ((f"benchmarks.{benchmark.name}.path", path) for path in paths)
    if config.overrides is not None:
        yield "overrides", config.overrides


def _with_paths(config: Config, change: Callable[[str], str]) -> Config:
    def source(options: SourceOptions) -> SourceOptions:
        def file(path: str) -> str:
            # What has no files may still lie in a folder: `./saved` is one, `org/name` is a name.
            return change(path) if options.reader.has_files or path.startswith((".", "~", "/")) else path

        path = file(options.path) if isinstance(options.path, str) else tuple(map(file, options.path))
        return options.model_copy(update={"path": path})

    def benchmark(options: BenchmarkOptions) -> BenchmarkOptions:
        path = change(options.path) if isinstance(options.path, str) else tuple(map(change, options.path))
        return options.model_copy(update={"path": path, "source": options.source and source(options.source)})

    return config.model_copy(
        update={
            "sources": tuple(map(source, config.sources)),
            "benchmarks": tuple(map(benchmark, config.benchmarks)),
            "overrides": None if config.overrides is None else change(config.overrides),
        }
    )
