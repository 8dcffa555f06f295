import { type Fields, textField } from '../../console/kit/field.ts';

/** The form in which the serial number of a disk is typed that is erased. @param proof what it must be */
export function serialFields(proof: string): Fields<'serial'> {
  return [
    textField({
      name: 'serial',
      label: 'Serial number',
      hint: proof,
      longest: 256,
      problem: ({ serial }) => (serial === proof ? null : `It is ${proof}.`),
    }),
  ];
}
