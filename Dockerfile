# Any Debian-like base with Node.js 20.19 or newer:
#   docker build -t longrun .
#   docker run --privileged -p 8080:8080 -p 9080:9080 -v longrun:/var/lib/longrun longrun
# Without a network, from a tree that is built already (bin, dist, node_modules, ...): --build-arg PARTS=given
ARG BASE=node:20-bookworm-slim
ARG PARTS=built

FROM ${BASE} AS built
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund \
 && mkdir /opt/longrun \
 && mv bin dist node_modules examples package.json openapi.yaml LICENSE /opt/longrun/

FROM ${BASE} AS given
COPY . /opt/longrun

FROM ${PARTS} AS parts

FROM ${BASE}
WORKDIR /opt/longrun
COPY --from=parts /opt/longrun .
RUN ln -s /opt/longrun/bin/longrun.js /usr/local/bin/longrun
VOLUME /var/lib/longrun
EXPOSE 8080 5050 9080 9090
STOPSIGNAL SIGINT
# Makes credentials at the first start, and reaps as the first process has to.
ENTRYPOINT ["/bin/sh", "/opt/longrun/bin/container-entry.sh"]
# The network inside the container is its own; publish only the ports that outsiders may reach.
CMD ["up", "--address", "0.0.0.0", "--lb-address", "0.0.0.0", "--hostname", "127.0.0.1"]
