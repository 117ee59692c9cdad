import { LadingError } from '../../errors/index.ts';
import { StartError, type StartFailure } from '../runtime.ts';

/** The one place that reads a runtime's words. Recorded from runc 1.1.5 and crun 1.8.1, see the test. */
const NOT_FOUND = [
  /exec: ".*": executable file not found in \$PATH/s,
  /exec: ".*": stat .*: no such file or directory/s,
  /executable file `.*` not found(?: in \$PATH)?/s,
];
const NOT_EXECUTABLE = [
  /exec: ".*": (?:permission denied|is a directory|not a directory)/s,
  /exec: ".*": stat .*: (?:permission denied|not a directory)/s,
  /open executable: (?:Permission denied|Operation not permitted|Is a directory|Not a directory)/,
  /the path `.*` (?:is not a regular file|is not executable)/,
];
const LOGRUS = /level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"/g;
const MAX_MESSAGE = 4096;

/** What the runtime said, without its logger's dress: the last error of its standard error. */
export function runtimeMessage(stderr: string): string {
  const last = [...stderr.matchAll(LOGRUS)].at(-1)?.[1];
  const text = last === undefined ? stderr : last.replaceAll(/\\(["\\])/g, '$1').replaceAll('\\n', '\n');
  return text
    .trim()
    .replace(/^\d{4}-\d\d-\d\dT\S+: /, '')
    .slice(0, MAX_MESSAGE);
}

function classify(message: string): StartFailure {
  if (NOT_FOUND.some((pattern) => pattern.test(message))) return 'not_found';
  return NOT_EXECUTABLE.some((pattern) => pattern.test(message)) ? 'not_executable' : 'other';
}

/**
 * crun says it differently from runc; Docker's users (and their scripts) know runc's wording.
 * @param program the first argument, for messages that do not name it
 */
function inRuncWords(message: string, failure: StartFailure, program: string): string {
  if (failure === 'other' || message.includes('exec: "')) return message;
  const name = /`([^`]+)`/.exec(message)?.[1] ?? program;
  const absent = name.includes('/') ? `stat ${name}: no such file or directory` : 'executable file not found in $PATH';
  return `unable to start container process: exec: "${name}": ${failure === 'not_found' ? absent : 'permission denied'}`;
}

/** A failed create, exec or run as Docker words it; `cause` is the {@link StartError}. */
export function startFailure(action: 'create' | 'exec', runtime: string, stderr: string, program: string): LadingError {
  const said = runtimeMessage(stderr) || `${runtime} gave no reason`;
  const failure = classify(said);
  const own = inRuncWords(said, failure, program);
  const text =
    action === 'create'
      ? `failed to create task for container: failed to create shim task: OCI runtime create failed: ${own}: unknown`
      : `OCI runtime exec failed: ${own}: unknown`;
  return new LadingError(failure === 'other' ? 'internal' : 'invalid_argument', text, {
    cause: new StartError(failure, own),
  });
}
