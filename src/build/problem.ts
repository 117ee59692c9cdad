import { LadingError } from '../errors/index.ts';
import { formatPlace, type Place } from './place.ts';

/** What is wrong with a program, with the line that says it. */
export function problem(place: Place, message: string, hint?: string): LadingError {
  return new LadingError('invalid_argument', `${formatPlace(place)}: ${message}`, hint === undefined ? {} : { hint });
}
