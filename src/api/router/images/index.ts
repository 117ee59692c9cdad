import type { Route } from '../../http/call.ts';
import { unsupported } from '../unsupported.ts';
import {
  imageAttestations,
  imageHistory,
  inspectImage,
  listImages,
  pruneImages,
  removeImage,
  tagImage,
} from './images.ts';
import { createImage, loadImages, pushImage, saveImage, saveImages } from './transfer.ts';

const search = unsupported('searching Docker Hub');

export const IMAGE_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/images/json',
    handler: listImages,
    summary: 'Filters `dangling`, `label`, `before`, `since`, `reference`, `until`; SharedSize is -1',
  },
  {
    method: 'POST',
    path: '/images/create',
    handler: createImage,
    summary:
      'Pull (`fromImage`) and import (`fromSrc` "-" or an address); without a tag `latest` is pulled, not every tag',
  },
  { method: 'POST', path: '/images/load', handler: loadImages, summary: 'docker-archive or OCI layout' },
  {
    method: 'POST',
    path: '/images/prune',
    handler: pruneImages,
    minVersion: '1.25',
    summary: 'Filters `dangling`, `label`, `label!`, `until`',
  },
  { method: 'GET', path: '/images/get', handler: saveImages, summary: 'docker-archive that is an OCI layout at once' },
  { method: 'GET', path: '/images/search', handler: search, summary: 'Not served: 501' },
  {
    method: 'GET',
    path: '/images/{name...}/json',
    handler: inspectImage,
    summary: 'GraphDriver has no data; no `manifests`',
  },
  { method: 'GET', path: '/images/{name...}/history', handler: imageHistory, summary: 'As Docker' },
  {
    method: 'GET',
    path: '/images/{name...}/attestations',
    handler: imageAttestations,
    summary: '`type` (a predicate type), `statement`; of one platform',
  },
  { method: 'GET', path: '/images/{name...}/get', handler: saveImage, summary: 'As `/images/get`' },
  {
    method: 'POST',
    path: '/images/{name...}/push',
    handler: pushImage,
    summary: 'Without `tag`: every tag of the repository',
  },
  { method: 'POST', path: '/images/{name...}/tag', handler: tagImage, summary: 'As Docker' },
  { method: 'DELETE', path: '/images/{name...}', handler: removeImage, summary: '`force`, `noprune`' },
];
