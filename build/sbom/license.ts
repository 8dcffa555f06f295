import { Contrib, type Models } from '@cyclonedx/cyclonedx-library';
import parseLicense from 'spdx-expression-parse';

const LICENSES = new Contrib.License.Factories.LicenseFactory(parseLicense);

/** Makes of a licence's text an SPDX id, an SPDX expression, or, where it is neither, just a name. */
export function readLicense(text: string): Models.License {
  return LICENSES.makeFromString(text);
}
