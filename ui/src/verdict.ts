// Decisions and guardrails of a verdict, in words.

export interface Decision {
  name: string
  meaning: string
  tone: 'good' | 'neutral' | 'bad'
}

const DECISIONS: Record<string, Decision> = {
  SHIP: { name: 'SHIP', meaning: 'It sounds more like you. You can start using it.', tone: 'good' },
  KEEP: { name: 'KEEP', meaning: 'No improvement. Keep what you use now.', tone: 'neutral' },
  UNPROVEN: {
    name: 'UNPROVEN',
    meaning: 'Not enough evidence that it is better.',
    tone: 'neutral',
  },
  BLOCKED: {
    name: 'BLOCKED',
    meaning: 'A check failed. Read the reasons before you use it.',
    tone: 'bad',
  },
  RETIRE: {
    name: 'RETIRE',
    meaning: 'It sounds less like you than the alternatives. Archive it.',
    tone: 'bad',
  },
}

const GUARDRAILS: Record<string, string> = {
  copied_run: 'Longest copied passage',
  copied_share: 'Copied words',
  near_duplicate: 'Near-duplicates',
  repetition: 'Repetition',
  sense: 'Coherence',
  length: 'Length',
  topic: 'Topic',
  bot_tell: 'Machine-like phrases',
}

/** The name of a guardrail, in words. */
export const guardrailName = (guardrail: string): string => GUARDRAILS[guardrail] ?? guardrail

/** A decision in words. `inUse`: the adapter that it is about is the one in use. */
export function describeDecision(decision: string, inUse = false): Decision {
  const name = decision.toUpperCase()
  const known = DECISIONS[name] ?? { name: decision, meaning: '', tone: 'neutral' }
  if (inUse && name === 'SHIP')
    return { ...known, meaning: 'It sounds more like you and is in use.' }
  return known
}
