import type { TimesFound } from '../../archive/index.ts';
import type { ChainID, Descriptor, DiffID } from '../../oci/index.ts';

/** A layer of an image being built: stored, and unpacked as a committed snapshot. */
export interface BuiltLayer {
  readonly diffId: DiffID;
  /** Name of its snapshot. */
  readonly chainId: ChainID;
  readonly blob: Descriptor;
  /** Unpacked, bytes. */
  readonly sizeBytes: number;
}

/** Everything a step's result depends on; its digest is the cache key. Plain JSON. */
export type StepInputs = Readonly<Record<string, unknown>>;

/** What one step of some build made. Shared by all builds. */
export interface CacheRecord {
  /** Digest of the inputs. */
  readonly key: string;
  /** "run", "copy", "add", "workdir". */
  readonly kind: string;
  /** The instruction, for people. */
  readonly text: string;
  /** ChainID of the layers below. */
  readonly parent?: ChainID;
  /** Absent when the step changed nothing. */
  readonly layer?: BuiltLayer;
  /** What the layer's times came from; says for which SOURCE_DATE_EPOCH it is the same. */
  readonly times?: TimesFound;
  /** RFC 3339: when the step ran. Goes into the image's history, so that a cached build gives the same image. */
  readonly createdAt: string;
  /** How long the step ran. */
  readonly durationMs?: number;
  readonly lastUsedAt: string;
  readonly uses: number;
}

/** Kept beside a record and read only to explain: the inputs themselves, values that look secret masked. */
export interface CacheInputs {
  readonly inputs: StepInputs;
}
