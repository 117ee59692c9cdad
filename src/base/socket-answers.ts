import { connect } from 'node:net';

/** Whether something listens on a unix socket. Never throws. */
export function socketAnswers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(path);
    const settle = (result: boolean): void => {
      connection.destroy();
      resolve(result);
    };
    connection.on('connect', () => settle(true));
    connection.on('error', () => settle(false));
  });
}
