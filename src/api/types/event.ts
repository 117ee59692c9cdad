import type { EngineEvent } from '../../engine/index.ts';

/** An event as clients before 1.52 read it: with the old top-level names for containers and images. */
export function toEvent(event: EngineEvent) {
  const { Type, Action, Actor } = event;
  const from = Actor.Attributes['image'];
  const legacy =
    Type === 'container' || Type === 'image'
      ? { status: Action, id: Actor.ID, ...(Type === 'container' && from !== undefined ? { from } : {}) }
      : {};
  return { ...legacy, ...event };
}
