import { writeFileSync } from 'node:fs';
import { ROUTES_BY_RESOURCE } from './router/routes.ts';
import { API_VERSION, MIN_API_VERSION } from './version.ts';

/** Writes docs/api-compat.md from the routes table: `node src/api/write-api-compat.ts`. */
const INTRODUCTION = `# Engine API: what is served

The routes below are Docker's Engine API as \`ladingd\` serves it, with or without a version prefix
(\`/v${MIN_API_VERSION}\` to \`/v${API_VERSION}\`; \`/_ping\` advertises ${API_VERSION}). "Since" is the first API version that has the route.
Swarm, plugins, secrets and configs are not served: 404. This file is written by \`src/api/write-api-compat.ts\`.

Errors are \`{"message": "…"}\`; a hint, when there is one, is the message's last line and begins with \`hint: \`.

## lading's extensions of POST /build

- \`Content-Type: application/vnd.lading.build-request\`: four bytes, big-endian, with the length of a JSON document; the document
  (\`src/builder/request.ts\`, secrets in base64); then the context as a tar, unless it is a folder read in place or a Git address.
  Paths may only be named by root and the daemon's own user on the unix socket.
- \`Accept: application/vnd.lading.build-events+json\`: one JSON event a line (\`src/builder/events.ts\`), the last of kind \`result\` or \`error\`.

Routes below \`/lading/\` are lading's own.
`;

const sections = Object.entries(ROUTES_BY_RESOURCE).map(([resource, routes]) => {
  const rows = routes.map(
    ({ method, path, minVersion, summary }) => `| \`${method} ${path}\` | ${minVersion ?? ''} | ${summary} |`,
  );
  return `## ${resource}\n\n| endpoint | since | served |\n|---|---|---|\n${rows.join('\n')}\n`;
});

writeFileSync(new URL('../../docs/api-compat.md', import.meta.url), [INTRODUCTION, ...sections].join('\n'));
