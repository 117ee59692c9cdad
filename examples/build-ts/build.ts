// lading build -t shop examples/build-ts/build.ts
// lading build -t shop:dev --target dev --build-arg DEBUG=1 examples/build-ts/build.ts
import { arg, cache, file, image, type Image, type ProgramInput } from 'lading/build';

const base = arg('BASE', 'debian:trixie-slim');

/** Reuse is a function. */
function withUser(stage: Image, name: string): Image {
  return stage.run(`useradd --create-home ${name}`).user(name).workdir(`/home/${name}`);
}

function aptInstall(...packages: string[]): (stage: Image) => Image {
  return (stage) =>
    stage.run(
      `rm -f /etc/apt/apt.conf.d/docker-clean
       apt-get update
       apt-get install --yes --no-install-recommends ${packages.join(' ')}`,
      { mounts: [cache('/var/cache/apt', { sharing: 'locked' }), cache('/var/lib/apt', { sharing: 'locked' })] },
    );
}

export default ({ args }: ProgramInput): Record<string, Image> => {
  const system = image(`${base}`).shell(['/bin/sh', '-ec']).with(aptInstall('python3'));

  // A stage is a value: what copies from it makes it part of the build.
  const site = system
    .workdir('/site')
    .copy('page.py', './')
    .run(['python3', 'page.py', 'index.html']);

  const served = withUser(system, 'shop')
    .copy('/site/index.html', 'public/', { from: site, link: true })
    .copy(file('No crawlers here.\n', { name: 'robots.txt' }), 'public/')
    .env({ PORT: 8080 })
    .expose(8080)
    .healthcheck(['python3', '-c', 'import urllib.request as u; u.urlopen("http://127.0.0.1:8080/")'], { interval: '30s' })
    .cmd('exec python3 -m http.server --directory public "$PORT"');

  return {
    dev: args['DEBUG'] === undefined ? served : served.env({ PYTHONDEVMODE: 1 }),
    default: served.label({ 'org.opencontainers.image.title': 'shop' }),
  };
};
