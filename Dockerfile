# docker build -t gridtwin .
# docker run -p 8080:8080 -v "$PWD":/data --user "$(id -u)" gridtwin serve /data/grid.gpkg --host 0.0.0.0

FROM python:3.12-slim AS build
WORKDIR /build
COPY requirements requirements
RUN python -m venv /opt/gridtwin \
 && /opt/gridtwin/bin/pip install --no-cache-dir --require-hashes -r requirements/runtime.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/node.txt
COPY . .
RUN /opt/build/bin/python web/viewer/vendor.py \
 && /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/gridtwin/bin/pip install --no-cache-dir --no-deps dist/gridtwin-*.whl

FROM python:3.12-slim
RUN useradd --no-create-home --uid 10001 gridtwin && install -d -o gridtwin /data
COPY --from=build /opt/gridtwin /opt/gridtwin
# Numba keeps what it compiled where any user may write.
ENV PATH=/opt/gridtwin/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba
USER gridtwin
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["gridtwin"]
CMD ["--help"]
