/** Bytes of a page of this memory, and of what the kernel calls one: no sector is larger. */
const [WASM_PAGE, PAGE] = [65_536, 4096];

/** The types of Node have no value of this name. */
declare const WebAssembly: { Memory: new (shape: { initial: number }) => { buffer: ArrayBuffer } };

const known = new WeakSet<ArrayBufferLike>();

/**
 * Pieces of memory that begin at pages, as what is read and written past the kernel's cache must (open(2), O_DIRECT), with zeros
 * in them: WebAssembly's memory does, and a Buffer begins anywhere.
 * @param bytes of each piece
 */
export function pageMemory(pieces: number, bytes: number): Buffer[] {
  const each = Math.ceil(bytes / PAGE) * PAGE;
  const { buffer } = new WebAssembly.Memory({ initial: Math.ceil((pieces * each) / WASM_PAGE) });
  known.add(buffer);
  return Array.from({ length: pieces }, (_, index) => Buffer.from(buffer, index * each, bytes));
}

/** Whether memory is of such pieces, and begins at a page. */
export function isPageMemory({ buffer, byteOffset }: Uint8Array): boolean {
  return known.has(buffer) && byteOffset % PAGE === 0;
}
