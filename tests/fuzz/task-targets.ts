import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { formatDomainXml } from '../../apps/agent/commands/domain-xml.ts';
import { formatJournal, parseJournal } from '../../apps/agent/commands/journal.ts';
import { parseKeptSpec } from '../../apps/agent/commands/kept-specs.ts';
import { checkSpec } from '../../apps/agent/commands/vm-spec.ts';
import { ExplainedError } from '../../apps/error.ts';
import { readGeneration } from '../../apps/guests/generation.ts';
import { parseDefinitions } from '../../apps/libvirt/definitions.ts';
import { VmSpecSchema } from '../../apps/proto/gen/quantix/v1/vm_spec_pb.js';
import { parseBackingFile } from '../../apps/storage/backing-file.ts';
import { parseQcow2Header, QCOW2_HEADER } from '../../apps/storage/qcow2-header.ts';
import { FULL } from '../unit/apps/agent/commands/specs.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const SPEC = toBinary(VmSpecSchema, FULL);
const VOLUME = { path: '/data/volume', isDevice: false, format: 'raw' } as const;

/** Specifications of virtual machines from the network: an accepted one gives one domain, whatever its texts are. */
export const spec: Target = {
  name: 'spec',
  once(random) {
    const checked = checkSpec(decode(mutate(SPEC, random)));
    const volumes = checked.disks.map(({ volume }) => (volume === undefined ? undefined : VOLUME));
    const xml = formatDomainXml(checked, { type: 'kvm', arch: 'x86_64', volumes });
    const domains = xml.match(/<domain /g)?.length;
    if (domains !== 1 || readGeneration(xml) !== checked.generation) {
      throw new Error(`this is not one domain of its generation: ${xml}`);
    }
    if (xml.includes('/etc') || /[^\P{C}\n]/u.test(xml))
      throw new Error(`it says too much: ${xml}`);
  },
};

function decode(bytes: Uint8Array) {
  try {
    return fromBinary(VmSpecSchema, bytes);
  } catch (cause) {
    throw new ExplainedError({ what: 'the library refuses it', cause });
  }
}

const JOURNAL = Buffer.from(
  '{"version":1,"tasks":[{"report":{"taskId":"9f1b2c3d-0000-4000-8000-00000000abcd","number":4,"state":"TASK_STATE_DONE"},"expiresAt":10,"told":true}]}',
);

/** The journal of tasks: an accepted one is formatted unchanged. */
export const journal: Target = {
  name: 'journal',
  once(random) {
    const text = mutate(JOURNAL, random).toString('utf8');
    parseKeptSpec(text);
    const entries = parseJournal(text);
    if (entries === undefined) throw new ExplainedError({ what: 'no journal' });
    const written = formatJournal(entries.values());
    const again = parseJournal(written);
    if (again === undefined || formatJournal(again.values()) !== written) {
      throw new Error(`${written} is not read as it was written`);
    }
  },
};

const IMAGE = Buffer.alloc(QCOW2_HEADER);
Buffer.from([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]).copy(IMAGE);
IMAGE.writeBigUInt64BE(1n << 30n, 24);

const BACKING = Buffer.from('json:{"driver":"qcow2","file":{"driver":"file","filename":"/a/b"}}');

/** Headers of images: an image with a backing file is never mistaken for one without. */
export const qcow2: Target = {
  name: 'qcow2',
  once(random) {
    const head = mutate(IMAGE, random).subarray(0, QCOW2_HEADER);
    const header = parseQcow2Header(head);
    if (header === undefined) throw new ExplainedError({ what: 'no image' });
    if (!header.refersToOthers && head.subarray(8, 20).some((byte) => byte !== 0)) {
      throw new Error('it has a backing file');
    }
    const { offset, length } = header.backingFile ?? { offset: 0, length: 0 };
    if (offset + length > 3 * 2 ** 20) throw new Error(`its name is at ${offset}`);
    for (const path of parseBackingFile(mutate(BACKING, random).toString('utf8'))) {
      if (typeof path !== 'string') throw new Error('a path is no text');
    }
  },
};

const DEFINITIONS = Buffer.from(
  `${formatDomainXml(checkSpec(FULL), { type: 'kvm', arch: 'x86_64', volumes: [VOLUME, VOLUME, undefined] })}\ntest:///default\n`,
);

/** Definitions printed by virsh: whatever they contain, the result has text and finite numbers. */
export const definition: Target = {
  name: 'definition',
  once(random) {
    const text = mutate(DEFINITIONS, random).toString('utf8');
    for (const { nics, sha256 } of parseDefinitions(text).values()) {
      if (!/^[0-9a-f]{64}$/.test(sha256)) throw new Error(sha256);
      for (const { vlan } of nics)
        if (!(vlan >= 0 && vlan <= 9999)) throw new Error(`VLAN ${vlan}`);
    }
  },
};
