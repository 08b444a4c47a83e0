# Images of prefcurate: workers of Dataflow, Spark and Flink, pods of Kubernetes, and the launcher of Dataflow's Flex Template.
# Build from the checkout's folder:
#
#   docker build -f runbooks/containers/worker.Dockerfile --target cpu -t REGISTRY/prefcurate:0.1.0 .
#   docker build -f runbooks/containers/worker.Dockerfile --target gpu -t REGISTRY/prefcurate:0.1.0-gpu .
#
# The version of Beam must be the one that launches: `pip show apache-beam`.
ARG BEAM=2.77.0

# Google's program that starts a Flex Template; --build-arg LAUNCHER=... where that registry is not reachable.
ARG LAUNCHER=gcr.io/dataflow-templates-base/python311-template-launcher-base:latest
FROM ${LAUNCHER} AS launcher

# Python 3.11, Beam, and Beam's boot program as the entry point.
FROM apache/beam_python3.11_sdk:${BEAM} AS base
ARG BEAM
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false
WORKDIR /opt/prefcurate
COPY setup.py pyproject.toml MANIFEST.in README.md LICENSE ./
COPY schemas schemas
COPY transforms transforms
COPY pipelines pipelines
COPY runbooks/containers/flex_template.py ./
COPY --from=launcher /opt/google/dataflow/python_template_launcher /opt/google/dataflow/python_template_launcher
ENV FLEX_TEMPLATE_PYTHON_PY_FILE=/opt/prefcurate/flex_template.py

# Everything on CPUs: torch without CUDA's gigabytes.
FROM base AS cpu
RUN pip install --index-url https://download.pytorch.org/whl/cpu "torch>=2.6,<3"
RUN pip install ".[all,gcp]" "apache-beam[gcp]==${BEAM}" && pip check
ENTRYPOINT ["/opt/apache/beam/boot"]

# The stage embed on GPUs: PyPI's torch brings CUDA; the driver comes from the machine (install-nvidia-driver on Dataflow,
# the device plugin on Kubernetes).
FROM base AS gpu
ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib64 NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN pip install ".[all,gcp]" "apache-beam[gcp]==${BEAM}" && pip check
ENTRYPOINT ["/opt/apache/beam/boot"]
