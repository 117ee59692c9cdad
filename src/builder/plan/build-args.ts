import { evaluateGlobalArgs, predefinedArgs, type Dockerfile } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { Platform } from '../../oci/index.ts';

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];
/** Usable in RUN without being declared; kept out of history and cache keys. */
const PROXY_ARGS: readonly string[] = [...PROXIES, ...PROXIES.map((name) => name.toLowerCase())];

const DEFAULT_HOSTNAME = 'buildkitsandbox';

/** The arguments of one build: what the user gave, the platform's, and what the Dockerfile declares before its first FROM. */
export class BuildArgs {
  /** Given by the user. */
  readonly given: Map<string, string>;
  /** The platform's, given values in their place. */
  readonly predefined: ReadonlyMap<string, string>;
  /** Visible in FROM, and in a stage that declares them without a default. */
  readonly global: ReadonlyMap<string, string>;
  readonly #consumed = new Set<string>();

  constructor(given: Readonly<Record<string, string>>, dockerfile: Dockerfile, platforms: Platforms) {
    this.given = new Map(Object.entries(given));
    const targetStage = platforms.targetStage || dockerfile.stages.at(-1)?.name || 'default';
    this.predefined = predefinedArgs({ ...platforms, targetStage, given: this.given });
    this.global = evaluateGlobalArgs(dockerfile, this.predefined, this.given);
    for (const key of this.predefined.keys()) this.#consumed.add(key);
    for (const { args } of dockerfile.globalArgs) for (const { key } of args) this.#consumed.add(key);
  }

  /** The value of an ARG declared in a stage. `declared` is its own default, overridden already. */
  valueOf(key: string, declared: string | undefined): string | undefined {
    this.#consumed.add(key);
    return this.given.get(key) ?? declared ?? this.global.get(key);
  }

  /** Proxy settings, "NAME=value": programs look for either casing, so both are there. */
  proxies(): string[] {
    return PROXIES.flatMap((name) => {
      const lower = name.toLowerCase();
      const value = this.given.get(lower) ?? this.given.get(name);
      return value === undefined ? [] : [`${name}=${value}`, `${lower}=${value}`];
    });
  }

  /** Name of the machine as RUN steps see it. @throws invalid_argument */
  hostname(): string {
    const name = this.given.get('BUILDKIT_SANDBOX_HOSTNAME') || DEFAULT_HOSTNAME;
    if (/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) return name;
    throw new LadingError(
      'invalid_argument',
      `invalid BUILDKIT_SANDBOX_HOSTNAME: ${JSON.stringify(name.slice(0, 100))}`,
      {
        hint: 'letters, digits, ".", "_" and "-", at most 63',
      },
    );
  }

  /** Given, but declared nowhere that was built. */
  unused(): string[] {
    return [...this.given.keys()]
      .filter((key) => !this.#consumed.has(key) && !PROXY_ARGS.includes(key) && !isBuiltIn(key))
      .sort();
  }

  /** Gives an argument another value than the user did. */
  override(key: string, value: string): void {
    this.given.set(key, value);
  }
}

export interface Platforms {
  readonly build: Platform;
  readonly target: Platform;
  /** Name of the stage asked for: absent is the last one. */
  readonly targetStage?: string | undefined;
}

function isBuiltIn(key: string): boolean {
  return key === 'SOURCE_DATE_EPOCH' || key.startsWith('BUILDKIT_');
}
