/** Whether a file can be started as a program. */
import { accessSync, constants, statSync } from 'node:fs';

/** True for a regular file that this user may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
