import { readFileSync } from 'node:fs';
import { z } from 'zod';

const strings = z.record(z.string(), z.string());
const manifestSchema = z.object({
  iso: z.object({ sha256: z.string() }),
  files: strings,
  inputs: z.object({ packages: z.array(z.unknown()), tools: strings }),
});

/** The part of a build manifest that tests compare, from beside an ISO. */
export function readManifest(iso: string): z.infer<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(readFileSync(`${iso}.manifest.json`, 'utf8')));
}
