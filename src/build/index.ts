/**
 * Builds as TypeScript: `import { image } from 'lading/build'`. A program describes stages as values; they become a Dockerfile in which
 * every value is quoted, so that it is the same graph with the same digests and the same cache as the Dockerfile a person would write.
 * Describing does no IO. `build()` opens the engine in this process, or goes through the daemon that has the store.
 */
export { image, scratch, type Image } from './image.ts';
export {
  arg,
  variable,
  BUILDARCH,
  BUILDOS,
  BUILDPLATFORM,
  BUILDVARIANT,
  TARGETARCH,
  TARGETOS,
  TARGETPLATFORM,
  TARGETSTAGE,
  TARGETVARIANT,
  type Arg,
  type Reference,
  type Text,
  type Variable,
} from './values.ts';
export {
  bind,
  cache,
  secret,
  ssh,
  tmpfs,
  type BindOptions,
  type CacheOptions,
  type Mount,
  type SecretOptions,
  type SshOptions,
  type TmpfsOptions,
} from './mounts.ts';
export {
  context,
  file,
  git,
  http,
  type From,
  type GitSource,
  type HttpSource,
  type InlineFile,
  type NamedContext,
} from './sources.ts';
export type { AddOptions, AddSource, CopyOptions, CopySource } from './files.ts';
export type { Command } from './command-line.ts';
export type { Duration, HealthcheckOptions, RunOptions, RunShellOptions } from './commands.ts';
export type { Port } from './instructions.ts';
export type { DockerfileOptions } from './render.ts';
export type { Place } from './place.ts';
export type { Plan, PlanOptions, PlannedStage, PlannedStep } from './plan.ts';
export type { DryRunOptions, DryRunResult, DryRunStep, ImageConfig } from './dry-run.ts';
export { openStore, type Store } from './open-store.ts';
export type * from './build-options.ts';
export { plan, type Program, type Targets } from './program.ts';
