# syntax=docker/dockerfile:1
# One image a service: `docker build --build-arg SERVICE=ingester .`; its roles are its commands (worker, api, migrate…).
# Without a package index: `make wheels` fills .cache/wheels; then add `--build-arg OFFLINE=yes`.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG OFFLINE=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements requirements
COPY Dockerfile .cache/wheel[s] wheels/
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --quiet ${OFFLINE:+--no-index --find-links wheels} --require-hashes -r requirements/build.txt \
    && python -m venv /opt/clawback \
    && /opt/clawback/bin/pip install --quiet ${OFFLINE:+--no-index --find-links wheels} --require-hashes \
        -r requirements/runtime.txt
# All services share the layers up to here.
ARG REQUIREMENTS=runtime
RUN /opt/clawback/bin/pip install --quiet ${OFFLINE:+--no-index --find-links wheels} --require-hashes \
        -r "requirements/${REQUIREMENTS}.txt"
COPY contracts contracts
COPY libs libs
COPY services services
COPY tests/simulator tests/simulator
COPY deploy/local deploy/local
ARG SERVICE
ARG PACKAGES="services/${SERVICE}"
# shellcheck disable=SC2086
RUN test -n "${SERVICE}" \
    && for package in contracts libs/common ${PACKAGES}; do \
        PATH="/opt/build/bin:${PATH}" /opt/build/bin/pip wheel --quiet --no-deps --no-build-isolation \
            --wheel-dir ours "./${package}" || exit 1; \
    done \
    && /opt/clawback/bin/pip install --quiet --no-index --no-deps ours/*.whl \
    && /opt/clawback/bin/pip uninstall --quiet --yes pip \
    && printf '#!/bin/sh\nexec /opt/clawback/bin/python -m %s "$@"\n' "${SERVICE}" > /opt/clawback/bin/service \
    && chmod 0755 /opt/clawback/bin/service

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/clawback /opt/clawback
ENV PATH="/opt/clawback/bin:${PATH}" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HTTP_HOST=0.0.0.0
RUN mkdir /var/lib/clawback /var/lib/archive && chown 65532:65532 /var/lib/clawback /var/lib/archive
USER 65532:65532
WORKDIR /var/lib/clawback
ENTRYPOINT ["service"]
CMD ["worker"]
