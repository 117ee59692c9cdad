import { Readable } from 'node:stream';
import { LadingError, messageOf } from '../../errors/index.ts';

export interface Remote {
  readonly body: Readable;
  readonly contentType: string;
}

/** Fetches what a client named by address, as `import URL` and `build URL` ask. @throws invalid_argument */
export async function fetchRemote(address: string, signal: AbortSignal): Promise<Remote> {
  const url = address.includes('://') ? address : `http://${address}`;
  if (!/^https?:\/\//.test(url))
    throw new LadingError('invalid_argument', `cannot fetch "${address.slice(0, 300)}": only http and https are read`);
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    throw new LadingError('invalid_argument', `cannot fetch "${address.slice(0, 300)}": ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!response.ok || response.body === null)
    throw new LadingError('invalid_argument', `cannot fetch "${address.slice(0, 300)}": status ${response.status}`);
  return { body: Readable.fromWeb(response.body as never), contentType: response.headers.get('content-type') ?? '' };
}
