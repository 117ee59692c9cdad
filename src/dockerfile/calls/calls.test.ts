import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkAnswer,
  evaluateGlobalArgs,
  lintDockerfile,
  outlineAnswer,
  parseDockerfile,
  predefinedArgs,
  targetsAnswer,
} from '../index.ts';

const AMD64 = { os: 'linux', architecture: 'amd64' };
const PREDEFINED = predefinedArgs({ build: AMD64, target: AMD64, targetStage: 'default' });

const TEXT = `# BASE the base image
ARG BASE=busybox
ARG TAGV
ARG OTHER=\${TAGV:-q}
# build it builds
FROM $BASE AS build
# VER the version
# of it
ARG VER=1 B2=$VER
ARG TARGETARCH NOTHING
ARG OTHER
ARG API=
RUN --mount=type=secret,id=tok,required=true \\
  --mount=type=ssh \\
  --mount=type=cache,target=/c,id=cc --mount=type=cache,target=/d \\
  --mount=type=secret,target=/x/y echo
FROM busybox AS dep
ARG DEPARG=5
RUN --mount=type=secret,id=tok,required=true,env=TOK --mount=type=ssh,id=foo,required x
# final the end
FROM build AS final
COPY --from=dep / /
ARG VER=2
RUN --mount=type=secret,id=last x
CMD echo \\
  two
`;

function outline(target: number) {
  const dockerfile = parseDockerfile(TEXT);
  const given = new Map([['API', 'given']]);
  const [build, dep, final] = dockerfile.stages;
  return outlineAnswer(dockerfile, {
    target: dockerfile.stages[target]!,
    globals: evaluateGlobalArgs(dockerfile, PREDEFINED, given),
    given,
    sourcesOf: (stage) => (stage === final ? [build!, dep!] : []),
  });
}

// Docker 28's answers to the same file, with the cache mounts added, which it leaves out.
test('outlineAnswer() lists what a build of the target can be given', () => {
  assert.equal(
    outline(2).text,
    `TARGET:      final
DESCRIPTION: the end

BUILD ARG   VALUE     DESCRIPTION
BASE        busybox   the base image
OTHER       q         
B2          1         
NOTHING               
API         given     
DEPARG      5         
VER         2         

SECRET   REQUIRED
tok      true
y        
last     

SSH       REQUIRED
default   
foo       true

CACHE MOUNT
cc
/d

`,
  );
});

test('outlineAnswer() gives the same as JSON, with locations', () => {
  const { args, secrets, ssh, cache, name } = outline(1).json as Record<string, { name: string; location: object }[]>;
  const at = (line: number) => ({ ranges: [{ start: { line }, end: { line } }] });
  assert.equal(name, 'dep');
  assert.deepEqual(args, [{ name: 'DEPARG', value: '5', location: at(18) }]);
  assert.deepEqual(secrets, [{ name: 'tok', required: true, location: at(19) }]);
  assert.deepEqual(ssh, [{ name: 'foo', required: true, location: at(19) }]);
  assert.equal(cache, undefined);
});

test('targetsAnswer() lists the stages and marks the one built by default', () => {
  const { text, json } = targetsAnswer(parseDockerfile(TEXT));
  assert.equal(
    text,
    'TARGET          DESCRIPTION\nbuild           it builds\ndep             \nfinal (default) the end\n',
  );
  const { targets } = json as { targets: { default?: boolean; base: string }[] };
  assert.deepEqual(
    targets.map((target) => [target.base, target.default]),
    [
      ['$BASE', undefined],
      ['busybox', undefined],
      ['build', true],
    ],
  );
  assert.equal(targetsAnswer(parseDockerfile('FROM a')).text, 'TARGET    DESCRIPTION\n(default) \n');
});

function check(source: string) {
  const dockerfile = parseDockerfile(source);
  return checkAnswer(
    dockerfile,
    lintDockerfile(dockerfile, { predefined: PREDEFINED, given: new Map(), target: AMD64 }),
  );
}

test('checkAnswer() prints warnings by line, each with its rule, address and lines', () => {
  const answer = check('FROM scratch\nCMD echo \\\n  two\nMAINTAINER x\n');
  assert.equal(answer.failed, true);
  assert.equal(
    answer.text,
    `Check complete, 2 warnings have been found!

WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
Dockerfile:2
--------------------
   1 |     FROM scratch
   2 | >>> CMD echo \\
   3 | >>>   two
   4 |     MAINTAINER x
--------------------

WARNING: MaintainerDeprecated - https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/
Maintainer instruction is deprecated in favor of using label
Dockerfile:4
--------------------
   2 |     CMD echo \\
   3 |       two
   4 | >>> MAINTAINER x
   5 |     
--------------------
`,
  );
  const { warnings } = answer.json as { warnings: { ruleName: string; location: { ranges: object[] } }[] };
  assert.deepEqual(
    warnings.map(({ ruleName, location }) => [ruleName, location.ranges.length]),
    [
      ['MaintainerDeprecated', 1],
      ['JSONArgsRecommended', 2],
    ],
  );
});

test('checkAnswer() without findings', () => {
  const answer = check('FROM scratch\n');
  assert.deepEqual([answer.text, answer.failed], ['Check complete, no warnings found.\n', false]);
});

test('checkAnswer() shows what makes the file unusable', () => {
  const file = { filename: 'Dockerfile', source: 'FROM scratch\nCOPI a b\n' };
  const answer = checkAnswer(file, [], { message: 'no such thing', location: { startLine: 2, endLine: 2 } });
  assert.match(answer.text, /^\nERROR: no such thing\nDockerfile:2\n/);
  assert.equal(answer.failed, true);
  assert.deepEqual((answer.json as { buildError: object }).buildError, {
    message: 'no such thing',
    location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
  });
});

test('nothing of a Dockerfile steers the terminal of who asks', () => {
  const text = '# x \u001b[31mred\nFROM \u001b]0;title\u0007 AS x\n';
  const shown = [targetsAnswer(parseDockerfile(text)).text, check(text).text].join('');
  assert.match(shown, /red/);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(shown, /[\u0000-\u0008\u000b-\u001f]/);
});
