/**
 * `workflow plan`: the graph, the hosts that can serve each step, and the most agents and money a
 * run can take. Nothing runs.
 */
import { isListStep, ITEMS_MAX, type Plan, type Prompt, type Step } from '../language/plan.ts';
import { inOrder } from '../language/reach.ts';

export interface PlannedStep {
  readonly id: string;
  readonly kind: string;
  /** How deep inside groups. */
  readonly depth: number;
  readonly needs: readonly string[];
  readonly models: readonly string[];
  readonly hosts: readonly string[];
  /**
   * Agents in the worst case: every retry, fallback, re-ask and pass. `perItem` when the number of
   * items is known only at run time.
   */
  readonly agentsMax: number;
  readonly perItem: boolean;
}

export interface PlannedRun {
  readonly name: string;
  readonly steps: readonly PlannedStep[];
  /** The worst case of all steps, never above the budget. */
  readonly agentsMax: number;
  /** True when a list that is only known at run time makes the budget the bound. */
  readonly isBoundByBudget: boolean;
  readonly usdMax: number | null;
  readonly maxParallel: number;
}

/** The plan as it would run. `served` maps models to live hosts. */
export function planWorkflow(
  plan: Plan,
  served: ReadonlyMap<string, readonly string[]>,
): PlannedRun {
  const steps =
    [...plan.steps, ...plan.final].length === 0
      ? []
      : walk([...inOrder(plan.steps), ...inOrder(plan.final)], {
          depth: 0,
          times: 1,
          perItem: false,
          served,
        });
  const total = steps.reduce((sum, step) => sum + step.agentsMax, 0);
  const isOpen = steps.some((step) => step.perItem && step.agentsMax > 0);
  const cap = plan.budget.agents ?? Infinity;
  return {
    name: plan.name,
    steps,
    agentsMax: isOpen ? (Number.isFinite(cap) ? cap : total * ITEMS_MAX) : Math.min(total, cap),
    isBoundByBudget: isOpen || total > cap,
    usdMax: plan.budget.usd,
    maxParallel: plan.maxParallel,
  };
}

interface Around {
  readonly depth: number;
  readonly times: number;
  readonly perItem: boolean;
  readonly served: ReadonlyMap<string, readonly string[]>;
}

function walk(steps: readonly Step[], around: Around): readonly PlannedStep[] {
  return steps.flatMap((step) => {
    const items = itemCount(step);
    const times = around.times * (items ?? 1) * (step.repeat?.max ?? 1);
    const perItem = around.perItem || items === null;
    const { body } = step;
    const models = body.kind === 'prompt' ? modelsOf(body) : [];
    const own: PlannedStep = {
      id: step.id,
      kind: body.kind,
      depth: around.depth,
      needs: step.needs,
      models,
      hosts: [
        ...new Set(models.flatMap((model) => around.served.get(model.split('@')[0] ?? '') ?? [])),
      ].sort(),
      agentsMax: body.kind === 'prompt' ? times * chainMax(body) : 0,
      perItem,
    };
    return body.kind === 'group'
      ? [own, ...walk(inOrder(body.steps), { ...around, depth: around.depth + 1, times, perItem })]
      : [own];
  });
}

/** How many items a step fans out over; null when only the run knows. */
function itemCount(step: Step): number | null {
  if (!isListStep(step)) return 1;
  if (step.each !== null) return step.each.kind === 'list' ? step.each.items.length : null;
  return step.matrix.reduce<number | null>(
    (product, [, source]) =>
      product === null || source.kind !== 'list' ? null : product * source.items.length,
    1,
  );
}

function modelsOf(prompt: Prompt): readonly string[] {
  const join = prompt.join.kind === 'model' ? prompt.join.models : [];
  return [...new Set([...(prompt.spread.length > 0 ? prompt.spread : prompt.models), ...join])];
}

function chainMax(prompt: Prompt): number {
  const count = typeof prompt.count === 'number' ? prompt.count : 10;
  const each = (models: number): number =>
    models *
    (1 +
      prompt.retry.max +
      (prompt.schema === null && prompt.checks.length === 0 ? 0 : prompt.reask));
  const candidates =
    prompt.spread.length > 0
      ? prompt.spread.length * count * each(1)
      : count * each(prompt.models.length);
  return (
    candidates +
    (prompt.join.kind === 'model'
      ? prompt.join.models.length *
        (1 + prompt.retry.max + (prompt.join.schema === null ? 0 : prompt.reask))
      : 0)
  );
}
