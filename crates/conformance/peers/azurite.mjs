// Runs Azurite, Microsoft's emulator of Azure Storage, with bearer tokens over HTTPS, and says where it listens.
// Arguments: a certificate and its key as files, and the folder in which the packages are installed.
import { createRequire } from 'node:module';

const [certificate, key, packages] = process.argv.slice(2);
const require = createRequire(`${packages}/`);
const { version } = require('azurite/package.json');

// What listens to this program hears one line; all else goes where logs go.
const say = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);
console.log = (...words) => {
  const line = words.join(' ');
  const listening = /successfully listen\S* \w+ (https:\S+)/.exec(line);
  if (listening) say(`${JSON.stringify({ url: listening[1], version })}\n`);
  process.stderr.write(`${line}\n`);
};
process.argv.length = 2;
process.argv.push(
  '--blobHost', '127.0.0.1', '--blobPort', '0', '--oauth', 'basic', '--cert', certificate, '--key', key,
  '--skipApiVersionCheck', '--disableTelemetry', '--inMemoryPersistence',
);
require('azurite/dist/src/blob/main.js');
