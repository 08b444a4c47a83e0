"""What a configuration names is looked at before anything runs: files that are not there must not stop a run in its middle."""

from collections.abc import Iterator

from prefcurate.pipelines.config import Config, ConfigError
from prefcurate.transforms.consensus.overrides import OverridesError, read_overrides
from prefcurate.transforms.ingest.benchmarks import BenchmarkError, read_benchmark
from prefcurate.transforms.ingest.sources import SourceError, plan_source


def validate_inputs(config: Config) -> None:
    """Lists the files of every source, and reads the benchmarks and the overrides.

    Raises:
        ConfigError: with every mistake found, one a line.
    """
    wrong = [*_sources(config), *_benchmarks(config), *_overrides(config)]
    if wrong:
        raise ConfigError("\n".join(wrong))


def _sources(config: Config) -> Iterator[str]:
    for source in config.sources:
        try:
            plan_source(source)
        except SourceError as error:
            yield str(error)
        except OSError as error:
            yield f"source {source.name!r}: cannot list {source.path!r}: {error}"


def _benchmarks(config: Config) -> Iterator[str]:
    for benchmark in config.benchmarks:
        try:
            for _ in read_benchmark(benchmark):
                pass
        except BenchmarkError as error:
            yield str(error)


def _overrides(config: Config) -> Iterator[str]:
    if config.overrides is None:
        return
    try:
        read_overrides(config.overrides)
    except OverridesError as error:
        yield str(error)
