# One image for every stage; docker-compose.yml says which one a container runs.
FROM python:3.12-slim

RUN useradd --uid 10001 --create-home hoshyar \
    && install -d -o hoshyar -g hoshyar /var/lib/hoshyar
WORKDIR /opt/hoshyar

# The pinned packages first: they change more seldom than the code.
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY records records
COPY store store
COPY ingest ingest
COPY models models
COPY alerts alerts
COPY lab_ui lab_ui
COPY hoshyar hoshyar
COPY devices devices
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

USER hoshyar
ENV HOSHYAR_HOME=/var/lib/hoshyar PYTHONUNBUFFERED=1
CMD ["hoshyar", "--help"]
