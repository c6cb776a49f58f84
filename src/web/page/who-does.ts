/** Who works on a task, in words. Pure. */
import type { Task } from '../told.ts';

/** The model, and the host that works or worked on it. */
export function whoDoes(task: Task): string {
  const host = task.host ?? task.heldBy;
  const model = task.to.split('@')[0] ?? task.to;
  return task.to === 'workflow' ? 'its own run' : host === null ? model : `${model} on ${host}`;
}
