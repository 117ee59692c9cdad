import type { Profile } from './profile.ts';
import { renderHtml } from './html.ts';
import { renderSvg } from './svg.ts';
import { renderText } from './text.ts';

/** A profile as a document of its own: nothing is fetched to show it. */
export function renderProfile(profile: Profile, format: 'text' | 'json' | 'svg' | 'html'): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(profile, undefined, 2)}\n`;
    case 'svg':
      return renderSvg(profile);
    case 'html':
      return renderHtml(profile);
    case 'text':
      return renderText(profile);
  }
}
