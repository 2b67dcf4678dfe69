# CatDog Lab in a container: docker build -t catdog-lab . ; how to run it is in docs/hosting.md.
# For a Ray cluster (docs/cluster.md): docker build --build-arg REQUIREMENTS=requirements-cluster.txt …
FROM python:3.11-slim

# All packages come as wheels with what they need; no system package is wanted.
RUN useradd --create-home --uid 1000 lab
WORKDIR /app

# The packages change seldom: a layer of their own, built before the code is copied.
ARG REQUIREMENTS=requirements.txt
COPY requirements.txt requirements-cluster.txt requirements-url.txt ./
RUN pip install --no-cache-dir -r "$REQUIREMENTS"

COPY --chown=root:root . .
RUN mkdir /workspace && chown lab:lab /workspace

USER lab
ENV CATDOG_WORKSPACE=/workspace \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
VOLUME /workspace
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/api/v1/health', timeout=4)"]

# Inside a container the server has to listen on all its interfaces; who may reach it is decided
# where the port is published. allowedHosts stays as it is: names the lab may be called by.
CMD ["streamlit", "run", "streamlit_app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]
