export { RegistryClient } from './registry-client.ts';
export type { RegistryOptions } from './options.ts';
export type { RetryPolicy } from './retry-policy.ts';
export type { CallOptions } from './session.ts';
export type { ResolvedManifest } from './manifests.ts';
export type { LoginResult } from './login.ts';
export type { PullBlobOptions } from './blobs/pull-blob.ts';
export type { OpenBlobSource, PushBlobOptions, PushBlobResult } from './blobs/push-blob.ts';
export {
  ANONYMOUS,
  DOCKER_HUB_KEY,
  credentialKeyOf,
  type CredentialSource,
  type RegistryCredentials,
} from './auth/credential-source.ts';
export { DockerCredentials, type DockerCredentialsOptions } from './credentials/docker-credentials.ts';
export { pullImage, type PullImageOptions, type PulledImage } from './pull.ts';
export { pushImage, type BlobSource, type PushImageOptions, type PushedImage } from './push.ts';
export { pushReferrers, type ReferrerToPush } from './referrers.ts';
export { choosePlatform } from './choose-platform.ts';
export type { BlobProgress, OnBlobProgress } from './progress.ts';
