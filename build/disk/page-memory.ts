/** Page size of WebAssembly memory, and the kernel's page size, which no sector exceeds; bytes. */
const [WASM_PAGE, PAGE] = [65_536, 4096];

/** Node's types do not declare this value. */
declare const WebAssembly: { Memory: new (shape: { initial: number }) => { buffer: ArrayBuffer } };

const known = new WeakSet<ArrayBufferLike>();

/**
 * Allocates zeroed buffers that begin at a page boundary, as required for reading and writing without the kernel's
 * cache (open(2), O_DIRECT). They are WebAssembly memory, because a Buffer may begin anywhere.
 * @param bytes size of each buffer
 */
export function allocatePages(pieces: number, bytes: number): Buffer[] {
  const each = Math.ceil(bytes / PAGE) * PAGE;
  const { buffer } = new WebAssembly.Memory({ initial: Math.ceil((pieces * each) / WASM_PAGE) });
  known.add(buffer);
  return Array.from({ length: pieces }, (_, index) => Buffer.from(buffer, index * each, bytes));
}

/** Whether a buffer was allocated by `allocatePages` and begins at a page boundary. */
export function isPageMemory({ buffer, byteOffset }: Uint8Array): boolean {
  return known.has(buffer) && byteOffset % PAGE === 0;
}
