import {
  arg,
  bind,
  cache,
  file,
  image,
  scratch,
  secret,
  TARGETARCH,
  tmpfs,
  variable,
  type Image,
} from '../../src/build/index.ts';

export interface BuildPair {
  readonly name: string;
  readonly program: () => Image;
  readonly dockerfile: string;
  readonly buildArgs?: Record<string, string>;
}

/** The context of every pair. */
export const PAIR_FILES: Readonly<Record<string, string>> = {
  'package.json': '{}',
  'src/a.js': 'a',
  'src/b c.js': 'b',
  'src/a.test.js': 't',
  'x[1].txt': 'x',
};

/** The same build, as a program and as a person writes it. */
export const BUILD_PAIRS: readonly BuildPair[] = [
  {
    name: 'steps and configuration',
    program: () =>
      image('busybox')
        .workdir('/app')
        .copy('package*.json', './')
        .run('echo one > one && cat package.json', { network: 'none' })
        .run(['sh', '-c', 'echo "two  words" > two'])
        .env({ A: 'a b', B: '$HOME', PATH: `/app/bin:${variable('PATH')}` })
        .label({ 'org.example.name': "it's", 'with blank': 'x' })
        .expose(8080, '53/udp')
        .volume('/data', '/more data')
        .user('1000:1000')
        .stopsignal('SIGINT')
        .healthcheck(['true'], { interval: '30s', timeout: 1500, retries: 3 })
        .shell(['/bin/sh', '-ec'])
        .entrypoint(['/bin/sh'])
        .cmd('echo $A'),
    dockerfile: String.raw`FROM busybox
WORKDIR /app
COPY package*.json ./
RUN --network=none echo one > one && cat package.json
RUN ["sh", "-c", "echo \"two  words\" > two"]
ENV A="a b" B=\$HOME PATH=/app/bin:$PATH
LABEL org.example.name="it's" "with blank"=x
EXPOSE 8080 53/udp
VOLUME ["/data", "/more data"]
USER 1000:1000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=1.5s --retries=3 CMD ["true"]
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT ["/bin/sh"]
CMD echo $A`,
  },
  {
    name: 'stages as values',
    program: () => {
      const base = image('busybox').workdir('/src').copy('.', '.');
      const built = base.run('cat src/*.js > bundle');
      const tested = base.run('test -f src/a.test.js && echo ok > /ok').as('tested');
      return scratch()
        .copy({ from: built, source: '/src/bundle', dest: '/bundle' })
        .copy('/ok', '/', { from: tested, chmod: 0o600, chown: '5:6' });
    },
    dockerfile: String.raw`FROM busybox AS base
WORKDIR /src
COPY . .
FROM base AS built
RUN cat src/*.js > bundle
FROM base AS tested
RUN test -f src/a.test.js && echo ok > /ok
FROM scratch
COPY --from=built /src/bundle /bundle
COPY --from=tested --chmod=600 --chown=5:6 /ok /`,
  },
  {
    name: 'arguments',
    buildArgs: { MODE: 'fast lane' },
    program: () => {
      const tag = arg('TAG', 'latest');
      const mode = arg('MODE', 'slow');
      return image(`busybox:${tag}`)
        .run(`echo "$MODE" > /a; echo "${mode}" > /b`)
        .env({ MODE_IS: `<${mode}>`, ARCH: TARGETARCH, SHORT: mode.trimEnd(' *'), NONE: variable('NONE').or('a "b"') })
        .arg(arg('LATE', 'l'))
        .run('echo $LATE > /late');
    },
    dockerfile: String.raw`ARG TAG=latest
FROM busybox:$TAG
ARG MODE=slow
RUN echo "$MODE" > /a; echo "${'${MODE}'}" > /b
ARG TARGETARCH
ENV MODE_IS="<$MODE>" ARCH=$TARGETARCH SHORT="${'${MODE% *}'}" NONE='a "b"'
ARG LATE=l
RUN echo $LATE > /late`,
  },
  {
    name: 'here-documents',
    program: () =>
      image('busybox')
        .run('set -e\nfor i in 1 2; do\n  echo "$i" >> /n\ndone\n')
        .run('cat <<X > /x\nbody \\$y\nX')
        .run('#!/bin/sh\necho script > /script')
        .copy(file('key = $value\n', { name: 'app.conf' }), '/etc/')
        .copy(file(`arch=${TARGETARCH} \\ $HOME\n`), '/etc/arch'),
    dockerfile: String.raw`FROM busybox
RUN <<EOF
set -e
for i in 1 2; do
  echo "$i" >> /n
done
EOF
RUN <<EOF
cat <<X > /x
body \$y
X
EOF
RUN <<EOF
#!/bin/sh
echo script > /script
EOF
COPY <<"app.conf" /etc/
key = $value
app.conf
ARG TARGETARCH
COPY <<EOF /etc/arch
arch=$TARGETARCH \\ \$HOME
EOF`,
  },
  {
    name: 'mounts',
    program: () => {
      const tools = image('busybox').run('echo tool > /tool');
      return image('busybox')
        .run('cp /t/tool /copied && test -d /scratch && echo x > /cache/x', {
          mounts: [
            bind('/t', { from: tools }),
            cache('/cache', { id: 'build-ts', sharing: 'locked', mode: 0o700 }),
            tmpfs('/scratch', { size: '1m' }),
          ],
        })
        .run('test -f /ctx/a.js && test "$(cat /run/secrets/token)" = s3', {
          mounts: [bind('/ctx', { source: 'src' }), secret('token', { required: true })],
        });
    },
    dockerfile: String.raw`FROM busybox AS tools
RUN echo tool > /tool
FROM busybox
RUN --mount=type=bind,from=tools,target=/t --mount=type=cache,id=build-ts,target=/cache,sharing=locked,mode=0700 --mount=type=tmpfs,target=/scratch,size=1m cp /t/tool /copied && test -d /scratch && echo x > /cache/x
RUN --mount=type=bind,source=src,target=/ctx --mount=type=secret,id=token,required test -f /ctx/a.js && test "$(cat /run/secrets/token)" = s3`,
  },
  {
    name: 'copies with every flag, names with blanks and brackets',
    program: () =>
      scratch()
        .copy('src', '/app/', { exclude: ['*.test.js', 'b c*'], chmod: 'u=rwX,go=rX' })
        .copy(['src/b c.js', 'x[[]1].txt'], '/odd name/')
        .copy('./src/*.js', '/deep/', { parents: true, link: true })
        .add('package.json', '/added/', { chown: '1' }),
    dockerfile: String.raw`FROM scratch
COPY --exclude=*.test.js --exclude="b c*" --chmod=u=rwX,go=rX src /app/
COPY ["src/b c.js", "x[[]1].txt", "/odd name/"]
COPY --parents --link ./src/*.js /deep/
ADD --chown=1 package.json /added/`,
  },
  {
    name: 'an ENTRYPOINT keeps the CMD of its own stage',
    program: () => {
      const common = image('busybox').cmd(['one']).as('common');
      return common.entrypoint(['two']).copy('/bin/busybox', '/b', { from: common });
    },
    dockerfile: String.raw`FROM busybox AS common
CMD ["one"]
FROM busybox
CMD ["one"]
ENTRYPOINT ["two"]
COPY --from=common /bin/busybox /b`,
  },
  {
    name: 'triggers',
    program: () =>
      image(
        image('busybox')
          .onbuild((later) => later.run('echo triggered > /t').workdir('/w').copy('.', '.'))
          .as('parent'),
      ),
    dockerfile: String.raw`FROM busybox AS parent
ONBUILD RUN echo triggered > /t
ONBUILD WORKDIR /w
ONBUILD COPY . .
FROM parent`,
  },
  {
    name: 'arguments of a common beginning',
    buildArgs: { MODE: 'given' },
    program: () => {
      const mode = arg('MODE', 'slow');
      const base = image('busybox').run(`echo ${mode} > /base`);
      return base.run(`echo ${mode} > /own`).copy('/two', '/', { from: base.run(`echo ${mode} > /two`) });
    },
    dockerfile: String.raw`FROM busybox AS base
ARG MODE=slow
RUN echo ${'${MODE}'} > /base
FROM base AS two
RUN echo ${'${MODE}'} > /two
FROM base
RUN echo ${'${MODE}'} > /own
COPY --from=two /two /`,
  },
];
