import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import formats from 'ajv-formats';
import { PROJECT } from '../profile/profiles.ts';

const CYCLONEDX = join(PROJECT, 'node_modules/@cyclonedx/cyclonedx-library/res/schema');
const OPTIONS = { strict: false, allErrors: true, addUsedSchema: false } as const;

function readSchema(path: string): object {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function cyclonedxValidator(): ValidateFunction {
  const ajv = new Ajv(OPTIONS);
  formats.default(ajv);
  // Formats of draft 2019-09 that the package of formats lacks.
  ajv.addFormat('iri-reference', /^\S*$/);
  ajv.addFormat('idn-email', /^\S+@\S+$/);
  for (const name of ['spdx', 'jsf-0.82']) {
    ajv.addSchema(
      readSchema(join(CYCLONEDX, `${name}.SNAPSHOT.schema.json`)),
      `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`,
    );
  }
  return ajv.compile(readSchema(join(CYCLONEDX, 'bom-1.6.SNAPSHOT.schema.json')));
}

function spdxValidator(): ValidateFunction {
  const ajv = new Ajv2019(OPTIONS);
  formats.default(ajv);
  return ajv.compile(readSchema(join(import.meta.dirname, 'schemas/spdx-2.3.schema.json')));
}

const VALIDATORS = { cyclonedx: cyclonedxValidator(), spdx: spdxValidator() };

/** Returns the errors of a document by the JSON schema of its specification; empty if it is valid. */
export function schemaErrors(format: keyof typeof VALIDATORS, text: string): string[] {
  const validate = VALIDATORS[format];
  validate(JSON.parse(text));
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
