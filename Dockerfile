# The gateway as an image: built from the pinned closure, without compilers, not root.
#   docker build -t litellm-local-gateway .
FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/gateway
WORKDIR /build
# The dependencies first: they change seldom, and are the slow part.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = project['optional-dependencies']; \
print(*project['dependencies'], *extras['metrics'], *extras['postgres'], sep='\n')" > requirements.txt \
 && /opt/gateway/bin/python -m pip install --progress-bar off -c constraints.txt -r requirements.txt
COPY README.md LICENSE ./
COPY src src
RUN /opt/gateway/bin/python -m pip install --no-deps .

FROM python:3.12-slim
# XDG_STATE_HOME: the database is below it, in the folder that the volume keeps.
ENV PATH=/opt/gateway/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp XDG_STATE_HOME=/var/lib
# A number as user, so that Kubernetes can see that it is not root; the folder is where the state lives.
RUN groupadd --gid 10001 gateway \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin gateway \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/litellm-gateway
COPY --from=build /opt/gateway /opt/gateway
USER 10001:10001
WORKDIR /var/lib/litellm-gateway
ENV LITELLM_HOST=0.0.0.0
EXPOSE 4000
STOPSIGNAL SIGTERM
# Straight to the port, whatever proxies the environment names; our own certificate need not name 127.0.0.1.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import os, ssl, urllib.request as u; \
https = u.HTTPSHandler(context=ssl._create_unverified_context()); \
scheme = 'https' if os.environ.get('GATEWAY_SSL_CERTFILE') else 'http'; \
u.build_opener(u.ProxyHandler({}), https).open('%s://127.0.0.1:%s/health/liveliness' % (scheme, os.environ.get('PORT', '4000')), timeout=4)"]
ENTRYPOINT ["litellm-gateway"]
