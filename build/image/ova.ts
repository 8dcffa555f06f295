import type { FileHandle } from 'node:fs/promises';
import { escapeXml } from '../drawing/svg.ts';
import { appendStream, type WrittenFile } from '../process/write-stream.ts';
import { sha256 } from '../step/digest.ts';
import { SIZE_DIGITS, TAR_END, tarHeader, tarMember, tarPadding } from './tar-member.ts';

/** The virtual machine that an import creates. */
export interface VirtualMachine {
  /** Name of the machine, and prefix of the files in the archive: `hello-0.1.0`. */
  name: string;
  /** Name shown to people: `Hello`. */
  title: string;
  version: string;
  processors: number;
  /** Memory in MiB; rounded up to a multiple of `MEMORY_STEP`. */
  memory: number;
  /** Size of its disk in bytes. */
  diskBytes: number;
  /** VMware's guest type: `other3xLinux64Guest`. */
  guest: string;
  /**
   * Whether its firmware starts only programs signed with Microsoft's keys; if true, the disk must boot with such
   * firmware.
   */
  secureBoot: boolean;
}

/** Newest machine version of vSphere 6.5, the oldest vSphere that reads a SHA-256 manifest. */
const HARDWARE = 'vmx-13';

/** VMware refuses a machine whose memory in MiB is not a multiple of this. */
const MEMORY_STEP = 4;

/** Returns the names of the files in an archive, in the order in which they are stored. */
export function nameOvaMembers({ name }: Pick<VirtualMachine, 'name'>) {
  return { descriptor: `${name}.ovf`, manifest: `${name}.mf`, disk: `${name}-disk1.vmdk` };
}

/**
 * Writes an OVA (DSP0243 2.1.1, "OVF package"): a ustar with descriptor, manifest and disk. The disk is streamed
 * directly into the archive, so it is not copied; then the descriptor and the manifest, whose lengths are the same for
 * every disk, are written into the space before the disk.
 * @param file empty and open for writing
 * @param writeDisk appends the disk's file to `file`, front to back
 * @param epoch time stamp of the files, in seconds since 1970
 * @throws BuildError if the disk is too large for ustar; errors of `writeDisk`
 */
export async function writeOva(
  file: FileHandle,
  machine: VirtualMachine,
  { writeDisk, epoch }: { writeDisk: () => Promise<WrittenFile>; epoch: number },
): Promise<void> {
  const room = beforeDisk(machine, { size: 0, sha256: '0'.repeat(64) }, epoch);
  await appendStream([file], [room]);
  const disk = await writeDisk();
  await appendStream([file], [tarPadding(disk.size), TAR_END]);
  const before = beforeDisk(machine, disk, epoch);
  await file.write(before, 0, before.length, 0);
}

function beforeDisk(machine: VirtualMachine, disk: WrittenFile, epoch: number): Buffer {
  const names = nameOvaMembers(machine);
  const descriptor = formatOvfDescriptor(machine, disk.size);
  // No blank before the bracket, one after the equals sign: ESXi accepts no other form (DSP0243 2.1.1, 5.2).
  const manifest =
    `SHA256(${names.descriptor})= ${sha256(descriptor)}\n` +
    `SHA256(${names.disk})= ${disk.sha256}\n`;
  return Buffer.concat([
    tarMember(names.descriptor, Buffer.from(descriptor), epoch),
    tarMember(names.manifest, Buffer.from(manifest), epoch),
    tarHeader(names.disk, { size: disk.size, epoch }),
  ]);
}

/**
 * Returns the descriptor of a machine with one disk on a SCSI adapter and one network card, which boots under UEFI
 * (DSP0243, with VMware's extensions for settings that OVF lacks). VMware and VirtualBox can import it.
 * @param diskFileBytes size of the disk's file
 * @returns XML, padded at its end to a length that does not depend on that size
 */
export function formatOvfDescriptor(machine: VirtualMachine, diskFileBytes: number): string {
  const { processors, diskBytes, guest, version, secureBoot } = machine;
  const [name, title] = [escapeXml(machine.name), escapeXml(machine.title)];
  const memory = Math.ceil(machine.memory / MEMORY_STEP) * MEMORY_STEP;
  const disk = escapeXml(nameOvaMembers(machine).disk);
  const rest = ' '.repeat(SIZE_DIGITS - String(diskFileBytes).length);
  return `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"
  xmlns:vmw="http://www.vmware.com/schema/ovf">
  <References>
    <File ovf:id="file1" ovf:href="${disk}" ovf:size="${diskFileBytes}"/>
  </References>
  <DiskSection>
    <Info>Virtual disks</Info>
    <Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="${diskBytes}" ovf:capacityAllocationUnits="byte"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection>
    <Info>Logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The network of the appliance</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="${name}">
    <Info>${title} ${escapeXml(version)}</Info>
    <Name>${name}</Name>
    <OperatingSystemSection ovf:id="101" vmw:osType="${escapeXml(guest)}">
      <Info>Linux, 64 bits</Info>
    </OperatingSystemSection>
    <ProductSection>
      <Info>The appliance</Info>
      <Product>${title}</Product>
      <FullVersion>${escapeXml(version)}</FullVersion>
    </ProductSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>${name}</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>${HARDWARE}</vssd:VirtualSystemType>
      </System>
      <Item>
        <rasd:AllocationUnits>hertz * 10^6</rasd:AllocationUnits>
        <rasd:ElementName>${processors} virtual CPUs</rasd:ElementName>
        <rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType>
        <rasd:VirtualQuantity>${processors}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits>
        <rasd:ElementName>${memory} MiB of memory</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID>
        <rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>${memory}</rasd:VirtualQuantity>
      </Item>
      <Item>
        <rasd:Address>0</rasd:Address>
        <rasd:ElementName>SCSI controller 0</rasd:ElementName>
        <rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>lsilogic</rasd:ResourceSubType>
        <rasd:ResourceType>6</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>0</rasd:AddressOnParent>
        <rasd:ElementName>Hard disk 1</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/disk1</rasd:HostResource>
        <rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent>
        <rasd:ResourceType>17</rasd:ResourceType>
      </Item>
      <Item>
        <rasd:AddressOnParent>7</rasd:AddressOnParent>
        <rasd:AutomaticAllocation>true</rasd:AutomaticAllocation>
        <rasd:Connection>VM Network</rasd:Connection>
        <rasd:ElementName>Network adapter 1</rasd:ElementName>
        <rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>E1000</rasd:ResourceSubType>
        <rasd:ResourceType>10</rasd:ResourceType>
      </Item>
      <vmw:Config ovf:required="false" vmw:key="firmware" vmw:value="efi"/>
      <vmw:Config ovf:required="false" vmw:key="bootOptions.efiSecureBootEnabled" vmw:value="${secureBoot}"/>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
${rest}`;
}
