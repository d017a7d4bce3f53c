# docker build --tag qsmnet-bids .
# With CUDA:   --build-arg TORCH_INDEX=https://pypi.org/simple
# With --atlas: --build-arg EXTRAS=atlas,phantom,validate (0.26 GB more)
# With pinned ground: --build-arg BASE=python:3.11-slim-bookworm@sha256:... (make image does so)
ARG BASE=python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS needs
# the CPU build of torch is a tenth of the size
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=phantom,validate
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
RUN python -m venv --without-pip /opt/venv
COPY constraints.txt ./
RUN pip --python /opt/venv/bin/python install --no-compile --constraint constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} torch
# What the project needs, by way of a project without content: a change of ours makes neither a
# builder install all this again nor a user fetch it again.
COPY pyproject.toml ./
RUN mkdir qsmnet_bids \
    && touch README.md LICENSE \
    && echo "__version__ = '0'" > qsmnet_bids/__init__.py \
    && pip --python /opt/venv/bin/python install --no-compile --constraint constraints.txt \
        ".[${EXTRAS}]" \
    && pip --python /opt/venv/bin/python uninstall --yes qsmnet-bids
# Headers and the packages' own tests have no use in the image. Bytecode has, as the root may be
# read-only; it is not compared with the time of the sources.
RUN rm -rf /opt/venv/lib/python3*/site-packages/torch/include \
        /opt/venv/lib/python3*/site-packages/torch/share \
    && find /opt/venv/lib -type d -name tests -not -path '*/torch/*' -prune -exec rm -rf {} + \
    && python -m compileall -q -j 0 -x 'torch/testing/_internal' \
        --invalidation-mode unchecked-hash /opt/venv/lib \
    && chmod -R a+rX /opt/venv

FROM needs AS build
COPY README.md LICENSE ./
COPY qsmnet_bids qsmnet_bids
RUN pip --python /opt/venv/bin/python install --no-compile --no-deps \
        --target /opt/qsmnet-bids .
COPY run.py /opt/qsmnet-bids/
COPY training /opt/qsmnet-bids/training
COPY benchmarks /opt/qsmnet-bids/benchmarks
RUN python -m compileall -q --invalidation-mode unchecked-hash /opt/qsmnet-bids \
    && chmod -R a+rX,go-w /opt/qsmnet-bids

# hadolint ignore=DL3006
FROM ${BASE}
# What changes least comes first: the needs are a layer that a new version shares with the last.
COPY --from=needs /opt/venv /opt/venv
COPY --from=build /opt/qsmnet-bids /opt/qsmnet-bids
ARG BASE
ARG TAG=qsmnet-bids:latest
ARG REVISION=unknown
LABEL org.opencontainers.image.title="qsmnet-bids" \
      org.opencontainers.image.description="Quantitative susceptibility mapping as a BIDS App" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.ref.name="${TAG}"
# Any user id may run this, on a read-only root: all that is written goes to the output, the work
# folder and the temporary folder.
ENV PATH=/opt/qsmnet-bids/bin:/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/qsmnet-bids \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    NO_ET=1 \
    QSMNET_BIDS_CONTAINER=docker:${TAG}
WORKDIR /tmp
HEALTHCHECK NONE
ENTRYPOINT ["python", "/opt/qsmnet-bids/run.py"]
CMD ["--help"]
