import type { Stage } from '../dockerfile/index.ts';
import type { Image } from '../image/index.ts';
import { locateFailure } from './build-error.ts';
import { DEFAULT_PATH, envMap, setEnv } from './config/apply-config.ts';
import { formatPlatform, parsePlatform } from '../oci/index.ts';
import { HISTORY_COMMENT } from './config/history.ts';
import { copyUnits } from './copy/copy-units.ts';
import { Rootfs } from './copy/rootfs.ts';
import type { Source } from './plan/stage-graph.ts';
import type { StepProgress } from './progress.ts';
import type { BuildSession } from './session.ts';
import type { StageResult } from './stage-result.ts';
import { withoutUserinfo } from './without-userinfo.ts';

/** What a stage begins with: nothing, an earlier stage, or an image. */
export async function beginStage(stage: Stage, session: BuildSession): Promise<StageResult> {
  const step = session.o.progress.begin(stage, stage.from);
  try {
    const base = withPath(await baseOf(stage, session, step));
    step.end('done');
    return base;
  } catch (error) {
    step.end(session.o.signal.aborted ? 'cancelled' : 'failed');
    throw locateFailure(error, session.o.dockerfile, stage.from.location);
  }
}

async function baseOf(stage: Stage, session: BuildSession, step: StepProgress): Promise<StageResult> {
  const source = session.o.graph.baseOf(stage);
  switch (source.kind) {
    case 'scratch':
      return emptyImage(session, source.platform);
    case 'stage':
      // Variables win again over arguments that were declared behind them.
      return { ...(await session.stage(source.stage)), shadowing: new Set() };
    case 'image':
      return fromImage(await session.base(source.reference, source.platform, step), source.reference);
    case 'layout':
      return fromImage(await session.layout(source.layout, source.platform), stage.from.image);
    case 'files':
      return fromFiles(source, session);
  }
}

/** Files as a root file system: one layer on nothing. */
async function fromFiles(source: Extract<Source, { kind: 'files' }>, session: BuildSession): Promise<StageResult> {
  const files = await session.filesOf(source);
  const selection = { sources: ['/'], exclude: [], parents: false, keepOwner: false };
  const { digest } = await session.digest(files, selection);
  const { lease, request, signal, solver, scratch, epoch } = session.o;
  const root = { uid: 0, gid: 0 };
  const options = { owner: root, parentOwner: root, special: false, time: epoch, signal };
  const { key, layer, createdAt } = await solver.solve(
    {
      kind: 'context',
      text: `FROM ${source.name}`,
      parent: undefined,
      inputs: { files: digest },
      isDated: true,
      make: async ({ mount }) => {
        const mounted = await scratch.mounted(mount);
        try {
          using rootfs = new Rootfs(mounted.path);
          const { tree, units } = await session.select(files, selection);
          await copyUnits(rootfs, '/', tree, units, options);
        } finally {
          await mounted.release();
        }
      },
    },
    { lease, noCache: request.noCache, epoch, signal },
  );
  session.usedKeys.add(key);
  if (!layer) return emptyImage(session);
  const entry = { created: createdAt, created_by: `FROM ${source.name}`, comment: HISTORY_COMMENT };
  const base = { reference: source.name, digest, platform: formatPlatform(session.o.platform), chainId: layer.chainId };
  return {
    ...emptyImage(session),
    layers: [layer],
    history: [{ entry, inherited: false }],
    lineage: [{ kind: 'base', ...base }],
  };
}

function emptyImage(session: BuildSession, platform?: string): StageResult {
  return {
    platform: platform === undefined ? session.o.platform : parsePlatform(platform),
    config: { WorkingDir: '/' },
    author: undefined,
    layers: [],
    history: [],
    baseCreated: undefined,
    args: new Map(),
    lineage: [{ kind: 'base', reference: 'scratch', platform: formatPlatform(session.o.platform) }],
    shadowing: new Set(),
  };
}

function fromImage(image: Image, reference: string): StageResult {
  const { os, architecture, variant, config, author, created, history } = image.config;
  return {
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    config,
    author,
    layers: image.layers.map(({ diffId, chainId, blob }, i) => ({
      diffId,
      chainId,
      blob,
      sizeBytes: image.layerSizes[i] ?? 0,
    })),
    history: history.map((entry) => ({ entry, inherited: true })),
    baseCreated: created,
    args: new Map(),
    lineage: [
      {
        kind: 'base',
        reference: withoutUserinfo(reference),
        digest: image.manifest.digest,
        platform: formatPlatform(image.config),
        chainId: image.layers.at(-1)?.chainId,
      },
    ],
    shadowing: new Set(),
  };
}

/** Every image a build makes has a PATH. */
function withPath(base: StageResult): StageResult {
  const { Env: env = [] } = base.config;
  if (envMap(env).has('PATH')) return base;
  return { ...base, config: { ...base.config, Env: setEnv(env, 'PATH', DEFAULT_PATH) } };
}
