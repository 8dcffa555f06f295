import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { makeHostInfo } from '../../../../../apps/agent/membership/reporting/host-message.ts';
import { ARCHITECTURE } from '../../../../../apps/host/image.ts';
import { HardwareIdentitySchema } from '../../../../../apps/proto/gen/quantix/v1/host_pb.js';
import { HOST } from '../../../../screens/machine.ts';

test('a host reports its architecture and base, for which releases are made', () => {
  const hardware = create(HardwareIdentitySchema);
  expect(makeHostInfo({ ...HOST, base: 'debian' }, '1.0.0', hardware)).toMatchObject({
    ...{ product: HOST.product, productVersion: HOST.version },
    ...{ architecture: ARCHITECTURE, base: 'debian' },
  });
});
