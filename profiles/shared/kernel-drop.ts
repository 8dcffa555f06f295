/**
 * Kernel modules left out of both appliances: servers and virtual machines do not have the device, or do not use the
 * protocol. Paths are those of the kernel's source; a path includes everything below it. Modules that other modules in
 * the image depend on are not left out, nor are the drivers in `drivers.ts`.
 */

const SOUND = 'an appliance makes no sound';
const CAMERA = 'cameras, television and radio';
const DESKTOP_GRAPHICS =
  'for desktops; the consoles use the frame buffer that the firmware or a simple driver offers';
const RADIO = 'radio links besides WiFi';
const OLD_WIFI = 'WiFi cards from before 802.11n, which cannot join today’s networks';
const GAMES = 'for games and drawing';
const MOUSE = 'mice, which the consoles do not use; looking for one takes a boot a second';
const TABLET = 'parts of tablets and laptops';
const SENSORS = 'sensors and laboratory instruments';
const EMBEDDED = 'parts of embedded boards';
const OLD_BUS = 'a bus that no server has had since 2010';
const OLD_NETWORK = 'networks and protocols that Ethernet and TCP have replaced';
const OLD_FILES = 'file systems of other and older systems';
const FLASH = 'raw flash memory, which is on embedded boards only';
const FABRIC = 'the fabric of a supercomputer';
const SWITCHES = 'virtual switches besides the bridge, which is what guests are connected with';
const KERNEL_TESTS = 'tests of the kernel itself';

function because(reason: string, paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, reason]));
}

const below = (directory: string, names: string): string[] =>
  names.split(' ').map((name) => `${directory}/${name}`);

export const drop = {
  ...because(SOUND, ['sound', 'drivers/soundwire', 'drivers/slimbus', 'drivers/input/misc/pcspkr']),
  ...because(CAMERA, ['drivers/media', 'drivers/usb/image']),
  ...because(DESKTOP_GRAPHICS, [
    ...below('drivers/gpu/drm', 'amd gma500 i2c i915 nouveau radeon udl gud vgem vkms xe'),
    'drivers/video/fbdev',
    'drivers/usb/misc/sisusbvga',
  ]),
  ...because(RADIO, [
    ...below('net', '6lowpan ax25 bluetooth can ieee802154 mac802154 netrom nfc phonet qrtr rose'),
    ...below('drivers', 'bluetooth gnss nfc'),
    ...below('drivers/net', 'can hamradio ieee802154 mhi_net wwan'),
    'net/batman-adv',
  ]),
  ...because(OLD_WIFI, [
    ...below('drivers/net/wireless', 'admtek atmel cisco intersil ray_cs rndis_wlan rsi'),
    ...below('drivers/net/wireless', 'wl3501_cs zydas legacy'),
    ...below('drivers/net/wireless/ath', 'ar5523 ath5k carl9170 wil6210'),
    ...below('drivers/net/wireless/intel', 'ipw2x00 iwlegacy'),
    ...below('drivers/net/wireless/marvell', 'libertas libertas_tf mwl8k'),
    ...below('drivers/net/wireless/realtek', 'rtl818x'),
    'drivers/net/wireless/broadcom/b43legacy',
  ]),
  ...because(GAMES, [
    ...below('drivers/input', 'gameport joystick tablet joydev'),
    ...below(
      'drivers/hid',
      'hid-nintendo hid-picolcd hid-playstation hid-roccat* hid-sony hid-steam',
    ),
    ...below('drivers/hid', 'hid-thrustmaster hid-uclogic hid-udraw-ps3 hid-wiimote wacom'),
  ]),
  ...because(MOUSE, [
    'drivers/input/mouse',
    'drivers/input/mousedev',
    'drivers/input/serio/serio_raw',
  ]),
  ...because(TABLET, [
    ...below('drivers/input', 'rmi4 touchscreen'),
    ...below('drivers/hid', 'amd-sfh-hid hid-rmi hid-sensor-* i2c-hid intel-ish-hid surface-hid'),
    ...below('drivers/platform', 'chrome surface'),
    ...below('drivers/platform/x86', '*-laptop thinkpad_acpi x86-android-tablets'),
    ...below('drivers', 'accessibility android memstick power/supply'),
  ]),
  ...because(SENSORS, ['drivers/iio', 'drivers/comedi', 'drivers/counter', 'drivers/w1']),
  ...because(EMBEDDED, [
    ...below('drivers', 'fpga fsi greybus hwtracing most soc/qcom usb/gadget staging'),
    'drivers/net/ethernet/stmicro',
  ]),
  ...because(OLD_BUS, [
    ...below('drivers', 'firewire isdn parport pcmcia'),
    ...below('drivers/ata', 'pata_legacy pata_pcmcia'),
    ...below('drivers/char', 'lp mwave pcmcia ppdev'),
    ...below('drivers/scsi', 'advansys aic7xxx aic94xx dc395x imm ips ppa pcmcia'),
    ...below('drivers/net', 'plip'),
    ...below(
      'drivers/net/ethernet',
      '3com adaptec alteon fealnx fujitsu packetengines silan xircom',
    ),
    'drivers/usb/host/sl811_cs',
  ]),
  ...because(OLD_NETWORK, [
    ...below('net', 'appletalk atm dccp kcm lapb rxrpc tipc x25'),
    ...below('drivers', 'atm usb/atm'),
    ...below('drivers/net', 'appletalk arcnet fddi fjes hippi sb1000 wan'),
  ]),
  ...because(OLD_FILES, [
    ...below('fs', 'adfs affs afs befs bfs coda ecryptfs efs freevxfs hfs hfsplus hpfs jfs minix'),
    ...below('fs', 'nilfs2 omfs orangefs qnx4 qnx6 reiserfs romfs sysv ufs vboxsf'),
  ]),
  ...because(FLASH, ['drivers/mtd', 'fs/jffs2', 'fs/ubifs', 'fs/f2fs']),
  ...because(FABRIC, [
    ...below('drivers/infiniband/hw', 'hfi1 ocrdma qib usnic'),
    'drivers/infiniband/ulp/opa_vnic',
  ]),
  ...because(SWITCHES, ['net/openvswitch']),
  ...because(KERNEL_TESTS, [
    ...below('lib', '*-error-inject test_*'),
    ...below('drivers', 'block/null_blk scsi/scsi_debug usb/misc/usbtest'),
  ]),
};
