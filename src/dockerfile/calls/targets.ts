import { descriptionOf } from '../lint/written.ts';
import type { Dockerfile } from '../parse-dockerfile.ts';
import { columns, toBase64, toJsonLocation, type CallAnswer } from './call-answer.ts';

/** The answer of `--call=targets`: the stages, the one built by default marked. */
export function targetsAnswer({ stages, source }: Dockerfile): CallAnswer {
  const targets = stages.map(({ name, from, index }) => ({
    name,
    isDefault: index === stages.length - 1,
    description: descriptionOf(from.comments, name),
    from,
  }));
  const rows = targets.map(({ name, isDefault, description = '' }) => {
    const shown = isDefault ? [name, '(default)'].filter((word) => word !== undefined).join(' ') : (name ?? '');
    return [shown, description];
  });
  const json = {
    targets: targets.map(({ name, isDefault, description, from }) => ({
      ...(name === undefined ? {} : { name }),
      ...(isDefault ? { default: true } : {}),
      ...(description === undefined ? {} : { description }),
      base: from.image,
      ...(from.platform === undefined ? {} : { platform: from.platform }),
      location: toJsonLocation(from.location),
    })),
    sources: [toBase64(source)],
  };
  return { text: columns([['TARGET', 'DESCRIPTION'], ...rows], 1), json, failed: false };
}
