# Page Inbox, to be run by an orchestrator: `page-inbox serve`, read-only, as a user without a name.
#
# What it is built on is pinned by whoever builds it, because a digest belongs to a registry:
#     docker build --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:... -t page-inbox:0.1.0 .
# `make image` builds it without a registry and proves what is promised here (tests/image/__main__.py).
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
# strip: the libraries come with what only a debugger reads, a third of the image.
# Without a version: one that stood here would be gone from the mirror within weeks, and nothing of it is kept.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
# No pip inside: what runs needs none, and what breaks in finds none. The builder's own pip fills it from outside.
RUN python3 -m venv --without-pip /opt/venv && python3 -m venv --without-pip /opt/tools
# The libraries first, so that a change of the code does not fetch them again; wheels only, so that no compiler is
# missed in silence.
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN python3 -m pip --python /opt/venv/bin/python3 install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements/runtime.txt \
    && python3 -m pip --python /opt/tools/bin/python3 install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements/build.txt \
    && find /opt/venv -name '*.so' -exec strip --strip-unneeded {} +
COPY . .
RUN /opt/tools/bin/python3 -c "from setuptools.build_meta import build_wheel; build_wheel('/wheel')" \
    && python3 -m pip --python /opt/venv/bin/python3 install --no-cache-dir --disable-pip-version-check \
        --no-index --no-deps /wheel/*.whl

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# By number: an orchestrator that demands `runAsNonRoot` cannot look up names.
USER 10001:10001
EXPOSE 8000 9000
# The server itself is process 1, so that it gets the signals; it starts no children that would have to be reaped.
ENTRYPOINT ["/opt/venv/bin/page-inbox"]
CMD ["serve"]
