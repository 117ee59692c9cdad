import { LadingError } from '../../../errors/index.ts';
import { param, type Handler } from '../../http/call.ts';
import { filters, flag, requiredText, text } from '../../http/query.ts';
import { sendEmpty, sendJson } from '../../http/respond.ts';
import { toImageHistory, toImageInspect, toImageSummary } from '../../types/index.ts';
import { filterImages, IMAGE_FILTERS } from './filter-images.ts';

export const listImages: Handler = async (call) => {
  const { engine, query, version } = call;
  const views = await filterImages(engine, await engine.images.list(), filters(query, IMAGE_FILTERS));
  sendJson(
    call,
    views.map((view) => toImageSummary(view, version)),
  );
};

export const inspectImage: Handler = async (call) => {
  sendJson(call, toImageInspect(await call.engine.images.get(param(call, 'name')), call.version));
};

export const imageHistory: Handler = async (call) => {
  sendJson(call, (await call.engine.images.history(param(call, 'name'))).map(toImageHistory));
};

/** `type` filters by predicate type; `statement` adds the statements. */
export const imageAttestations: Handler = async (call) => {
  const type = text(call.query, 'type');
  const found = await call.engine.images.attestations(param(call, 'name'));
  const wanted = found.filter(({ predicateType }) => type === undefined || predicateType === type);
  const withStatement = flag(call.query, 'statement');
  sendJson(
    call,
    wanted.map(({ descriptor, predicateType, statement }) => ({
      Descriptor: descriptor,
      PredicateType: predicateType,
      ...(withStatement ? { Statement: statement } : {}),
    })),
  );
};

export const tagImage: Handler = async (call) => {
  const repo = requiredText(call.query, 'repo');
  await call.engine.images.tag(
    param(call, 'name'),
    text(call.query, 'tag') === undefined ? repo : `${repo}:${text(call.query, 'tag')}`,
  );
  sendEmpty(call, 201);
};

export const removeImage: Handler = async (call) => {
  const name = param(call, 'name');
  if (name.trim() === '') throw new LadingError('invalid_argument', 'image name cannot be blank');
  const options = { force: flag(call.query, 'force'), noPrune: flag(call.query, 'noprune') };
  sendJson(call, await call.engine.images.remove(name, options));
};

export const pruneImages: Handler = async (call) => {
  const { deleted, spaceReclaimed } = await call.engine.images.prune(
    filters(call.query, ['dangling', 'label', 'label!', 'until']),
  );
  sendJson(call, { ImagesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: spaceReclaimed });
};
