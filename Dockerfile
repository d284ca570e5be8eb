# Any Debian-like base with Node.js 20.19 or newer, or a plain one when NODE is given by the base itself:
#   docker build --build-arg BASE=node:20-bookworm-slim -t longrun .
#   docker run --privileged -p 8080:8080 -p 9080:9080 -v longrun:/var/lib/longrun longrun
ARG BASE=node:20-bookworm-slim
FROM ${BASE} AS build
WORKDIR /opt/longrun
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM ${BASE}
WORKDIR /opt/longrun
COPY --from=build /opt/longrun/bin bin
COPY --from=build /opt/longrun/dist dist
COPY --from=build /opt/longrun/node_modules node_modules
COPY --from=build /opt/longrun/examples examples
COPY --from=build /opt/longrun/package.json /opt/longrun/openapi.yaml /opt/longrun/LICENSE ./
ENV PATH=/opt/longrun/bin:$PATH
VOLUME /var/lib/longrun
EXPOSE 8080 5050 9080 9090
STOPSIGNAL SIGINT
# The network inside the container is its own; publish only the ports that outsiders may reach.
CMD ["node", "/opt/longrun/bin/longrun.js", "up", "--address", "0.0.0.0", "--lb-address", "0.0.0.0", "--hostname", "127.0.0.1", "--insecure"]
