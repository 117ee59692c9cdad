import { LadingError } from '../../../errors/index.ts';
import type { Call, Handler } from '../../http/call.ts';
import { sendJson } from '../../http/respond.ts';
import { toBuildCacheRecord, toContainerSummary, toImageSummary, toVolume } from '../../types/index.ts';

type Usage = Awaited<ReturnType<Call['engine']['system']['diskUsage']>>;

async function images({ engine, version }: Call, usage: Usage) {
  const sizes = new Map(usage.images.map((image) => [image.id, image]));
  return (await engine.images.list()).map((view) => {
    const shared = sizes.get(view.id)?.sharedSize ?? 0;
    return { ...toImageSummary(view, version, shared), Containers: view.containers };
  });
}

async function containers({ engine }: Call, usage: Usage) {
  const sizes = new Map(usage.containers.map(({ id, sizeRw, sizeRootFs }) => [id, { rw: sizeRw, rootfs: sizeRootFs }]));
  return (await engine.containers.list()).map((view) => toContainerSummary(view, sizes.get(view.id)));
}

async function volumes({ engine }: Call, usage: Usage) {
  const sizes = new Map(usage.volumes.map((volume) => [volume.name, volume]));
  return (await engine.volumes.list()).map((view) =>
    toVolume(view, sizes.get(view.name) ?? { size: -1, refCount: -1 }),
  );
}

const TYPES = ['container', 'image', 'volume', 'build-cache'];

export const diskUsage: Handler = async (call) => {
  const asked = call.query.getAll('type');
  const unknown = asked.find((type) => !TYPES.includes(type));
  if (unknown !== undefined) throw new LadingError('invalid_argument', `unknown object type: ${unknown.slice(0, 100)}`);
  const wants = (type: string): boolean => asked.length === 0 || asked.includes(type);
  const usage = await call.engine.system.diskUsage();
  sendJson(call, {
    LayersSize: wants('image') ? usage.layersSize : 0,
    Images: wants('image') ? await images(call, usage) : null,
    Containers: wants('container') ? await containers(call, usage) : null,
    Volumes: wants('volume') ? await volumes(call, usage) : null,
    BuildCache: wants('build-cache') ? usage.buildCache.rows.map((row) => toBuildCacheRecord(row, call.version)) : null,
    BuilderSize: wants('build-cache') ? usage.buildCache.rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) : 0,
  });
};
