# The command as a container; nothing is downloaded when it runs.
#
#   docker build -t drmbids .                                    torch from PyPI, which runs on NVIDIA GPUs
#   docker build -t drmbids --build-arg TORCH_INDEX=URL .        torch from another index: PyTorch's own has builds for
#                                                                the CPU alone, a tenth of the size
#   docker run --rm -u "$(id -u):$(id -g)" -v /data/bids:/data:ro -v /data/out:/out drmbids /data /out participant
#   docker run --gpus all ... --device cuda                      on a GPU
FROM python:3.11-slim AS build
ARG TORCH_INDEX=""
COPY pyproject.toml README.md LICENSE constraints.txt /src/
COPY drmbids /src/drmbids
COPY data /src/data
RUN python -m venv /opt/drmbids \
 && if [ -n "$TORCH_INDEX" ]; then \
      /opt/drmbids/bin/pip install --no-cache-dir -c /src/constraints.txt --index-url "$TORCH_INDEX" torch; \
    fi \
 && /opt/drmbids/bin/pip install --no-cache-dir -c /src/constraints.txt --build-constraint /src/constraints.txt \
      "/src[compiled,physio]"

FROM python:3.11-slim
COPY --from=build /opt/drmbids /opt/drmbids
# any user may run it, also one without a home: caches go to /tmp
ENV PATH=/opt/drmbids/bin:$PATH \
    HOME=/tmp \
    MPLCONFIGDIR=/tmp/matplotlib \
    NUMBA_CACHE_DIR=/tmp/numba \
    PYTHONNOUSERSITE=1
USER 1000:1000
WORKDIR /tmp
ENTRYPOINT ["drmbids"]
