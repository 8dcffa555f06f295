import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import type { DatabaseAddress } from '../../apps/control-plane/database/connection.ts';

/** The types of a migrated schema, as `apps/control-plane/database/schema.ts` has them. */
export async function generateSchema({
  socketFolder,
  database,
  user,
}: DatabaseAddress): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'quantix-schema-'));
  const file = join(folder, 'schema.ts');
  const url = `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(socketFolder)}`;
  try {
    const source = ['--dialect', 'postgres', '--url', url, '--include-pattern', 'public.*'];
    const form = ['--camel-case', '--out-file', file, '--type-mapping', '{"int8":"number"}'];
    await execa('kysely-codegen', [...source, ...form], { preferLocal: true });
    return await readFile(file, 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
