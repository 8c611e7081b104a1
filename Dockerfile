# The demo, as docker-compose.yml runs it. The library is an npm package: your own application has an image already.
FROM node:24-bookworm-slim
WORKDIR /crm
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY nest-cli.json tsconfig.json tsconfig.build.json ormconfig.ts ./
# Also for later: the page is bundled from its source at every start.
COPY src src
RUN npm run build
USER node
EXPOSE 3000
# Not through npm, which would stand between Docker's SIGTERM and the application.
CMD ["node", "--enable-source-maps", "dist/src/demo/main.js"]
