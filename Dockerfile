# The image runs `serve` as an ordinary user. Without DATABASE_URL it uses the embedded PostgreSQL, with its data in the
# volume /data. Off loopback the server starts only when told whether to accept tokens of its built-in issuer:
#     docker run -p 127.0.0.1:8080:8080 -e BILLING_BUILT_IN_ISSUER=on -v billing:/data IMAGE

FROM python:3.13-slim AS install
COPY requirements.lock /
RUN python -m venv /venv \
    && /venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r /requirements.lock

FROM python:3.13-slim
# With a passwd entry, which PostgreSQL's initdb insists on.
RUN groupadd --gid 10001 billing && useradd --uid 10001 --gid 10001 --no-create-home billing \
    && install --directory --owner=billing --group=billing --mode=0700 /data
COPY --from=install /venv /venv
COPY . /app
RUN /venv/bin/python -m compileall -q /app
WORKDIR /app
# By number: an orchestrator that insists on no root cannot look names up.
USER 10001:10001
ENV PYTHONPATH=/app PYTHONUNBUFFERED=1 BILLING_HOST=0.0.0.0 BILLING_PORT=8080 BILLING_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["/venv/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['BILLING_PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["/venv/bin/python", "-P", "-m", "fhir_server"]
CMD ["serve"]
