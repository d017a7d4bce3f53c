# syntax=docker/dockerfile:1
# docker build --tag qsmnet-bids .
# A small image without CUDA: add --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG BASE=python:3.11-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS build
ARG TORCH_INDEX=
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/venv
# What the project needs comes first, so that a change of its code does not install torch again.
COPY constraints.txt ./
RUN /opt/venv/bin/pip install --constraint constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} torch
COPY pyproject.toml README.md LICENSE ./
COPY qsmnet_bids qsmnet_bids
RUN /opt/venv/bin/pip install --constraint constraints.txt '.[phantom,validate]' \
    && /opt/venv/bin/python -m compileall -q /opt/venv/lib

# hadolint ignore=DL3006
FROM ${BASE}
ARG TAG=qsmnet-bids:latest
LABEL org.opencontainers.image.title="qsmnet-bids" \
      org.opencontainers.image.description="Quantitative susceptibility mapping as a BIDS App" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
COPY run.py /opt/qsmnet-bids/
COPY training /opt/qsmnet-bids/training
COPY benchmarks /opt/qsmnet-bids/benchmarks
# Any user id may run this, on a read-only root: all that is written goes to the output, the work folder and /tmp.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/opt/qsmnet-bids \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    MPLBACKEND=Agg \
    NO_ET=1 \
    QSMNET_BIDS_CONTAINER=docker:${TAG}
WORKDIR /tmp
ENTRYPOINT ["python", "/opt/qsmnet-bids/run.py"]
CMD ["--help"]
