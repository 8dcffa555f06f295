import type { DescEnum, DescFile, DescMessage } from '@bufbuild/protobuf';
import { file_quantix_v1_host } from '../../../apps/proto/gen/quantix/v1/host_pb.js';
import { file_quantix_v1_node_service } from '../../../apps/proto/gen/quantix/v1/node_service_pb.js';
import { file_quantix_v1_position } from '../../../apps/proto/gen/quantix/v1/position_pb.js';
import { file_quantix_v1_refusal } from '../../../apps/proto/gen/quantix/v1/refusal_pb.js';
import { file_quantix_v1_storage } from '../../../apps/proto/gen/quantix/v1/storage_pb.js';
import { file_quantix_v1_task } from '../../../apps/proto/gen/quantix/v1/task_pb.js';
import { file_quantix_v1_version } from '../../../apps/proto/gen/quantix/v1/version_pb.js';
import { file_quantix_v1_vm } from '../../../apps/proto/gen/quantix/v1/vm_pb.js';
import { file_quantix_v1_vm_spec } from '../../../apps/proto/gen/quantix/v1/vm_spec_pb.js';

/** All files of the contract. */
export const files: readonly DescFile[] = [
  file_quantix_v1_host,
  file_quantix_v1_node_service,
  file_quantix_v1_position,
  file_quantix_v1_refusal,
  file_quantix_v1_storage,
  file_quantix_v1_task,
  file_quantix_v1_version,
  file_quantix_v1_vm,
  file_quantix_v1_vm_spec,
];

export const messages: readonly DescMessage[] = files.flatMap((file) => file.messages);
export const enums: readonly DescEnum[] = files.flatMap((file) => file.enums);
