import { param, type Handler } from '../../http/call.ts';
import { errorText } from '../../http/error-response.ts';
import { hijack } from '../../http/hijack.ts';
import { sendEmpty } from '../../http/respond.ts';
import { streamContainer } from '../../http/stream-container.ts';
import { windowSize } from '../containers/lifecycle.ts';

const NO_KEYS = Buffer.alloc(0);

/** A shell in a failed step, in this connection. It ends with the shell, or with the client. */
export const failedStepShell: Handler = async (call) => {
  const size = windowSize(call);
  const connection = hijack(call, true);
  try {
    const { terminal, banner, leave } = await call.engine.builder.openFailedStep(param(call, 'id'), size);
    try {
      connection.output.write(banner);
      await streamContainer(connection, terminal.attachment, {
        tty: true,
        stdout: true,
        stderr: false,
        detachKeys: NO_KEYS,
      });
    } finally {
      leave();
    }
  } catch (error) {
    connection.input.resume();
    connection.output.end(`${errorText(error)}\r\n`);
  }
};

export const resizeFailedStep: Handler = async (call) => {
  await call.engine.builder.resizeFailedStep(param(call, 'id'), windowSize(call));
  sendEmpty(call, 200);
};
