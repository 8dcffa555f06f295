// A stand-in for the agent that only reports its health: stand-in.ts ROOT MODE VERSION; `standIn` describes the modes.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { ID_VARIABLE } from '../../../../../apps/agent/deployment/places.ts';
import { bind } from '../../../../../apps/http/bind.ts';

const [root = '', mode = '', version = ''] = process.argv.slice(2);

const problems = mode === 'ill' ? ['libvirt cannot be reached'] : [];

function answer(path: string | undefined): unknown {
  if (path === '/v1/agent') {
    const runningFor = process.uptime();
    const id = process.env[ID_VARIABLE] ?? null;
    return { version, pid: process.pid, runningFor, id, deployment: null };
  }
  return {
    ok: problems.length === 0,
    version,
    managementAddress: null,
    controlPlane: {
      state: mode === 'lost' ? 'unreachable' : 'connected',
      address: null,
      problem: null,
    },
    dataDisk: { persistent: true, problem: null },
    maintenance: { on: false, reason: null, since: null },
    deployment: null,
    problems,
  };
}

if (mode === 'deaf') process.on('SIGTERM', () => undefined);
else process.on('SIGTERM', () => process.exit(0));
if (mode === 'crashes') setTimeout(() => process.exit(1), 200);
if (mode === 'silent' || mode === 'deaf') setInterval(() => undefined, 1000);
else {
  const server = createServer((request, response) => {
    response.end(JSON.stringify(answer(request.url)));
  });
  await bind(server, join(root, 'run/quantix/node.sock'));
}
