import { param, type Handler, type Route } from '../../http/call.ts';
import { registryAuth } from '../../http/registry-auth.ts';
import { sendJson } from '../../http/respond.ts';

const inspectDistribution: Handler = async (call) => {
  const credentials = registryAuth(call.request.headers);
  const { descriptor, platforms } = await call.engine.images.distribution(param(call, 'name'), credentials);
  const { mediaType, digest, size } = descriptor;
  sendJson(call, { Descriptor: { mediaType, digest, size }, Platforms: platforms });
};

export const DISTRIBUTION_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/distribution/{name...}/json',
    handler: inspectDistribution,
    minVersion: '1.30',
    summary: 'As Docker',
  },
];
