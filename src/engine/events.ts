import { on, EventEmitter } from 'node:events';
import type { EngineEvent, Filters } from './types.ts';

const HISTORY = 256;

/** Publishes facts; a subscriber gets the recent history and then the live feed, without a gap between. */
export class EventBus {
  readonly #history: EngineEvent[] = [];
  readonly #live = new EventEmitter({ captureRejections: false });

  constructor() {
    this.#live.setMaxListeners(0);
  }

  publish(
    Type: EngineEvent['Type'],
    Action: string,
    ID: string,
    Attributes: Readonly<Record<string, string>> = {},
  ): void {
    const timeNano = Number(BigInt(Date.now()) * 1_000_000n);
    const event: EngineEvent = {
      Type,
      Action,
      Actor: { ID, Attributes },
      scope: 'local',
      time: Math.floor(timeNano / 1e9),
      timeNano,
    };
    this.#history.push(event);
    if (this.#history.length > HISTORY) this.#history.shift();
    this.#live.emit('event', event);
  }

  /** @see SystemEngine.events */
  async *subscribe(options: {
    sinceMs?: number;
    untilMs?: number;
    filters: Filters;
    signal: AbortSignal;
  }): AsyncGenerator<EngineEvent> {
    const { sinceMs, untilMs, filters } = options;
    const wanted = (event: EngineEvent): boolean => matchesEvent(event, filters);
    const past = sinceMs === undefined ? [] : this.#history.filter((event) => event.timeNano / 1e6 >= sinceMs);
    const remaining = untilMs === undefined ? undefined : untilMs - Date.now();
    const signal =
      remaining === undefined
        ? options.signal
        : AbortSignal.any([options.signal, AbortSignal.timeout(Math.max(0, remaining))]);
    const live = on(this.#live, 'event', { signal });
    for (const event of past)
      if (wanted(event) && (untilMs === undefined || event.timeNano / 1e6 <= untilMs)) yield event;
    try {
      for await (const [event] of live as AsyncIterable<[EngineEvent]>) if (wanted(event)) yield event;
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

/** Docker's event filters: type, event, container, image, network, volume, label, scope. */
function matchesEvent(event: EngineEvent, filters: Filters): boolean {
  return Object.entries(filters).every(
    ([key, values]) => values.length === 0 || values.some((value) => matchesOne(event, key, value)),
  );
}

function matchesOne(event: EngineEvent, key: string, value: string): boolean {
  const { ID, Attributes } = event.Actor;
  switch (key) {
    case 'type':
      return event.Type === value;
    case 'event':
      return event.Action === value || event.Action.startsWith(`${value}:`);
    case 'scope':
      return event.scope === value;
    case 'label': {
      const [name = '', wanted] = value.split('=', 2);
      return wanted === undefined ? name in Attributes : Attributes[name] === wanted;
    }
    case 'container':
    case 'network':
    case 'volume':
      return event.Type === key && (ID.startsWith(value) || Attributes['name'] === value);
    case 'image':
      return (
        (event.Type === 'image' && (ID === value || Attributes['name'] === value)) || Attributes['image'] === value
      );
    default:
      return true;
  }
}
