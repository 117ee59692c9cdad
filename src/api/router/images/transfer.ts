import { LadingError } from '../../../errors/index.ts';
import { familiarRepository, parseReference } from '../../../oci/index.ts';
import { param, type Call, type Handler } from '../../http/call.ts';
import { JsonStream } from '../../http/json-stream.ts';
import { flag, platform, text } from '../../http/query.ts';
import { registryAuth } from '../../http/registry-auth.ts';
import { fetchRemote } from '../../http/remote.ts';
import { sendTar } from '../../http/respond.ts';
import { dockerfileChanges } from '../containers/commit.ts';

/** `fromImage` with `tag`, which may be a digest: "name:tag" or "name@sha256:…". */
export function pullReference(image: string, tag: string | undefined): string {
  const name = image.replace(/:$/, '');
  if (tag === undefined) return name;
  const { domain, path } = parseReference(name);
  return `${familiarRepository({ domain, path })}${tag.includes(':') ? '@' : ':'}${tag}`;
}

function withPlatform({ query }: Call): { platform?: NonNullable<ReturnType<typeof platform>> } {
  const wanted = platform(query);
  return wanted === undefined ? {} : { platform: wanted };
}

function withCredentials({ request }: Call): { credentials?: NonNullable<ReturnType<typeof registryAuth>> } {
  const credentials = registryAuth(request.headers);
  return credentials === undefined ? {} : { credentials };
}

/** Pull (`fromImage`) or import (`fromSrc`). */
export const createImage: Handler = async (call) => {
  const image = text(call.query, 'fromImage');
  await (image === undefined ? importImage(call) : pullImage(call, image));
};

async function pullImage(call: Call, image: string): Promise<void> {
  const { engine, query, response, signal } = call;
  const reference = pullReference(image, text(query, 'tag'));
  const options = { ...withPlatform(call), ...withCredentials(call), signal };
  const stream = new JsonStream(response);
  await stream.run(async () => {
    await engine.images.pull(reference, { ...options, onProgress: (message) => stream.progress(message) });
  });
}

async function importImage(call: Call): Promise<void> {
  const { engine, query, request, response, signal } = call;
  const source = text(query, 'fromSrc');
  if (source === undefined)
    throw new LadingError('invalid_argument', 'cannot create image: neither "fromImage" nor "fromSrc" was given');
  const repo = text(query, 'repo');
  const options = {
    ...(repo === undefined ? {} : { reference: named(repo, text(query, 'tag')) }),
    message: text(query, 'message') ?? `Imported from ${source}`,
    changes: dockerfileChanges(query),
    ...withPlatform(call),
    signal,
  };
  const stream = new JsonStream(response);
  await stream.run(async () => {
    const tar = source === '-' ? request : (await fetchRemote(source, signal)).body;
    await engine.images.import(tar, { ...options, onProgress: (message) => stream.progress(message) });
  });
}

/** The docker client sends the whole reference as `repo` and no `tag`; older ones send both. */
function named(repo: string, tag: string | undefined): string {
  return tag === undefined ? repo : `${repo}:${tag}`;
}

/** Every tag of a repository, for `push --all-tags`. */
async function tagsOf({ engine }: Call, name: string): Promise<string[]> {
  const repository = familiarRepository(parseReference(name));
  const tags = (await engine.images.list()).flatMap(({ repoTags }) => repoTags);
  const own = tags.filter((tag) => tag.startsWith(`${repository}:`) && !tag.slice(repository.length + 1).includes('/'));
  if (own.length === 0)
    throw new LadingError('not_found', `An image does not exist locally with the tag: ${repository}`);
  return own;
}

export const pushImage: Handler = async (call) => {
  const { engine, query, response, signal } = call;
  const [name, tag] = [param(call, 'name'), text(query, 'tag')];
  const references = tag === undefined ? await tagsOf(call, name) : [pullReference(name, tag)];
  const options = { ...withCredentials(call), signal };
  const stream = new JsonStream(response);
  await stream.run(async () => {
    for (const reference of references)
      await engine.images.push(reference, { ...options, onProgress: (message) => stream.progress(message) });
  });
};

export const saveImage: Handler = async (call) => {
  await sendTar(call, await call.engine.images.save([param(call, 'name')]));
};

export const saveImages: Handler = async (call) => {
  const names = call.query.getAll('names').flatMap((value) => value.split(','));
  if (names.length === 0) throw new LadingError('invalid_argument', 'cannot save images: no "names" given');
  await sendTar(call, await call.engine.images.save(names));
};

export const loadImages: Handler = async (call) => {
  const { engine, query, request, response, signal } = call;
  const quiet = flag(query, 'quiet', true);
  const stream = new JsonStream(response);
  await stream.run(() =>
    engine.images.load(request, {
      onProgress: (message) => {
        if (!quiet || message.progressDetail?.current === undefined) stream.progress(message);
      },
      signal,
    }),
  );
};
