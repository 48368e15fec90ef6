# vrinr in a container, for CPUs or for NVIDIA GPUs. docs/install.md says how it is used.
#   docker build -t vrinr .
#   docker build -t vrinr:cuda --build-arg VARIANT=cuda .
# CPU: torch without CUDA, from PyTorch's own index. CUDA: torch's wheel from PyPI, which brings CUDA's libraries; the
# host has the driver.
ARG PYTHON=3.11.13

FROM python:${PYTHON}-slim-bookworm AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
COPY weights ./weights
RUN python -m pip wheel --no-cache-dir --no-deps --constraint constraints.txt --wheel-dir /wheel .

FROM python:${PYTHON}-slim-bookworm
ARG VARIANT=cpu
COPY constraints.txt /tmp/constraints.txt
COPY --from=wheel /wheel /tmp/wheel
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN case "${VARIANT}" in \
      cpu) index=(--extra-index-url https://download.pytorch.org/whl/cpu) ;; \
      cuda) index=() ;; \
      *) echo "VARIANT is ${VARIANT}: choose cpu or cuda" >&2; exit 2 ;; \
    esac \
    && python -m pip install --no-cache-dir --constraint /tmp/constraints.txt "${index[@]}" /tmp/wheel/*.whl \
    && rm -rf /tmp/wheel /tmp/constraints.txt \
    && useradd --create-home --uid 1000 vrinr \
    && install -d -o vrinr -g vrinr /videos
USER 1000
WORKDIR /videos
ENV PYTHONUNBUFFERED=1
ENTRYPOINT ["vrinr"]
CMD ["--help"]
