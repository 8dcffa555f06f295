import { askAgent } from '../../agent/client/ask-agent.ts';
import { joinControlPlane, leaveControlPlane } from '../../agent/client/join.ts';
import { setMaintenance } from '../../agent/client/maintenance.ts';
import { addPool, removePool } from '../../agent/client/pool.ts';
import { actOnVm } from '../../agent/client/vms.ts';
import { healthSchema } from '../../api/health.ts';
import { type Host, hostSchema } from '../../api/host.ts';
import { AGENT_SOCKET } from '../../api/socket.ts';
import { poolsSchema } from '../../api/storage.ts';
import { vmsSchema } from '../../api/vms.ts';
import {
  createToken,
  endAddressPlan,
  issueFirstPassword,
  listNodes,
  makeBackupNow,
  readFirstLogIn,
  showAddress,
  showBackups,
} from '../../control-plane/operator/client.ts';
import { messageOf } from '../../error.ts';
import { cutShort, GUEST_PLACES } from '../../guests/places.ts';
import { CpuMeter } from '../../host/cpu-usage.ts';
import { readHardware } from '../../host/hardware.ts';
import { readHost } from '../../host/host.ts';
import { readKeyboard } from '../../host/keyboard.ts';
import { AnswerError } from '../../http/ask.ts';
import { changeNetwork } from '../../network/change.ts';
import { detectManagementAddress } from '../../network/management-address.ts';
import { testReach } from '../../network/reach.ts';
import { scanWifi } from '../../network/scan.ts';
import { readNetwork } from '../../network/status.ts';
import { runOwnProgram } from '../../process/own-program.ts';
import { restartService } from '../../services/control.ts';
import { disableSsh, enableSsh, enableSshFor, readSshState } from '../../services/ssh.ts';
import { fetchKeys, readHostKeys, readLogInKeys } from '../../services/ssh-keys.ts';
import { readServices } from '../../services/state.ts';
import { readTimeState } from '../../services/time.ts';
import { readKeysOnStick } from '../../support/keys.ts';
import { readSticks } from '../../support/sticks.ts';
import { readUpdateStatus } from '../../update/status.ts';
import type { Deps, Read } from '../deps.ts';
import { changeAddress } from './change-address.ts';
import { askReadiness } from './control-plane.ts';
import { readGuestStop } from './guest-stop.ts';
import { readInvitation } from './invitation.ts';
import { readKernelLog, readKernelWarnings, readSystemLog } from './logs.ts';
import { leaveForConsole } from './machine-console.ts';
import { NetworkChanges } from './network-changes.ts';
import { checkPassword, readPasswordState, setPassword } from './password.ts';
import { powerOff, restart } from './power.ts';
import { requestReset } from './reset.ts';
import { writeSupport } from './support.ts';

/** Creates the functions of a hypervisor host: facts come from the agent and from this program. */
export function createHypervisorDeps(): Deps {
  const deps = machineDeps();
  const lookMyself = deps.facts.host;
  const health = (signal: AbortSignal) =>
    askAgent({ path: '/healthz', schema: healthSchema, signal });
  return {
    ...deps,
    facts: {
      ...deps.facts,
      host: (signal) => hostOfAgent(signal, lookMyself),
      health,
      reach: async (signal) => {
        const [network, controlPlane] = await Promise.all([
          readNetwork({ signal }),
          health(signal).then(
            (invitation) => ({ origin: invitation.controlPlane.address }),
            (error: unknown) => ({ problem: messageOf(error) }),
          ),
        ]);
        return await testReach({ network, controlPlane }, signal);
      },
      vms: (signal) => askAgent({ path: '/v1/vms', schema: vmsSchema, signal }),
      stop: () => readGuestStop(),
      pools: (signal) => askAgent({ path: '/v1/storage-pools', schema: poolsSchema, signal }),
    },
  };
}

/** Creates the functions of a control plane's machine: it has no agent and reports on itself. */
export function createControlPlaneDeps(): Deps {
  const deps = machineDeps();
  return {
    ...deps,
    facts: {
      ...deps.facts,
      readiness: (signal) => askReadiness(signal),
      nodes: (signal) => listNodes({ signal }),
      firstLogIn: (signal) => readFirstLogIn({ signal }),
      backups: (signal) => showBackups({ signal }),
      address: (signal) => showAddress({ signal }),
    },
  };
}

/** Creates the functions that both appliances share. */
function machineDeps(): Deps & { facts: { host: Read<Host> } } {
  const meter = new CpuMeter();
  const changes = new NetworkChanges();
  return {
    facts: {
      host: async () => readHost({ meter, managementAddress: await detectManagementAddress() }),
      network: (signal) => readNetwork({ signal }),
      services: () => readServices(),
      ssh: (signal) => readSshState({ signal }),
      reach: async (signal) => {
        const network = await readNetwork({ signal });
        return await testReach({ network, controlPlane: undefined }, signal);
      },
      logInKeys: () => readLogInKeys(),
      hostKeys: () => readHostKeys(),
      keyboard: () => readKeyboard(),
      time: (signal) => readTimeState(signal),
      systemLog: readSystemLog,
      kernelLog: readKernelLog,
      kernelWarnings: readKernelWarnings,
      hardware: readHardware,
      sticks: () => readSticks(),
      update: () => readUpdateStatus(),
    },
    networkChange: (signal) => changes.next(signal),
    changeNetwork: async (command, signal) => {
      const { result, warnings } = await changeNetwork(command, { signal });
      return [...result.split('\n'), ...warnings].filter((line) => line !== '');
    },
    scanWifi: (name, signal) => scanWifi(name, { signal }),
    enableSsh: (minutes, signal) =>
      minutes === null ? enableSsh({ signal }) : enableSshFor(minutes, { signal }),
    disableSsh: (signal) => disableSsh({ signal }),
    stickKeys: readKeysOnStick,
    fetchKeys,
    run: (command, signal) => runOwnProgram(command, { signal }),
    restartService: (name, signal) => restartService(name, { signal }),
    passwordState: (signal) => readPasswordState({ signal }),
    checkPassword: (password, signal) => checkPassword(password, { signal }),
    setPassword: (password, signal) => setPassword(password, { signal }),
    restart,
    powerOff,
    cutShort: () => cutShort(GUEST_PLACES),
    actOnVm,
    setMaintenance: async (what) => {
      await setMaintenance(AGENT_SOCKET, what);
    },
    addPool: (pool) => addPool(AGENT_SOCKET, pool),
    removePool: (name) => removePool(AGENT_SOCKET, name),
    leaveForConsole: (vm) => leaveForConsole(vm),
    joinControlPlane: (invitation) => joinControlPlane(AGENT_SOCKET, invitation),
    leaveControlPlane: (force) => leaveControlPlane(AGENT_SOCKET, force),
    readInvitation,
    makeJoinToken: (request, signal) => createToken(request, { signal }),
    issueFirstPassword: (signal) => issueFirstPassword({ signal }),
    makeBackup: (signal) => makeBackupNow({ signal }),
    changeAddress,
    withdrawAddress: async (signal) => {
      await endAddressPlan({ outcome: 'withdrawn' }, { signal });
    },
    writeSupport,
    reset: async (what, signal) => {
      const message = await requestReset(what, { signal });
      await restart(signal);
      return message;
    },
  };
}

/** Milliseconds after which this program reads facts itself if the agent does not answer. */
const AGENT_PATIENCE = 3_000;

/**
 * Reads the host through the agent or, while the agent does not answer, with this program's own function. The fact
 * `health` shows that the agent does not answer.
 */
async function hostOfAgent(signal: AbortSignal, lookMyself: Read<Host>): Promise<Host> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(AGENT_PATIENCE)]);
  try {
    return await askAgent({ path: '/v1/host', schema: hostSchema, signal: patience });
  } catch (error) {
    if (error instanceof AnswerError) return lookMyself(signal);
    throw error;
  }
}
