/** What happens to one blob, in the words of Docker's progress lines. */
export interface BlobProgress {
  /** Twelve digits of the digest. */
  readonly id: string;
  readonly status:
    | 'Pulling fs layer'
    | 'Waiting'
    | 'Downloading'
    | 'Verifying Checksum'
    | 'Download complete'
    | 'Already exists'
    | 'Preparing'
    | 'Pushing'
    | 'Pushed'
    | 'Layer already exists'
    | `Mounted from ${string}`;
  /** Bytes. */
  readonly current?: number;
  readonly total?: number;
}

export type OnBlobProgress = (event: BlobProgress) => void;

const INTERVAL_MS = 100;

/** Passes on at most ten byte counts a second, always the last one. */
export function throttled(total: number, report: (bytes: number) => void): (bytes: number) => void {
  let next = 0;
  return (bytes) => {
    const now = performance.now();
    if (now < next && bytes < total) return;
    next = now + INTERVAL_MS;
    report(bytes);
  };
}
