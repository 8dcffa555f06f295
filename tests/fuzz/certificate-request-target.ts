import { generateKeyPairSync } from 'node:crypto';
import { makeCertificateRequest } from '../../apps/agent/membership/identity/certificate-request.ts';
import { readCertificateRequest } from '../../apps/control-plane/trust/certificate-request.ts';
import { deriveNodeId } from '../../apps/proto/names.ts';
import { mutateMost } from './mutate.ts';
import type { Target } from './target.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { privateKey, publicKey, nodeId: deriveNodeId(publicKey) };
const request = Buffer.from(await makeCertificateRequest(key));

/** Certificate requests of hosts: an accepted request contains exactly the key that signed it. */
export const certificateRequests: Target = {
  name: 'certificate-request',
  async once(random) {
    const read = await readCertificateRequest(mutateMost(request, random));
    if (read.nodeId !== key.nodeId) throw new Error(`it is of ${read.nodeId}`);
  },
};
