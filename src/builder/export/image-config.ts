import { hash } from 'node:crypto';
import type { ContentStore } from '../../content/index.ts';
import { putConfig } from '../../image/index.ts';
import type { Descriptor, HistoryEntry, ImageConfig, RunConfig } from '../../oci/index.ts';
import type { BuildCache } from '../cache/build-cache.ts';
import { INLINE_FIELD } from '../remote-cache/cache-document.ts';
import type { StageHistory, StageResult } from '../stage-result.ts';
import type { BuildLease } from '../types.ts';

export interface ConfigOptions {
  readonly content: ContentStore;
  readonly cache: BuildCache;
  readonly lease: BuildLease;
  readonly labels: Readonly<Record<string, string>>;
  /** SOURCE_DATE_EPOCH: the time of everything this build adds. */
  readonly epoch: string | undefined;
  /** See BuiltPlatform. */
  readonly inlineCache?: object | undefined;
}

/**
 * Stores the config of a stage's result. Times come from the steps when they ran, not from now,
 * so that a build found wholly in the cache gives the same image.
 */
export async function writeConfig(result: StageResult, options: ConfigOptions): Promise<Descriptor> {
  const { content, lease } = options;
  const labelled = withLabels(result.config, options.labels);
  const history = datedHistory({ ...result, config: labelled }, options);
  const created = history.at(-1)?.created ?? result.baseCreated;
  const { os, architecture, variant } = result.platform;
  const config: ImageConfig = {
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    ...(created === undefined ? {} : { created }),
    ...(result.author ? { author: result.author } : {}),
    config: canonicalConfig(labelled),
    rootfs: { type: 'layers', diff_ids: result.layers.map((layer) => layer.diffId) },
    history,
    ...(options.inlineCache ? { [INLINE_FIELD]: options.inlineCache } : {}),
  };
  return putConfig(content, config, async (digest) => {
    await lease.addDigest(digest);
  });
}

/** Entries without a layer get the time of the layer before them, or of the first one this build made. */
function datedHistory(result: StageResult, { cache, epoch }: ConfigOptions): HistoryEntry[] {
  let current = epoch ?? result.history.find(({ entry, inherited }) => !inherited && entry.created)?.entry.created;
  return result.history.map(({ entry, inherited }) => {
    if (inherited) return entry;
    current = epoch ?? entry.created ?? current ?? cache.firstBuiltAt(identityOf(result), new Date().toISOString());
    return { created: current, ...withoutTime(entry) };
  });
}

function withoutTime({ created: _created, ...entry }: StageHistory['entry']): HistoryEntry {
  return entry;
}

/** Identity of the image a stage makes, whenever that is. */
export function imageIdentity(result: StageResult, labels: ConfigOptions['labels']): string {
  return identityOf({ ...result, config: withLabels(result.config, labels) });
}

/** All of an image but its times. */
function identityOf({ config, layers, history, platform, author }: StageResult): string {
  const parts = [config, layers.map((layer) => layer.diffId), history.map(({ entry }) => entry), platform, author];
  return hash('sha256', JSON.stringify(parts));
}

function withLabels(config: RunConfig, labels: Readonly<Record<string, string>>): RunConfig {
  return Object.keys(labels).length === 0 ? config : { ...config, Labels: { ...config.Labels, ...labels } };
}

/** Keys in BuildKit's order, maps sorted, nothing empty: equal configurations are equal bytes. */
function canonicalConfig(config: RunConfig): RunConfig {
  const { User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal } = config;
  const { Healthcheck, ArgsEscaped, OnBuild, Shell } = config;
  const all = {
    User,
    ExposedPorts: sorted(ExposedPorts),
    Env,
    Entrypoint,
    Cmd,
    Volumes: sorted(Volumes),
    WorkingDir,
    Labels: sorted(Labels),
    StopSignal,
    Healthcheck,
    ArgsEscaped,
    OnBuild,
    Shell,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !isEmpty(value))) as RunConfig;
}

function sorted<T>(map: Readonly<Record<string, T>> | undefined): Record<string, T> | undefined {
  if (!map) return undefined;
  return Object.fromEntries(
    Object.keys(map)
      .sort()
      .map((key) => [key, map[key]!]),
  );
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
