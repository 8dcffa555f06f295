import * as z from 'zod';
import {
  certificateGiven,
  certificateOrdered,
  certificateOrderRequestSchema,
  certificateRequestSchema,
  shownCertificateSchema,
} from '../../api/certificate.ts';
import { byRequestSchema } from '../../api/fleet.ts';
import { readJson } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { type Route as LocalRoute, makeJsonAnswer } from '../../http/route.ts';
import { explainErrors } from '../operator/routes.ts';
import { CertificateError } from '../trust/given-certificate.ts';
import { selectAuditFields } from './caller.ts';
import type { PeopleCertificate, PresentCertificate } from './certificate.ts';
import { createRoute, type Route } from './route.ts';

/** Changes the certificate. @throws ApiError 400 if it cannot be used */
async function changed(work: () => Promise<PresentCertificate>) {
  try {
    return (await work()).shown;
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    throw new ApiError(400, error.what, error.fix === undefined ? {} : { fix: error.fix });
  }
}

/** Creates the routes of the certificate that people are shown, for admins. */
export function createCertificateRoutes(certificate: PeopleCertificate): Route[] {
  const answer = shownCertificateSchema;
  return [
    createRoute('system:config', {
      ...{ method: 'GET', path: '/v1/certificate', status: 200, answer },
      summary: 'The certificate of this port',
      handle: async () => ({ body: (await certificate.look()).shown }),
    }),
    createRoute('system:config', {
      ...{ method: 'POST', path: '/v1/certificate', status: 200, answer },
      summary: 'Replace it; the previous one stays if the new one cannot be used',
      body: z.strictObject(certificateGiven),
      handle: async ({ body, caller }) => ({
        body: await changed(() => certificate.replace(body, selectAuditFields(caller))),
      }),
    }),
    createRoute('system:config', {
      ...{ method: 'POST', path: '/v1/certificate/acme', status: 200, answer },
      summary:
        'Order one by ACME, within two minutes, and renew it in time; the previous one stays if there is none',
      body: z.strictObject(certificateOrdered),
      handle: async ({ body, caller }) => ({
        body: await changed(() => certificate.order(body, selectAuditFields(caller))),
      }),
    }),
    createRoute('system:config', {
      ...{ method: 'DELETE', path: '/v1/certificate', status: 200, answer },
      summary: 'Go back to a certificate of the control plane’s own authority',
      handle: async ({ caller }) => ({
        body: await changed(() => certificate.reset(selectAuditFields(caller))),
      }),
    }),
  ];
}

/** Creates the same routes for `qx-controlplane certificate`. */
export function createLocalCertificateRoutes(certificate: PeopleCertificate): LocalRoute[] {
  const routes: LocalRoute[] = [
    {
      method: 'GET',
      path: '/v1/certificate',
      answer: async () => makeJsonAnswer((await certificate.look()).shown),
    },
    {
      method: 'POST',
      path: '/v1/certificate',
      answer: async (request) => {
        const { by, ...given } = await readJson(request, certificateRequestSchema);
        return makeJsonAnswer(await changed(() => certificate.replace(given, { username: by })));
      },
    },
    {
      method: 'POST',
      path: '/v1/certificate/acme',
      answer: async (request) => {
        const { by, ...wanted } = await readJson(request, certificateOrderRequestSchema);
        return makeJsonAnswer(await changed(() => certificate.order(wanted, { username: by })));
      },
    },
    {
      method: 'POST',
      path: '/v1/certificate/reset',
      answer: async (request) => {
        const { by } = await readJson(request, byRequestSchema);
        return makeJsonAnswer(await changed(() => certificate.reset({ username: by })));
      },
    },
  ];
  return routes.map((one) => ({ ...one, answer: explainErrors(one.answer) }));
}
