import { formatPlatform, type Platform } from '../oci/index.ts';

export interface PredefinedArgsOptions {
  readonly build: Platform;
  readonly target: Platform;
  /** Name of the stage asked for, "default" without. */
  readonly targetStage: string;
  /** Build arguments: they win. */
  readonly given?: ReadonlyMap<string, string>;
}

/** The arguments every Dockerfile has in global scope; a stage must declare them to see them. */
export function predefinedArgs({ build, target, targetStage, given }: PredefinedArgsOptions): Map<string, string> {
  const args = new Map<string, string>();
  for (const [prefix, platform] of [['BUILD', build] as const, ['TARGET', target] as const]) {
    args.set(`${prefix}PLATFORM`, formatPlatform(platform));
    args.set(`${prefix}OS`, platform.os);
    args.set(`${prefix}OSVERSION`, platform['os.version'] ?? '');
    args.set(`${prefix}ARCH`, platform.architecture);
    args.set(`${prefix}VARIANT`, platform.variant ?? '');
  }
  args.set('TARGETSTAGE', targetStage);
  for (const key of args.keys()) {
    const own = given?.get(key);
    if (own !== undefined) args.set(key, own);
  }
  return args;
}
