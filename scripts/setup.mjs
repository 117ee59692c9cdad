// Makes a fresh machine ready: system packages, npm packages, the build. Runs on any Node from 18 on, before anything is
// installed, so it uses nothing but Node itself. `--test` adds what only the tests and benchmarks need.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const FOR_TESTS = process.argv.includes('--test');

/** Program to look for, the Debian package that has it, what lading does with it. */
const PROGRAMS = [
  ['runc', 'runc', 'OCI runtime (crun is used instead where it works)'],
  ['conmon', 'conmon', 'container monitor'],
  ['nft', 'nftables', 'NAT and published ports'],
  ['mmdebstrap', 'mmdebstrap', 'base images from Debian packages'],
  ['ps', 'procps', 'lading top'],
  ['xz', 'xz-utils', 'ADD of .tar.xz'],
  ['bzip2', 'bzip2', 'ADD of .tar.bz2'],
];
const TEST_PROGRAMS = [
  ['busybox', 'busybox-static', 'test images'],
  ['docker-registry', 'docker-registry', 'a second registry to test against'],
];

const SEARCH = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];

function isInstalled(program) {
  return SEARCH.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function fail(message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: ROOT, stdio: 'inherit', ...options });
  if (result.error) fail(`${program}: ${result.error.message}`);
  if (result.status !== 0) fail(`${program} ${args.join(' ')}: exit status ${result.status}`);
}

function asRoot(program, args, env = {}) {
  const environment = { ...process.env, ...env };
  // Debian's own line of progress a package is noise here; errors still reach the terminal.
  const stdio = ['ignore', 'ignore', 'inherit'];
  if (process.getuid() === 0) return run(program, args, { env: environment, stdio });
  if (!isInstalled('sudo')) fail(`installing packages needs root: run as root, or install ${args.join(' ')} yourself`);
  run('sudo', [...Object.entries(env).map(([name, value]) => `${name}=${value}`), program, ...args], { stdio });
}

function installSystemPackages() {
  const wanted = FOR_TESTS ? [...PROGRAMS, ...TEST_PROGRAMS] : PROGRAMS;
  const missing = wanted.filter(([program]) => !isInstalled(program));
  if (missing.length === 0) return;
  if (!isInstalled('apt-get')) {
    const list = missing.map(([program, debian, use]) => `  ${program} (Debian's package: ${debian}): ${use}`);
    fail(`please install these with your system's package manager and try again:\n${list.join('\n')}`);
  }
  const packages = missing.map(([, debian]) => debian);
  process.stdout.write(`setup: installing system packages: ${packages.join(' ')}\n`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const options = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  // A package that brings a service must not start it here.
  const policy = '/usr/sbin/policy-rc.d';
  const ownPolicy = !existsSync(policy);
  if (ownPolicy) asRoot('sh', ['-c', `printf '#!/bin/sh\\nexit 101\\n' > ${policy}; chmod +x ${policy}`]);
  try {
    // A third-party source that cannot be reached must not stand in the way; what is really missing fails at the install.
    asRoot('sh', ['-c', `apt-get ${options.join(' ')} update || true`], env);
    asRoot('apt-get', [...options, 'install', '-y', '--no-install-recommends', ...packages], env);
  } finally {
    if (ownPolicy) asRoot('rm', ['-f', policy]);
  }
}

function mtime(path) {
  const full = join(ROOT, path);
  return existsSync(full) ? statSync(full).mtimeMs : 0;
}

/** The pinned Node comes as an npm package; it has to run here to count as installed. */
function npmPackagesAreCurrent() {
  if (mtime('node_modules/.package-lock.json') < mtime('package-lock.json')) return false;
  try {
    execFileSync(join(ROOT, 'node_modules/.bin/node'), ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function installNpmPackages() {
  if (npmPackagesAreCurrent()) return;
  process.stdout.write('setup: installing npm packages\n');
  // Not `npm ci`: npm 11 leaves other platforms' optional packages out of the lock file and then refuses it.
  run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
}

installSystemPackages();
installNpmPackages();
run(join(ROOT, 'node_modules/.bin/node'), ['scripts/build.ts']);
