# The image of Page Inbox. It runs `page-inbox serve` on a read-only file system, as a user that has a number and no name.
#
# Give the base image with its digest when you build. The digest depends on your registry, so it is not in this file:
#     docker build --build-arg PYTHON_IMAGE=python:3.13-slim@sha256:... -t page-inbox:0.1.0 .
# `make image` builds the image without a registry and tests what this file promises (tests/image/__main__.py).
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
# `strip` removes data for debuggers from the libraries: a third of the image.
# The package has no version here: the mirror removes old versions within weeks. The final image does not have it.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
# The environment has no pip: the service does not need it, and an attacker could use it. The builder's pip fills it.
RUN python3 -m venv --without-pip /opt/venv && python3 -m venv --without-pip /opt/tools
# The libraries are installed first, so that a change of the code does not fetch them again. Only wheels are allowed:
# without a wheel the build fails with a clear error, and not because a compiler is missing.
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
# The official base has no compiled modules of the standard library, and the user below may not write any. Without this
# step each start would compile some 200 modules, which takes as long as the rest of the start.
RUN ["/opt/venv/bin/python3", "-c", "import app.cli, app.factory, app.process, app.supervisor, app.worker"]
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# The user is a number: an orchestrator that demands `runAsNonRoot` cannot look up names.
USER 10001:10001
EXPOSE 8000 9000
# The server itself is process 1, so that it gets the signals. It leaves no ended child processes behind.
ENTRYPOINT ["/opt/venv/bin/page-inbox"]
CMD ["serve"]
