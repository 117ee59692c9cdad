const PAIRS = 'KEY=VALUE [KEY=VALUE…]';
const COMMAND = 'COMMAND, or ["program", "argument"…]';

/** How each instruction is written: the hint of whatever is wrong with one. */
const USAGE: Readonly<Record<string, string>> = {
  add: '[--chown=USER[:GROUP]] [--chmod=MODE] [--link] [--exclude=PATTERN] [--checksum=…] [--keep-git-dir] [--unpack] SOURCE… DESTINATION',
  arg: 'NAME[=DEFAULT] [NAME[=DEFAULT]…]',
  cmd: COMMAND,
  copy: '[--from=STAGE|IMAGE|CONTEXT] [--chown=USER[:GROUP]] [--chmod=MODE] [--link] [--parents] [--exclude=PATTERN] SOURCE… DESTINATION',
  entrypoint: COMMAND,
  env: PAIRS,
  expose: 'PORT[-PORT][/tcp|udp|sctp]…',
  from: '[--platform=OS/ARCH] IMAGE [AS NAME]',
  healthcheck:
    'NONE, or [--interval=30s] [--timeout=30s] [--start-period=0s] [--start-interval=5s] [--retries=3] CMD COMMAND',
  label: PAIRS,
  maintainer: 'NAME, or better LABEL org.opencontainers.image.authors=NAME',
  onbuild: 'INSTRUCTION, any but FROM, MAINTAINER and ONBUILD',
  run: '[--mount=type=bind|cache|tmpfs|secret|ssh,…] [--network=default|none|host] [--security=sandbox|insecure] COMMAND, or ["program", "argument"…], or <<EOF',
  shell: '["program", "option"…]',
  stopsignal: 'SIGNAL',
  user: 'USER[:GROUP]',
  volume: 'PATH…, or ["path"…]',
  workdir: 'PATH',
};

/** "write FROM IMAGE [AS NAME]"; for a word that is no instruction, what there is. */
export function usageHint(keyword: string): string {
  const usage = Object.hasOwn(USAGE, keyword) ? USAGE[keyword] : undefined;
  if (usage !== undefined) return `write ${keyword.toUpperCase()} ${usage}`;
  return `instructions are ${Object.keys(USAGE)
    .map((name) => name.toUpperCase())
    .join(', ')}`;
}
