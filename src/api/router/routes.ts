import type { Route } from '../http/call.ts';
import { BUILD_ROUTES } from './build/index.ts';
import { BUILDS_ROUTES } from './builds/index.ts';
import { CONTAINER_ROUTES } from './containers/index.ts';
import { DISTRIBUTION_ROUTES } from './distribution/index.ts';
import { EXEC_ROUTES } from './exec/index.ts';
import { IMAGE_ROUTES } from './images/index.ts';
import { NETWORK_ROUTES } from './networks/index.ts';
import { SYSTEM_ROUTES } from './system/index.ts';
import { VOLUME_ROUTES } from './volumes/index.ts';

/** Every endpoint served, by resource: what docs/api-compat.md shows. */
export const ROUTES_BY_RESOURCE = {
  System: SYSTEM_ROUTES,
  Containers: CONTAINER_ROUTES,
  Exec: EXEC_ROUTES,
  Images: IMAGE_ROUTES,
  Networks: NETWORK_ROUTES,
  Volumes: VOLUME_ROUTES,
  Build: BUILD_ROUTES,
  'Recorded builds': BUILDS_ROUTES,
  Distribution: DISTRIBUTION_ROUTES,
} as const satisfies Record<string, readonly Route[]>;

export const ROUTES: readonly Route[] = Object.values(ROUTES_BY_RESOURCE).flat();
