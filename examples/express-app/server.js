const os = require('node:os');
const express = require('express');

const app = express();
app.get('/', (request, response) => {
  response.json({ message: 'Hello from a container built and run by lading', hostname: os.hostname(), node: process.version, pid: process.pid });
});

const server = app.listen(3000, '0.0.0.0', () => console.log('listening on port 3000'));
process.on('SIGTERM', () => server.close(() => process.exit(0)));
