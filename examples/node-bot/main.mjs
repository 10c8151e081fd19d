// A bot that greets over HTTP. It is ready when /health answers; SIGTERM ends it cleanly.

import { createServer } from 'node:http';

const port = Number(process.env.PORT ?? 8377);
let greetings = 0;

const server = createServer((request, response) => {
  if (request.url === '/health') {
    response.end('ok\n');
    return;
  }
  greetings++;
  console.log(`Greeted visitor ${greetings}.`);
  response.end(`Hello, visitor ${greetings}!\n`);
});

server.listen(port, '127.0.0.1', () => console.log(`Listening on http://127.0.0.1:${port}`));

process.on('SIGTERM', () => {
  console.log('Told to stop.');
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
