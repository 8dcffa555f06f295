import { examineCertificate } from '../../apps/control-plane/trust/given-certificate.ts';
import { makeCertificate } from '../control-plane/certificates.ts';
import { mutateMost } from './mutate.ts';
import type { Target } from './target.ts';

const root = await makeCertificate({ name: 'root', isAuthority: true });
const own = await makeCertificate({ by: root });
const content = Buffer.from(`${own.pem}${root.pem}\f${own.key}`);

/** Certificates and keys from operators: an accepted certificate has a name, and is valid now. */
export const givenCertificates: Target = {
  name: 'given-certificate',
  async once(random) {
    const [chain = '', key = ''] = mutateMost(content, random).toString('latin1').split('\f');
    const { names, validity } = examineCertificate({ chain, key }, Date.now());
    if (names.length === 0 || Date.now() >= validity.to) throw new Error('it is not to be taken');
  },
};
