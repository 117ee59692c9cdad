import type { ContainerState } from '../../engine/index.ts';
import { humanDuration } from './human-duration.ts';

/** Go's zero time: it never happened. */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

export function isRunning(state: ContainerState): boolean {
  return state.status === 'running' || state.status === 'paused' || state.status === 'restarting';
}

function since(time: string, now: number): string {
  return humanDuration(Math.max(0, now - Date.parse(time)));
}

function healthSuffix(state: ContainerState): string {
  const status = state.health?.status ?? 'none';
  if (status === 'none' || status === '') return '';
  return status === 'starting' ? ' (health: starting)' : ` (${status})`;
}

/** The STATUS column of `docker ps`. */
export function statusText(state: ContainerState, now = Date.now()): string {
  switch (state.status) {
    case 'running':
      return `Up ${since(state.startedAt, now)}${healthSuffix(state)}`;
    case 'paused':
      return `Up ${since(state.startedAt, now)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt, now)} ago`;
    case 'removing':
      return 'Removal In Progress';
    case 'dead':
      return 'Dead';
    case 'created':
      return 'Created';
    case 'exited':
      if (state.startedAt === ZERO_TIME) return 'Created';
      return state.finishedAt === ZERO_TIME ? '' : `Exited (${state.exitCode}) ${since(state.finishedAt, now)} ago`;
  }
}
