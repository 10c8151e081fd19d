// supervisord, spoken to over XML-RPC on its socket, which is quicker than its command line. Logs are kept below 512 KB.

import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { until } from '../support/bench.ts';
import { firstLine } from '../support/machine.ts';
import type { Peer, Program } from './manager.ts';

const program = 'supervisord';

/** supervisor from Debian's packages. */
export const supervisord: Peer = {
  name: 'supervisord',
  find: () => {
    const version = firstLine(program, ['--version']);
    return version === undefined
      ? { missing: 'supervisord is not on the PATH (Debian: apt-get install supervisor)' }
      : { version };
  },
  start: async (bench) => {
    const folder = bench.makeFolder('supervisord');
    const mark = bench.makeMark('supervisord');
    const [configuration, socket] = [join(folder, 'supervisord.conf'), join(folder, 'socket')];
    writeFileSync(configuration, baseConfiguration(folder, socket));
    const daemon = spawn(program, ['-n', '-c', configuration], {
      env: mark.environment,
      stdio: 'ignore',
    });
    const copies = new Map<string, number>();
    await until('supervisord listens', () => existsSync(socket));
    const call = (method: string, ...values: readonly (string | boolean)[]) => rpc(socket, method, values);
    return {
      define: async (wanted) => {
        copies.set(wanted.name, wanted.copies ?? 1);
        appendFileSync(configuration, describe(folder, wanted));
        await call('supervisor.reloadConfig');
        await call('supervisor.addProcessGroup', wanted.name);
      },
      up: async (name) =>
        copies.get(name) === 1
          ? call('supervisor.startProcess', name, true)
          : call('supervisor.startProcessGroup', name, true),
      down: async (name) => {
        await call('supervisor.stopProcessGroup', name, true);
        for (const log of [`${name}-0.log`, `${name}-0.log.1`]) rmSync(join(folder, log), { force: true });
        // It goes on with fresh files.
        if (copies.get(name) === 1) await call('supervisor.clearProcessLogs', name);
      },
      helpers: mark.helpers,
      daemon: () => daemon.pid ?? Number.NaN,
      end: async () => {
        mark.kill();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  },
};

function baseConfiguration(folder: string, socket: string): string {
  return `[unix_http_server]
file = ${socket}
[supervisord]
logfile = ${folder}/supervisord.log
pidfile = ${folder}/supervisord.pid
childlogdir = ${folder}
minfds = 10000
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
`;
}

function describe(folder: string, { name, argv, copies = 1 }: Program): string {
  return `[program:${name}]
command = ${argv.join(' ')}
numprocs = ${copies}
process_name = ${copies === 1 ? name : `${name}-%(process_num)d`}
autostart = false
autorestart = false
startsecs = 0
stopsignal = KILL
redirect_stderr = true
stdout_logfile = ${folder}/${name}-%(process_num)d.log
stdout_logfile_maxbytes = 512KB
stdout_logfile_backups = 1
`;
}

function rpc(socket: string, method: string, values: readonly (string | boolean)[]): Promise<void> {
  const parameters = values.map((value) =>
    typeof value === 'boolean'
      ? `<param><value><boolean>${Number(value)}</boolean></value></param>`
      : `<param><value><string>${value}</string></value></param>`,
  );
  const body = `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${parameters.join('')}</params></methodCall>`;
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'text/xml', 'Content-Length': Buffer.byteLength(body) };
    const sent = request({ socketPath: socket, path: '/RPC2', method: 'POST', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => {
        const fault = /<name>faultString<\/name>\s*<value><string>([^<]*)/.exec(text);
        // Stopping what has ended is no fault of ours.
        if (fault && !/NOT_RUNNING/.test(text)) reject(new Error(`supervisord, ${method}: ${fault[1]}`));
        else resolve();
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
