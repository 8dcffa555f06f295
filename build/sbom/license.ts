import { Contrib, type Models } from '@cyclonedx/cyclonedx-library';
import parseLicense from 'spdx-expression-parse';

const LICENSES = new Contrib.License.Factories.LicenseFactory(parseLicense);

/** Parses a licence as an SPDX id, an SPDX expression or, if it is neither, a name. */
export function readLicense(text: string): Models.License {
  return LICENSES.makeFromString(text);
}
