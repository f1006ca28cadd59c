FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The optional dependencies are an embedded PostgreSQL, which is for development. No package here needs its scripts.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24.21.0-bookworm-slim AS sources
ENV NODE_ENV=production \
    HOST=0.0.0.0
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY schema ./schema
COPY migrations ./migrations
COPY src ./src
# What runs belongs to root and is not writable for the user that runs it.
USER node

# The owners of orders and products, for the supergraph in docker-compose.yml.
FROM sources AS neighbors
COPY supergraph ./supergraph
EXPOSE 4002 4003
CMD ["node", "supergraph/serveNeighbors.ts"]

FROM sources AS service
EXPOSE 4001
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 4001}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself, without npm or a shell around it, so that it gets the signals.
CMD ["node", "--max-semi-space-size=32", "--heap-growing-percent=100", "--disable-warning=ExperimentalWarning", "src/main.ts"]
