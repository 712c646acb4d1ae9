// What a verdict's decision means, in words.

export interface Decided {
  name: string
  means: string
  tone: 'good' | 'even' | 'bad'
}

const DECISIONS: Record<string, Decided> = {
  SHIP: { name: 'SHIP', means: 'It writes more like you: you can let it write.', tone: 'good' },
  KEEP: { name: 'KEEP', means: 'It is no better; whoever wrote until now goes on.', tone: 'even' },
  UNPROVEN: {
    name: 'UNPROVEN',
    means: 'There is too little to tell whether it is better.',
    tone: 'even',
  },
  BLOCKED: { name: 'BLOCKED', means: 'Something stands against letting it write.', tone: 'bad' },
  RETIRE: {
    name: 'RETIRE',
    means: 'It writes less like you than the others; better put it away.',
    tone: 'bad',
  },
}

const GUARDS: Record<string, string> = {
  copied_run: 'Copying in a row:',
  copied_share: 'Copying in all:',
  near_duplicate: 'The same again:',
  repetition: 'Repetition:',
  sense: 'Sense:',
  length: 'Length:',
  topic: 'Topic:',
  bot_tell: 'Signs of a machine:',
}

/** What a guardrail watches for, in words. */
export const guarded = (guard: string): string => GUARDS[guard] ?? `${guard}:`

/** `writes`: the adapter it was decided of is the one that writes. */
export function decided(decision: string, writes = false): Decided {
  const found = DECISIONS[decision.toUpperCase()] ?? { name: decision, means: '', tone: 'even' }
  return writes && found.name === 'SHIP'
    ? { ...found, means: 'It writes more like you, and writes from now on.' }
    : found
}
