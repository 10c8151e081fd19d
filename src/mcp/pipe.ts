// Keeps the standard output for the protocol: whatever else in this process prints is sent to the standard error.

import { Writable } from 'node:stream';

/** Takes the standard output, once; what is written to the stream that comes back is all that it still carries. */
export function claimStdout(): Writable {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write;
  // A client that closed the pipe of the log can still use the tools.
  stderr.on('error', () => {});
  const pipe = new Writable({
    write: (chunk: Buffer, _, done) => {
      write(chunk, done);
    },
  });
  // Whoever reads it no more is told to the transport by the stream itself.
  stdout.on('error', (error) => pipe.destroy(error));
  return pipe;
}
