import { ExplainedError } from '../explained-error.ts';

// Data types of SSH (RFC 4251, section 5): numbers are big-endian; a string is its length (32 bits) and its bytes.

/** Encodes a string of SSH. */
export function encodeSshString(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([encodeSshNumber(bytes.length), bytes]);
}

/** Encodes a `uint32` of SSH. */
export function encodeSshNumber(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Decodes SSH data from start to end. All methods throw an ExplainedError if data are missing. */
export class SshReader {
  readonly #bytes: Buffer;
  readonly #where: string;
  #at = 0;

  /** @param where the data's source, for errors */
  constructor(bytes: Uint8Array, where: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#where = where;
  }

  /** Returns the next bytes. */
  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) {
      throw new ExplainedError({
        what: `it ends too early: ${length} bytes should follow byte ${this.#at}, and ${this.#bytes.length - this.#at} do`,
        where: this.#where,
      });
    }
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  number(): number {
    return this.take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.take(this.number());
  }

  /** Returns the next string as text. */
  text(): string {
    return this.string().toString('utf8');
  }

  /** @throws ExplainedError if there are bytes left */
  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left === 0) return;
    throw new ExplainedError({ what: `${left} bytes too many are in it`, where: this.#where });
  }
}
