/** A question to people, whole, with its answers beside it. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { planDecision } from './changes.ts';
import { LongText } from './long-text.tsx';
import { Go, Pill } from './parts.tsx';
import type { OpenGate } from '../told.ts';

/** `inRun`: it stands on the page of its run, which needs no link. */
export function GateCard({
  gate,
  inRun,
}: {
  readonly gate: OpenGate;
  readonly inRun?: boolean;
}): VNode {
  return (
    <article class="gate" aria-label={`Gate ${gate.gate}`} data-row tabIndex={-1}>
      <header>
        <Pill
          state="waiting-human"
          text={gate.mine ? 'waits for you' : `waits for ${gate.approvers.join(', ')}`}
        />
        {gate.quorum > 1 ? (
          <span class="soft">
            {gate.received} of {gate.quorum} have answered
          </span>
        ) : null}
        <span class="grow" />
        {inRun === true ? null : <Go to={{ at: 'run', id: gate.run, tab: 'graph' }}>{gate.run}</Go>}
        <Go to={{ at: 'message', id: gate.id }}>Question</Go>
      </header>
      <h3>{gate.title}</h3>
      {gate.asks === '' ? null : (
        <LongText text={gate.asks} lines={inRun === true ? 60 : 14} below={3} />
      )}
      {gate.mine ? (
        <Answers gate={gate} />
      ) : (
        <p class="soft">
          Only {gate.approvers.join(', ')} may answer; you are {gate.me ?? 'unknown to git'}.
        </p>
      )}
    </article>
  );
}

/** The ways to answer it. */
export function Answers({ gate }: { readonly gate: OpenGate }): VNode {
  const [text, setText] = useState('');
  const needsText = gate.form === 'input';
  const decide = (decision: 'approve' | 'deny', choice?: string): void => {
    planDecision(
      gate,
      { decision, text: text.trim(), ...(choice === undefined ? {} : { choice }) },
      () => setText(text),
    );
    setText('');
  };
  return (
    <form
      class="decide"
      onSubmit={(event) => {
        event.preventDefault();
        decide('approve');
      }}
    >
      <textarea
        rows={needsText ? 3 : 1}
        value={text}
        required={needsText}
        aria-label={needsText ? 'Your answer' : 'Comment'}
        placeholder={needsText ? 'Your answer' : 'Comment (optional)'}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="decide-foot">
        {gate.form === 'choose' ? (
          gate.choices.map((choice) => (
            <button
              type="button"
              class="button"
              key={choice}
              onClick={() => decide('approve', choice)}
            >
              {choice}
            </button>
          ))
        ) : (
          <>
            <button type="submit" class="button main" data-press="a">
              {needsText ? 'Answer' : 'Approve'}
            </button>
            <button type="button" class="button" data-press="d" onClick={() => decide('deny')}>
              Deny
            </button>
          </>
        )}
      </div>
    </form>
  );
}
