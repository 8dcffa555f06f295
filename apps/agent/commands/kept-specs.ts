import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fromJson, toJson } from '@bufbuild/protobuf';
import * as z from 'zod';
import {
  isThere,
  readIfThere,
  setAside,
  syncFolder,
  writeDurably,
} from '../../files/durable-file.ts';
import { type VmSpec, VmSpecSchema } from '../../proto/gen/quantix/v1/vm_spec_pb.js';
import { vmSpecSchema } from './vm-spec.ts';

/** The last specification of a virtual machine that was applied on this host. */
export interface KeptSpec {
  readonly spec: VmSpec;
  /** SHA-256, in lower-case hex, of the definition that was made from it, in libvirt's XML. */
  readonly definitionSha256: string;
}

const fileSchema = z.strictObject({
  spec: z.json(),
  definitionSha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** Specifications of this host's virtual machines, one file each, for when the control plane cannot be reached. */
export class KeptSpecs {
  readonly #folder: string;

  /** @param folder its path; it is created when needed */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Returns the specification of a machine; undefined if there is none. A file that cannot be parsed, or belongs to
   * another machine, is set aside.
   */
  async get(id: string): Promise<KeptSpec | undefined> {
    const file = this.#fileOf(id);
    const text = await readIfThere(file);
    if (text === undefined) return undefined;
    const kept = parseKeptSpec(text);
    if (kept?.spec.id === id) return kept;
    await setAside(file);
    return undefined;
  }

  /** Stores a specification. @throws errors of the disk */
  async put({ spec, definitionSha256 }: KeptSpec): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const text = JSON.stringify({ spec: toJson(VmSpecSchema, spec), definitionSha256 });
    await writeDurably(this.#fileOf(spec.id), `${text}\n`, 0o600);
  }

  async remove(id: string): Promise<void> {
    const file = this.#fileOf(id);
    if (!(await isThere(file))) return;
    await rm(file);
    await syncFolder(this.#folder);
  }

  #fileOf(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}

/** Parses the text of a stored specification. @returns undefined if it is invalid */
export function parseKeptSpec(text: string): KeptSpec | undefined {
  try {
    const { spec: json, definitionSha256 } = fileSchema.parse(JSON.parse(text));
    const spec = fromJson(VmSpecSchema, json);
    return vmSpecSchema.safeParse(spec).success ? { spec, definitionSha256 } : undefined;
  } catch {
    // Not JSON, or with other fields.
    return undefined;
  }
}
