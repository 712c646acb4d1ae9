// Contrast of text and field borders in both themes, by the WCAG formula.

import { expect, test } from 'vitest'
import css from './tokens.css?raw'

type Tokens = Record<string, string>
const tokens = (part = ''): Tokens =>
  Object.fromEntries(
    [...part.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, colour]) => [name!, colour!]),
  )
const [first, second] = css.split('prefers-color-scheme: dark')
const light = tokens(first)
const dark = { ...light, ...tokens(second) }

function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!
}
function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (high! + 0.05) / (low! + 0.05)
}

const SURFACES = ['desk', 'paper', 'field']

test.each([
  ['light', light],
  ['dark', dark],
])('in the %s theme text has a contrast of 4.5:1 and field borders of 3:1', (_, theme) => {
  const tooLow = (ink: string, surfaces: string[], minimum: number) =>
    surfaces
      .filter((surface) => contrast(theme[ink]!, theme[surface]!) < minimum)
      .map((surface) => `${ink} on ${surface}`)
  expect([
    ...tooLow('ink', [...SURFACES, 'accent-wash'], 4.5),
    ...tooLow('ink-soft', [...SURFACES, 'accent-wash'], 4.5),
    ...tooLow('ink-faint', SURFACES, 4.5),
    ...tooLow('accent', [...SURFACES, 'accent-wash'], 4.5),
    ...tooLow('field-line', SURFACES, 3),
  ]).toEqual([])
})
