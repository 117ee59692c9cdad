import { bool, text, type Flag } from './flags.ts';

/** Flags before the command. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  text('host', 'H', 'Daemon socket to connect to (default: $LADING_HOST, then this machine’s own daemon)'),
  text('config', '', 'Folder of the client’s config.json (default ~/.docker)'),
  bool('version', 'v', 'Print version information and quit'),
  bool('help', 'h', 'Print help'),
];
