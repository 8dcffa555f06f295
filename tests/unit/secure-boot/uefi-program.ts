/** A PE32+ with only the fields that matter for signatures. @param length bytes */
export function uefiProgram(length = 1003): Buffer {
  const bytes = Buffer.alloc(length, 'code');
  bytes.fill(0, 0, 0x200);
  bytes.write('MZ', 0, 'latin1');
  bytes.writeUInt32LE(0x80, 0x3c);
  bytes.write('PE\0\0', 0x80, 'latin1');
  // In the optional header: its type, and sixteen data directories.
  bytes.writeUInt16LE(0x20b, 0x98);
  bytes.writeUInt32LE(16, 0x98 + 108);
  return bytes;
}
