# docker build -t gridtwin .
# docs/container.md says how to run it, and what was checked of it.

FROM python:3.13-slim-trixie AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements requirements
RUN python -m venv /opt/gridtwin \
 && /opt/gridtwin/bin/python -m pip install --no-compile --require-hashes -r requirements/image.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/python -m pip install --require-hashes -r requirements/build.txt \
 && /opt/build/bin/python -m pip install --require-hashes -r requirements/node.txt
COPY . .
RUN /opt/build/bin/python web/viewer/vendor.py \
 && /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/gridtwin/bin/python -m pip install --no-compile --no-deps --no-index dist/gridtwin-*.whl \
 && /opt/gridtwin/bin/python -m pip uninstall --yes pip \
 && /opt/gridtwin/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/gridtwin/lib
# Compiled for any processor of this architecture, not for the one that builds.
ENV NUMBA_CPU_NAME=generic
RUN NUMBA_CACHE_DIR=/opt/gridtwin/numba /opt/gridtwin/bin/gridtwin warm-up

FROM python:3.13-slim-trixie
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp gridtwin \
 && install -d -o gridtwin -g gridtwin -m 0700 /data /access
COPY --from=build /opt/gridtwin /opt/gridtwin
COPY container/start.sh /opt/gridtwin/bin/start.sh
ENV PATH=/opt/gridtwin/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CPU_NAME=generic \
    NUMBA_CACHE_DIR=/tmp/numba
USER 10001:10001
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["start.sh"]
CMD ["--help"]
